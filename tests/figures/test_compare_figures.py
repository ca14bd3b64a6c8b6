"""Figures that compare runs say what the tables say."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.compare.answers import class_table
from emotion_core.compare.trainings import history_table
from emotion_core.figures.compare.classes import class_dots, confusion_heatmap, reliability_curves
from emotion_core.figures.compare.coverage import coverage_curves
from emotion_core.figures.compare.curves import curve_measures, smooth, training_curves
from emotion_core.figures.compare.forest import forest_plot, forest_rows, parallel_lines
from emotion_core.figures.compare.trade_off import pareto_front, trade_off, trade_off_rows
from emotion_core.figures.run_styles import BACKBONE_COLOURS, OTHER_COLOURS, backbone_colour, run_styles
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.selective import risk_coverage

DARK, LIGHT = "#0e1117", "#ffffff"


def row(name: str, kind: str = "measured", backbone: str = "resnet50", **values: Any) -> dict[str, Any]:
    cells: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "backbone": backbone,
        "apart": "",
        "collapsed": "",
        "source": "s",
        "images": 9,
    }
    for measure in ("accuracy", "rmse_valence"):
        cells |= {measure: np.nan, f"{measure}_low": None, f"{measure}_high": None, f"{measure}_mark": ""}
    return cells | values


def measured(name: str, value: float, **values: Any) -> dict[str, Any]:
    return row(name, accuracy=value, accuracy_low=value - 0.02, accuracy_high=value + 0.03, **values)


TABLE = pd.DataFrame(
    [
        measured("low", 0.3, backbone="vgg16", num_params_millions=14.0, rmse_valence=0.3),
        measured("best", 0.6, accuracy_mark="best", num_params_millions=4.0, rmse_valence=0.5),
        measured("near", 0.58, accuracy_mark="like best", num_params_millions=2.0, rmse_valence=0.4),
        measured("<b>dead</b>", 0.125, collapsed="It says fear.", num_params_millions=1.0, rmse_valence=0.9),
        row("none"),
        row("resnet18 (A report)", "reported", "resnet18", accuracy=0.7, num_params_millions=11.0, apart="Reported."),
    ]
)


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("page", [LIGHT, DARK])
@pytest.mark.parametrize("colour", [*BACKBONE_COLOURS.values(), *OTHER_COLOURS])
def test_lines_stand_out_from_both_pages(colour: str, page: str) -> None:
    low, high = sorted(float(linear(one) @ [0.2126, 0.7152, 0.0722]) for one in (colour, page))
    assert (high + 0.05) / (low + 0.05) >= 3


def test_backbones_differ_in_colour_and_runs_of_one_in_dash_and_marker() -> None:
    colours = [*BACKBONE_COLOURS.values(), *OTHER_COLOURS]
    assert all(first != second for first, second in combinations(colours, 2))
    assert backbone_colour("maxvit_t") in OTHER_COLOURS
    assert backbone_colour("maxvit_t") == backbone_colour("maxvit_t")
    one, two, three = run_styles(["vgg16", "resnet50", "vgg16"])
    assert one.colour == three.colour == BACKBONE_COLOURS["vgg16"] != two.colour
    assert (one.dash, one.symbol) == (two.dash, two.symbol) != (three.dash, three.symbol)
    assert len(run_styles(["vgg16"] * 50)) == 50


def test_a_forest_has_the_best_on_top_and_the_reported_below() -> None:
    assert forest_rows(TABLE, "accuracy")["name"].tolist() == ["best", "near", "low", "<b>dead</b>", "resnet18 (A report)"]
    assert forest_rows(TABLE, "rmse_valence")["name"].tolist() == ["low", "near", "best", "<b>dead</b>"]
    figure = forest_plot(TABLE, "accuracy", baseline="near")
    ours, theirs = figure.data
    assert ours.x == (0.6, 0.58, 0.3, 0.125)
    assert ours.y == (0, 1, 2, 3)
    assert ours.error_x.array == pytest.approx([0.03] * 4)
    assert ours.error_x.arrayminus == pytest.approx([0.02] * 4)
    assert ours.marker.color[2] == BACKBONE_COLOURS["vgg16"]
    assert ours.marker.symbol == ("circle", "circle", "circle", "x")
    assert theirs.x == (0.7,)
    assert theirs.y == (4,)
    assert theirs.marker.symbol == ("circle-open",)
    assert theirs.error_x.array is None
    assert [shape.x0 for shape in figure.layout.shapes if shape.x0 == shape.x1] == [0.58]
    assert figure.layout.yaxis.range == (4.6, -0.6)
    assert "<b>" not in figure.layout.yaxis.ticktext[3]
    assert "↑" in figure.layout.xaxis.title.text


@pytest.mark.parametrize(
    ("marks", "title"),
    [
        ({"best": "best", "near": "like best"}, "One is not significantly different from the best"),
        ({"best": "best", "near": "like best", "low": "like best"}, "2 are not significantly different from the best"),
        ({"best": "best"}, "best is best"),
        ({}, "How good is each? Accuracy"),
    ],
)
def test_a_forest_s_title_is_the_finding(marks: dict[str, str], title: str) -> None:
    table = TABLE.assign(accuracy_mark=[marks.get(name, "") for name in TABLE["name"]])
    assert forest_plot(table, "accuracy").layout.title.text == title


def test_nothing_is_not_drawn() -> None:
    with pytest.raises(ValueError, match="No entry has the measure"):
        forest_plot(TABLE[TABLE["name"] == "none"], "accuracy")
    with pytest.raises(ValueError, match="No entry has both"):
        trade_off(TABLE, "accuracy", "size_mb")
    with pytest.raises(ValueError, match="two measures"):
        parallel_lines(TABLE, ["accuracy"])
    with pytest.raises(ValueError, match="one run"):
        parallel_lines(TABLE.iloc[:0], ["accuracy", "rmse_valence"])
    with pytest.raises(ValueError, match="one run"):
        class_dots(class_table({}, {}))
    with pytest.raises(ValueError, match="one image"):
        reliability_curves(pd.DataFrame({"count": []}))
    with pytest.raises(ValueError, match="No epoch"):
        training_curves(pd.DataFrame({"run": ["a"], "backbone": ["b"], "epoch": [1], "loss": [np.nan]}), "loss")
    with pytest.raises(ValueError, match="8 × 8"):
        confusion_heatmap(np.zeros((7, 7)), "a", by="row", limit=1)


@pytest.mark.parametrize(
    ("costs", "values", "better", "front"),
    [
        ([1, 2, 3, 4], [0.2, 0.5, 0.4, 0.6], "higher", [0, 1, 3]),
        ([1, 2, 3, 4], [0.2, 0.5, 0.4, 0.1], "lower", [0, 3]),
        ([2, 2, 1], [0.5, 0.6, 0.6], "higher", [2]),
        ([1, 1], [0.5, 0.5], "higher", [0]),
        ([3], [0.1], "lower", [0]),
        ([], [], "higher", []),
    ],
)
def test_pareto_front(costs: list[float], values: list[float], better: Any, front: list[int]) -> None:
    assert pareto_front(costs, values, better=better) == front


def test_trade_off_joins_runs_worth_their_cost() -> None:
    rows = trade_off_rows(TABLE, "accuracy", "num_params_millions")
    assert rows["name"].tolist() == ["<b>dead</b>", "near", "best", "resnet18 (A report)", "low"]
    # A collapsed run is cheap, a reported one good: neither is on the front.
    assert rows.loc[rows["front"], "name"].tolist() == ["near", "best"]
    line, ours, theirs = trade_off(TABLE, "accuracy", "num_params_millions").data
    assert (line.x, line.y) == ((2.0, 4.0), (0.58, 0.6))
    assert ours.marker.symbol == ("x", "circle", "circle", "circle")
    assert theirs.marker.symbol == ("circle-open",)
    assert theirs.x == (11.0,)
    assert theirs.error_y.array is None


def test_parallel_lines_have_better_on_top() -> None:
    figure = parallel_lines(TABLE.iloc[:3], ["accuracy", "rmse_valence"])
    assert [trace.name for trace in figure.data] == ["low", "best", "near"]
    assert figure.data[0].y == (0.0, 1.0)
    assert figure.data[1].y == (1.0, 0.0)
    assert figure.data[2].y == pytest.approx((0.28 / 0.3, 0.5))
    notes = {(note.x, note.y > 0.5): note.text for note in figure.layout.annotations}
    assert notes == {(0, True): "0.600", (0, False): "0.300", (1, True): "0.300", (1, False): "0.500"}
    alike = parallel_lines(TABLE.iloc[[0, 0]], ["accuracy", "rmse_valence"])
    assert alike.data[0].y == (0.5, 0.5)


def test_confusion_heat_map() -> None:
    values = np.zeros((8, 8))
    values[0, 1], values[2, 2] = 3, 40
    figure = confusion_heatmap(values, "<i>run</i>", by="count", limit=50)
    [cells] = figure.data
    assert (cells.zmin, cells.zmax) == (0, 50)
    assert np.array_equal(cells.z, values)
    assert tuple(cells.x) == tuple(cells.y) == EXPRESSIONS
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.yaxis.scaleanchor == "x"
    assert {(note.y, note.x): note.text for note in figure.layout.annotations} == {
        ("neutral", "happiness"): "3",
        ("sadness", "sadness"): "40",
    }
    assert figure.layout.title.text == "&lt;i&gt;run&lt;/i&gt;"
    difference = confusion_heatmap(values / 100 - 0.1, "d", by="row", limit=0.3, difference=True)
    assert (difference.data[0].zmin, difference.data[0].zmax) == (-0.3, 0.3)
    assert {note.text for note in difference.layout.annotations} == {"−.10", "−.07", "+.30"}


def test_classes_are_ordered_by_how_well_they_are_known() -> None:
    counts = np.diag([5, 9, 1, 0, 0, 0, 0, 0])
    counts[2, 0] = 8
    table = class_table({"a": counts, "b": counts.T}, {"a": "vgg16", "b": "resnet50"})
    assert table["expression"].tolist() == ["neutral", "happiness", "sadness"] * 2  # no expression without an image
    assert table["f1"][0] == pytest.approx(2 * 5 / (5 + 13))
    figure = class_dots(table)
    assert figure.layout.yaxis.categoryarray == ("happiness", "neutral", "sadness")
    assert figure.layout.title.text == "Happiness is read best, sadness worst"
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert figure.data[0].marker.color == BACKBONE_COLOURS["vgg16"]
    assert figure.data[0].x == pytest.approx((1.0, 10 / 18, 2 / 10))


def test_reliability_leaves_out_empty_bins() -> None:
    bins = pd.DataFrame(
        {
            "run": "a",
            "backbone": "vgg16",
            "ece": 0.1234,
            "count": [0, 4, 16],
            "confidence": [np.nan, 0.5, 0.9],
            "accuracy": [np.nan, 0.4, 1],
        }
    )
    figure = reliability_curves(bins)
    diagonal, curve = figure.data
    assert diagonal.x == diagonal.y == (0, 1)
    assert (curve.x, curve.y) == ((0.5, 0.9), (0.4, 1.0))
    assert curve.name == "a, ECE 0.123"
    assert curve.marker.size[1] == 14
    assert figure.layout.yaxis.scaleanchor == "x"


HISTORIES = {
    "a": [
        {"epoch": 1, "phase": "heads", "loss": 4.0, "note": {"x": 1}},
        {"epoch": 2, "phase": "heads", "loss": 2.0},
        {"epoch": 3, "phase": "tune", "loss": None},
        {"epoch": 4, "phase": "tune", "loss": 0.5, "score": 0.7},
    ],
    "b": [{"loss": 1.0}],
}


def test_training_curves_mark_phases() -> None:
    table = history_table(HISTORIES, {"a": "vgg16", "b": "resnet50"})
    assert table["epoch"].tolist() == [1, 2, 3, 4, 1]
    assert curve_measures(table) == ["score", "loss"]
    figure = training_curves(table, "loss")
    line, start, other = figure.data
    assert [(note.x, note.text) for note in figure.layout.annotations] == [(4, "tune")]
    assert (line.x, line.y) == ((1, 2, 4), (4.0, 2.0, 0.5))
    assert (start.x, start.y) == ((4,), (0.5,))
    assert start.customdata == ("tune",)
    assert other.mode == "lines+markers"  # a single point would make no line
    assert curve_measures(history_table({}, {})) == []


def test_smoothed_curves_keep_the_raw_ones_behind() -> None:
    assert smooth(pd.Series([1.0, 2.0, 6.0]), 3).tolist() == [1.5, 3.0, 4.0]
    raw, line, *_ = training_curves(history_table(HISTORIES, {"a": "vgg16", "b": "vgg16"}), "loss", smoothed=True).data
    assert raw.y == (4.0, 2.0, 0.5)
    assert raw.opacity < 0.5
    assert not raw.showlegend
    assert line.y == pytest.approx((6.5 / 3, 6.5 / 3, 6.5 / 3))


def test_coverage_curves_have_a_line_a_run_and_bands_while_they_are_few() -> None:
    curve = risk_coverage([[0.9, 0.1], [0.6, 0.4], [0.8, 0.2]], [0, 1, 0], resamples=20)

    def table(runs: int) -> pd.DataFrame:
        return pd.concat([curve.assign(run=f"run {number}", backbone="vgg16") for number in range(runs)], ignore_index=True)

    for runs, bands in ((1, 1), (4, 4), (5, 0)):
        figure = coverage_curves(table(runs))
        lines = [trace for trace in figure.data if trace.showlegend is not False]
        assert len(lines) == runs
        assert len(figure.data) == runs + bands
    line, band = coverage_curves(table(1)).data[::-1]
    assert list(line.x) == curve["coverage"].tolist()
    assert list(line.y) == curve["accuracy"].tolist()
    assert list(band.y) == [*curve["high"], *curve["low"][::-1]]
    with pytest.raises(ValueError, match="At least one curve"):
        coverage_curves(table(1).iloc[:0])
