"""Figures of many faces on valence and arousal."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from emotion_core.figures.affect_map.planes import OUTSIDE, Diamond, Dots, arrow_plane, density_plane, point_plane
from emotion_core.figures.affect_map.residuals import quarter_matrix, residual_figure, residual_reach
from emotion_core.figures.affect_map.sampling import MOST_POINTS, plane_density, sample_rows
from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.figures.plane import REGIONS
from emotion_core.figures.run_styles import run_styles


def dots(*places: tuple[float, float], names: tuple[str | None, ...] = (), start: int = 7) -> Dots:
    return Dots(
        rows=np.arange(start, start + len(places)),
        valence=np.array([v for v, _ in places]),
        arousal=np.array([a for _, a in places]),
        expressions=names or ("fear",) * len(places),
        hover=[f"image {number}\nsecond <b>line</b>" for number in range(len(places))],
    )


DIAMOND = Diamond(name="<i>me</i>.jpg", valence=0.5, arousal=-0.5, expression="anger", hover="read by a run")


@pytest.mark.parametrize(
    "figure",
    [
        point_plane("a", dots((0.1, 0.2))),
        arrow_plane("a", dots((0.1, 0.2)), dots((0.3, 0.2))),
        density_plane("a", np.ones((4, 4))),
    ],
    ids=["points", "arrows", "density"],
)
def test_every_plane_is_square_with_named_regions(figure: go.Figure) -> None:
    layout = figure.layout
    assert tuple(layout.xaxis.range) == tuple(layout.yaxis.range) == (-1, 1)
    assert (layout.yaxis.scaleanchor, layout.yaxis.scaleratio) == ("x", 1)
    assert {note.text for note in layout.annotations} == {words for *_, words in REGIONS}
    for horizontal, vertical, words in REGIONS:
        (note,) = (note for note in layout.annotations if note.text == words)
        assert note.x * horizontal > 0
        assert note.y * vertical > 0


def test_points_carry_row_colour_and_words() -> None:
    figure = point_plane("<b>\nrun", dots((0.1, 0.2), (-0.3, 0.4), names=("happiness", None)), diamonds=[DIAMOND])
    faces, diamonds = figure.data
    assert list(faces.x) == [0.1, -0.3]
    assert list(faces.customdata) == [7, 8]
    assert faces.marker.color == (EXPRESSION_COLOURS["happiness"], OTHER)
    assert faces.text[0] == "image 0<br>second &lt;b&gt;line&lt;/b&gt;"
    assert figure.layout.title.text == "&lt;b&gt;<br>run"
    assert diamonds.marker.symbol == "diamond"
    assert diamonds.marker.color == (EXPRESSION_COLOURS["anger"],)
    assert list(diamonds.customdata) == [OUTSIDE]
    assert diamonds.text == ("&lt;i&gt;me&lt;/i&gt;.jpg",)


def test_a_sample_lies_on_the_density_of_all() -> None:
    density = np.zeros((4, 4))
    density[3, 0] = 5
    heat, faces = point_plane("a", dots((0.1, 0.2)), density=density).data
    assert heat.type == "heatmap"
    assert heat.z[3][0] == 5
    # Cells without faces stay empty.
    assert heat.z[0][0] is None
    assert heat.showscale is False
    assert faces.type == "scatter"


def test_arrows_lead_from_true_to_predicted() -> None:
    names = ("fear", "anger", "fear")
    true = dots((0.0, 0.0), (0.5, 0.5), (-0.5, 0.1), names=names)
    figure = arrow_plane("a", true, dots((0.1, 0.2), (0.6, 0.4), (-0.4, 0.3), names=names))
    by_name = {trace.name: trace for trace in figure.data}
    assert set(by_name) == {"fear", "anger"}
    fear = by_name["fear"]
    np.testing.assert_array_equal(fear.x, [0.0, 0.1, np.nan, -0.5, -0.4, np.nan])
    np.testing.assert_array_equal(fear.y, [0.0, 0.2, np.nan, 0.1, 0.3, np.nan])
    assert list(fear.customdata) == [7, 7, 7, 9, 9, 9]
    assert fear.marker.symbol == "arrow"
    assert fear.marker.angleref == "previous"
    assert fear.marker.size == (0, 7, 0, 0, 7, 0)
    assert fear.line.color == EXPRESSION_COLOURS["fear"]
    with pytest.raises(ValueError, match="same faces"):
        arrow_plane("a", true, dots((0.0, 0.0), start=1))


def test_densities_share_a_scale() -> None:
    (heat,) = density_plane("a", np.ones((4, 4)), most=9).data
    assert (heat.zmin, heat.zmax) == (0, 9)
    assert heat.showscale is True
    assert list(heat.x) == [-0.75, -0.25, 0.25, 0.75]


def test_residuals_of_one_run() -> None:
    true = np.linspace(-1, 1, 21)
    points, means = residual_figure("valence", true, {"a": true * 0.5 + 0.1}, styles=run_styles(["resnet50"])).data
    np.testing.assert_allclose(points.y, 0.1 - true * 0.5)
    assert points.marker.color == means.line.color
    figure = residual_figure("valence", true, {"a": true - 0.25})
    assert "−0.250 on average" in figure.layout.title.text
    assert list(figure.layout.yaxis.range) == [-0.25, 0.25]


def test_residuals_of_two_runs_are_told_apart_and_sampled() -> None:
    true = np.zeros(5_000)
    figure = residual_figure("arousal", true, {"a": true + 0.1, "<b>": true - 0.1}, styles=run_styles(["vgg16", "vgg16"]))
    points = [trace for trace in figure.data if trace.mode == "markers"]
    assert sum(len(trace.x) for trace in points) == 2_000
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [trace.name for trace in lines] == ["a", "&lt;b&gt;"]
    assert lines[0].line.dash != lines[1].line.dash
    # The mean is of all faces, not of the drawn ones.
    assert lines[0].customdata == (5_000,)
    assert lines[0].y == pytest.approx((0.1,))
    with pytest.raises(ValueError, match="at least one run"):
        residual_figure("arousal", true, {})


def test_reach_is_rounded_up_to_a_quarter() -> None:
    assert residual_reach(np.zeros(2), [np.array([0.1, -0.6])]) == 0.75
    assert residual_reach(np.zeros(0), [np.zeros(0)]) == 0.25


def cells(figure: go.Figure, number: int) -> list[list[Any]]:
    return [list(row) for row in figure.data[number].z]


def test_quarters_say_counts_and_shares() -> None:
    counts = np.array([[3, 1, 0, 0], [0, 0, 0, 0], [0, 0, 5, 5], [0, 0, 0, 1]])
    figure = quarter_matrix(counts, "a <b>")
    assert "a &lt;b&gt;<br>0.600 of 15 faces" in figure.layout.title.text
    assert cells(figure, 0)[0] == [0.75, None, None, None]
    assert cells(figure, 1)[0] == [None, 0.25, None, None]
    texts = {(note.y, note.x): note.text for note in figure.layout.annotations}
    assert texts["excited,<br>happy", "excited,<br>happy"] == "✓ 3<br>0.750"
    assert texts["sad,<br>bored", "calm,<br>relaxed"] == "✗ 5<br>0.500"
    assert figure.layout.yaxis.autorange == "reversed"
    with pytest.raises(ValueError, match="At least one face"):
        quarter_matrix(np.zeros((4, 4), dtype=np.int64))


def test_samples_are_the_same_every_time() -> None:
    first, second = sample_rows(5_000), sample_rows(5_000)
    assert np.array_equal(first, second)
    assert len(np.unique(first)) == MOST_POINTS
    assert (np.diff(first) > 0).all()


def test_density_counts_every_face_once() -> None:
    counts = plane_density([-1.0, 1.0, 0.9, 0.0], [-1.0, 1.0, 0.9, 0.0], cells=4)
    assert counts.sum() == 4
    assert counts[0, 0] == 1
    assert counts[3, 3] == 2
    # Columns are valence, rows arousal.
    assert plane_density([0.9], [-0.9], cells=2).tolist() == [[0, 1], [0, 0]]
