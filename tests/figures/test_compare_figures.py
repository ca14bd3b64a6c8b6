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
from emotion_core.figures.compare.forest import forest_plot, forest_rows
from emotion_core.figures.compare.labels import HEIGHT, LETTER, place_labels
from emotion_core.figures.compare.profile import profile
from emotion_core.figures.compare.trade_off import trade_off, trade_off_rows
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
    assert figure.layout.yaxis.range == (4.6, -0.75)
    words = {(note.x, round(note.y, 2)): note.text for note in figure.layout.annotations if note.yref == "y"}
    # Name and value of a row stand on a line of their own above its interval, whatever the width of the screen.
    assert words[0, -0.38] == "best"
    assert words[1, -0.38] == "0.600 [0.580, 0.630]"
    assert words[0, 2.62] == "&lt;b&gt;dead&lt;/b&gt;"
    assert words[1, 3.62] == "0.700, reported"
    assert not figure.layout.yaxis.visible
    assert "↑" in figure.layout.xaxis.title.text


def test_a_forest_groups_runs_the_group_with_the_best_first() -> None:
    table = TABLE.assign(group=["b", "a", "b", "c", "a", "<i>"])
    rows = forest_rows(table, "accuracy")
    assert rows["name"].tolist() == ["best", "near", "low", "<b>dead</b>", "resnet18 (A report)"]
    assert rows["group"].tolist() == ["a", "b", "b", "c", "<i>"]
    figure = forest_plot(table, "accuracy")
    heads = {note.text: note.y for note in figure.layout.annotations if note.text.startswith("<b>")}
    assert list(heads) == ["<b>a</b>", "<b>b</b>", "<b>c</b>", "<b>&lt;i&gt;</b>"]
    ours, theirs = figure.data
    # Each head takes three quarters of a row.
    assert ours.y == (0.75, 2.5, 3.5, 5.25)
    assert theirs.y == (7.0,)
    assert all(head < place - 0.9 for head, place in zip(heads.values(), (0.75, 2.5, 5.25, 7.0), strict=True))


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
        trade_off(TABLE, "accuracy", "size_mb", [])
    with pytest.raises(ValueError, match="two measures"):
        profile(TABLE, ["accuracy"])
    with pytest.raises(ValueError, match="one run"):
        profile(TABLE.iloc[:0], ["accuracy", "rmse_valence"])
    with pytest.raises(ValueError, match="one run"):
        class_dots(class_table({}, {}))
    with pytest.raises(ValueError, match="one image"):
        reliability_curves(pd.DataFrame({"count": []}))
    with pytest.raises(ValueError, match="No epoch"):
        training_curves(pd.DataFrame({"run": ["a"], "training": ["a"], "epoch": [1], "loss": [np.nan]}), "loss")
    with pytest.raises(ValueError, match="8 × 8"):
        confusion_heatmap(np.zeros((7, 7)), "a", by="row", limit=1)


def test_trade_off_joins_runs_worth_their_cost() -> None:
    rows = trade_off_rows(TABLE, "accuracy", "num_params_millions", ["near", "best", "resnet18 (A report)"])
    assert rows["name"].tolist() == ["<b>dead</b>", "near", "best", "resnet18 (A report)", "low"]
    # What was reported cannot be tested.
    assert rows.loc[rows["worth"], "name"].tolist() == ["near", "best"]
    figure = trade_off(TABLE, "accuracy", "num_params_millions", ["near", "best"])
    line, ours, theirs, *legend = figure.data
    assert (line.x, line.y) == ((2.0, 4.0), (0.58, 0.6))
    assert ours.marker.symbol == ("x", "circle", "circle", "circle")
    assert ours.marker.opacity == (0.45, 1.0, 1.0, 0.45)
    assert theirs.marker.symbol == ("circle-open",)
    assert theirs.x == (11.0,)
    assert theirs.error_y.array is None
    # Every colour of a point is in the legend, and every sign.
    assert {trace.marker.color for trace in legend} >= {*ours.marker.color, *theirs.marker.color}
    assert [trace.name for trace in legend] == ["resnet50", "resnet18", "vgg16", "reported", "collapsed"]
    assert all(trace.x == (None,) and trace.showlegend is None for trace in legend)
    assert figure.layout.title.text == "2 of 4 runs are worth their cost"


def test_trade_off_says_that_nothing_is_significantly_better() -> None:
    assert trade_off(TABLE, "accuracy", "num_params_millions", ["near"]).layout.title.text == (
        "No run that costs more is significantly better"
    )


def test_reported_values_that_are_far_away_do_not_press_measured_ones_together() -> None:
    far = [row(f"r{value}", "reported", accuracy=value, num_params_millions=9.0) for value in (0.1, 0.2, 0.66)]
    table = pd.concat([TABLE.iloc[1:3], pd.DataFrame(far)], ignore_index=True)
    figure = trade_off(table, "accuracy", "num_params_millions", ["near", "best"])
    # From 0.56, the lower end of an interval, to the reported value that is near enough, and a little room.
    assert figure.layout.yaxis.range == pytest.approx((0.56 - 0.008, 0.66 + 0.008))
    assert [note.text for note in figure.layout.annotations] == ["2 reported values lie below"]
    figure = trade_off(table.iloc[:3], "accuracy", "num_params_millions", ["near", "best"])
    assert [note.text for note in figure.layout.annotations] == ["1 reported value lies below"]


