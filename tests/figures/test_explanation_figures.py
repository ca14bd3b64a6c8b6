"""Figures of explanations show the numbers that they are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from emotion_core.explain.methods import METHODS
from emotion_core.figures.errors.explanations import METHOD_COLOURS, OUTLINE, curve_figure, mean_maps_figure, score_figure


def entry(title: str, value: float, *, control: bool = False, images: int = 200) -> dict[str, Any]:
    interval = {"value": value, "low": value - 0.05, "high": value + 0.02}
    return {
        "title": title,
        "control": control,
        "images": images,
        "insertion_curve": [0.1, value, 0.6],
        "deletion_curve": [0.6, value / 2, 0.1],
        "score": interval,
        "road": {"value": -value, "low": -value - 0.1, "high": -value + 0.1},
    }


@pytest.fixture
def faithfulness() -> dict[str, Any]:
    return {
        "fractions": [0, 0.5, 1],
        "methods": {
            "gradcam": entry("Grad-CAM", 0.3),
            "scorecam": entry("Score-CAM", 0.2, images=16),
            "random": entry("Random map", 0.1, control=True),
            "centre": entry("Centre of the picture", 0.4, control=True),
        },
    }


def test_maps_of_no_image_are_left_out():
    maps = np.arange(3 * 2 * 4).reshape(3, 2, 4) / 24
    figure = mean_maps_figure(maps, ["a", "b<i>", "c"], [5, 1200, 0], "Where?")
    shown = [trace for trace in figure.data if isinstance(trace, go.Heatmap)]
    assert [np.array(trace.z).tolist() for trace in shown] == [maps[0].round(4).tolist(), maps[1].round(4).tolist()]
    assert [note.text for note in figure.layout.annotations] == ["a · 5", "b&lt;i&gt; · 1,200"]
    # Fields lie between the edges of the picture: four of a quarter each, two of a half each.
    assert (shown[0].x0, shown[0].dx, shown[0].y0, shown[0].dy) == (0.125, 0.25, 0.25, 0.5)
    assert tuple(figure.layout.yaxis.range) == (1, 0)
    assert figure.layout.title.text == "Where?"
    # Streamlit replaces the colours #000001 to #000019 or so by those of its theme.
    assert not any(colour.startswith("#0000") for _, colour in figure.layout.coloraxis.colorscale)
    with pytest.raises(ValueError, match="mean of an image"):
        mean_maps_figure(maps, ["a", "b", "c"], [0, 0, 0], "Where?")


def test_eight_maps_take_two_rows():
    figure = mean_maps_figure(np.zeros((8, 4, 4)), list("abcdefgh"), [1] * 8, "Where?")
    assert len({trace.yaxis for trace in figure.data}) == 8
    assert len(figure._grid_ref) == 2
    assert all(0 <= value <= 1 for points in OUTLINE.values() for point in points for value in point)


@pytest.mark.parametrize(("kind", "first"), [("insertion", 0.1), ("deletion", 0.6)])
def test_curves_of_methods_lie_over_those_of_controls(faithfulness: dict[str, Any], kind: str, first: float):
    figure = curve_figure(faithfulness, kind)
    assert [trace.name for trace in figure.data] == ["Random map", "Centre of the picture", "Grad-CAM", "Score-CAM (16 images)"]
    assert all(trace.y[0] == first for trace in figure.data)
    assert list(figure.data[2].y) == faithfulness["methods"]["gradcam"][f"{kind}_curve"]
    assert len({(trace.line.color, trace.line.dash) for trace in figure.data}) == 4


def test_scores_have_the_best_on_top_and_say_when_it_is_a_control(faithfulness: dict[str, Any]):
    figure = score_figure(faithfulness)
    assert figure.layout.title.text == "On top is what knows nothing: centre of the picture"
    assert [trace.x[0] for trace in figure.data] == [0.4, 0.3, 0.2, 0.1]
    assert figure.data[0].error_x.arrayminus[0] == pytest.approx(0.05)
    assert figure.data[0].error_x.array[0] == pytest.approx(0.02)
    assert figure.data[0].marker.symbol == "circle-open"
    assert [text.strip() for text in figure.layout.yaxis.ticktext][2] == "Score-CAM (16 images)"
    road = score_figure(faithfulness, "road")
    assert [trace.x[0] for trace in road.data] == [-0.1, -0.2, -0.3, -0.4]
    del faithfulness["methods"]["centre"]
    assert score_figure(faithfulness).layout.title.text == "Grad-CAM is on top"


def test_every_method_has_a_colour():
    assert set(METHOD_COLOURS) == set(METHODS)
    assert len(set(METHOD_COLOURS.values())) == len(METHODS)
