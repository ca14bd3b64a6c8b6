"""The plane of valence and arousal."""

from __future__ import annotations

import pytest

from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.figures.plane import REGIONS, AffectPoint, affect_plane


def point(valence: float = 0.5, arousal: float = -0.25, **more: str) -> AffectPoint:
    return AffectPoint(image=more.pop("image", "a.jpg"), valence=valence, arousal=arousal, **more)


def test_the_plane_is_square_with_named_regions() -> None:
    layout = affect_plane([point()]).layout
    assert tuple(layout.xaxis.range) == tuple(layout.yaxis.range) == (-1, 1)
    assert layout.yaxis.scaleanchor == "x"
    assert layout.yaxis.scaleratio == 1
    assert {note.text for note in layout.annotations} == {words for *_, words in REGIONS}
    for note, (horizontal, vertical, _) in zip(layout.annotations, REGIONS, strict=True):
        assert note.x * horizontal > 0
        assert note.y * vertical > 0
    assert "valence" in layout.xaxis.title.text
    assert "arousal" in layout.yaxis.title.text


def test_points_have_the_colour_of_their_expression_and_name_their_image() -> None:
    (trace,) = affect_plane([point(expression="fear"), point(image="<b>%{x}</b>.jpg")]).data
    assert trace.x == (0.5, 0.5)
    assert trace.y == (-0.25, -0.25)
    assert trace.marker.color == (EXPRESSION_COLOURS["fear"], OTHER)
    assert [row[0] for row in trace.customdata] == ["a.jpg", "&lt;b&gt;%{x}&lt;/b&gt;.jpg"]
    assert "customdata[0]" in trace.hovertemplate


def test_runs_have_their_own_markers() -> None:
    figure = affect_plane([point(run="a"), point(run="b"), point(run="a")])
    assert [trace.name for trace in figure.data] == ["a", "b"]
    assert [len(trace.x) for trace in figure.data] == [2, 1]
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol
    assert figure.layout.showlegend is True
    assert affect_plane([point()]).layout.showlegend is False


@pytest.mark.parametrize(("valence", "arousal"), [(-1, 1), (1, -1), (0, 0)])
def test_the_edges_belong_to_it(valence: float, arousal: float) -> None:
    assert affect_plane([point(valence, arousal)]).data[0].cliponaxis is False


@pytest.mark.parametrize(("valence", "arousal"), [(1.01, 0), (0, -1.01), (float("nan"), 0), (0, float("inf"))])
def test_points_outside(valence: float, arousal: float) -> None:
    with pytest.raises(ValueError, match=r"'a\.jpg' lies outside"):
        affect_plane([point(valence, arousal)])


def test_no_point() -> None:
    with pytest.raises(ValueError, match="At least one point"):
        affect_plane([])