@pytest.mark.parametrize("seed", range(20))
def test_names_never_lie_over_each_other_or_over_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = [tuple(point) for point in rng.uniform(0, (290, 270), (9, 2))]
    names = ["a" * length for length in rng.integers(3, 20, 9)]
    sides = place_labels(points, names, 290)
    assert any(sides)
    # Also where everything is drawn further apart.
    for wider, taller in ((1, 1), (3, 1), (1, 2), (2.5, 1.5)):
        drawn = [(x * wider, y * taller) for x, y in points]
        boxes = [box(*point, LETTER * len(name), side) for point, name, side in zip(drawn, names, sides, strict=True) if side]
        assert not any(overlap(one, other) for one, other in combinations(boxes, 2))
        places = [place for place, side in enumerate(sides) if side]
        for place, mine in zip(places, boxes, strict=True):
            assert not any(
                mine[0] < x < mine[2] and mine[1] < y < mine[3] for other, (x, y) in enumerate(drawn) if other != place
            )


def box(x: float, y: float, width: float, side: str) -> tuple[float, float, float, float]:
    """Where plotly writes a name, as far as its documentation says it: beside, above or below its point."""
    up, across = side.split()
    left = {"right": x + 7, "left": x - 7 - width, "center": x - width / 2}[across]
    low = {"top": y + 5, "bottom": y - 5 - HEIGHT, "middle": y - HEIGHT / 2}[up]
    return left, low, left + width, low + HEIGHT


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_a_profile_spans_intervals_and_has_better_on_top() -> None:
    table = TABLE.iloc[:3].assign(rmse_valence_low=[0.28, 0.45, 0.38], rmse_valence_high=[0.33, 0.55, 0.43])
    figure = profile(table, ["accuracy", "rmse_valence"])
    assert [trace.name for trace in figure.data] == ["low", "best", "near"]
    # From 0.28, the lowest end of any interval, to 0.63; from 0.55 down to 0.28.
    assert figure.data[0].y == pytest.approx((0.02 / 0.35, 0.25 / 0.27))
    assert figure.data[0].error_y.array == pytest.approx((0.03 / 0.35, 0.02 / 0.27))
    assert figure.data[0].error_y.arrayminus == pytest.approx((0.02 / 0.35, 0.03 / 0.27))
    assert figure.data[1].y == pytest.approx((0.32 / 0.35, 0.05 / 0.27))
    notes = {(note.x, note.y > 0.5): note.text for note in figure.layout.annotations}
    assert notes == {(0, True): "0.630", (0, False): "0.280", (1, True): "0.280", (1, False): "0.550"}
    # No two runs stand in one place, so that no interval hides another.
    assert len({x for trace in figure.data for x in trace.x}) == 6


def test_a_profile_of_runs_alike_does_not_pull_them_apart() -> None:
    table = TABLE.iloc[[1, 2]].assign(accuracy=[0.564, 0.544], accuracy_low=[0.53, 0.51], accuracy_high=[0.60, 0.58])
    better, worse = profile(table, ["accuracy", "rmse_valence"]).data
    assert better.y[0] - worse.y[0] == pytest.approx(0.02 / 0.09)


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
    "a": {
        "a": [
            {"epoch": 1, "phase": "heads", "loss": 4.0, "note": {"x": 1}},
            {"epoch": 2, "phase": "heads", "loss": 2.0},
            {"epoch": 3, "phase": "tune", "loss": None},
            {"epoch": 4, "phase": "tune", "loss": 0.5, "score": 0.7},
        ]
    },
    "b": {"b": [{"loss": 1.0}]},
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
    assert not start.showlegend
    assert other.mode == "lines+markers"  # a single point would make no line
    assert curve_measures(history_table({}, {})) == []


def test_smoothed_curves_keep_the_raw_ones_behind() -> None:
    assert smooth(pd.Series([1.0, 2.0, 6.0]), 3).tolist() == [1.5, 3.0, 4.0]
    raw, line, *_ = training_curves(history_table(HISTORIES, {"a": "vgg16", "b": "vgg16"}), "loss", smoothed=True).data
    assert raw.y == (4.0, 2.0, 0.5)
    assert raw.opacity < 0.5
    assert not raw.showlegend
    assert line.y == pytest.approx((6.5 / 3, 6.5 / 3, 6.5 / 3))


def test_a_mean_of_weights_has_a_line_for_each_of_its_trainings() -> None:
    histories = {"mean": {f"seed{seed}": [{"loss": seed + 1.0}, {"loss": seed + 0.5}] for seed in range(3)}}
    figure = training_curves(history_table(histories, {"mean": "vgg16"}), "loss")
    assert [trace.y for trace in figure.data] == [(1.0, 0.5), (2.0, 1.5), (3.0, 2.5)]
    assert len({trace.line.color for trace in figure.data}) == 1
    assert [(trace.name, trace.showlegend) for trace in figure.data] == [
        ("mean, 3 trainings", True), ("mean, 3 trainings", False), ("mean, 3 trainings", False),
    ]  # fmt: skip
    assert [trace.text for trace in figure.data] == ["seed0", "seed1", "seed2"]


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
