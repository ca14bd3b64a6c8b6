"""The matrix that can be clicked, and arrows on the plane."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emotion_core.figures.errors.matrix import ALL, NEUTRAL, RIGHT, SIZE, WRONG, clicked_cell, error_matrix
from emotion_core.figures.errors.place import place_arrows
from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.figures.plane import AffectPoint
from emotion_core.labels import EXPRESSIONS

COUNTS = np.arange(64).reshape(8, 8)


def squares(figure: Any) -> Any:
    (found,) = (trace for trace in figure.data if trace.type == "scatter")
    return found


def test_every_cell_and_every_name_can_be_clicked() -> None:
    figure = error_matrix(COUNTS, title="<b>", down="true", across="<i>run")
    points = squares(figure)
    cells = [tuple(cell) for cell in points.customdata]
    assert {cell for cell in cells if ALL not in cell} == {(i, j) for i in range(8) for j in range(8)}
    assert {cell for cell in cells if ALL in cell} == {(i, ALL) for i in range(8)} | {(ALL, j) for j in range(8)}
    places = {}
    for x, y, cell in zip(points.x, points.y, cells, strict=True):
        places.setdefault(cell, []).append((x, y))
    assert places[2, 5] == [(5, 2)]
    assert all(x < 0 and y == 3 for x, y in places[3, ALL])
    assert all(x == 4 and y >= SIZE for x, y in places[ALL, 4])
    # The squares lie above the heat maps, and can be told from nothing by nobody.
    assert figure.data[-1] is points
    assert points.marker.color.endswith("0.01)")
    words = dict(zip(cells, points.text, strict=True))
    assert words[0, 1].startswith("true: neutral<br>&lt;i&gt;run: happiness<br>1 images, 0.036 of row")
    assert words[1, ALL] == "all 92 images<br>true: happiness"
    assert figure.layout.title.text == "&lt;b&gt;"


def test_the_diagonal_is_green_and_the_rest_red_by_share_of_the_row() -> None:
    counts = np.zeros((8, 8), dtype=np.int64)
    counts[0, 0], counts[0, 1], counts[3, 3] = 30, 10, 5
    right, wrong, _ = error_matrix(counts, title="a", down="b", across="c").data
    assert RIGHT in right.colorscale[1][1]
    assert WRONG in wrong.colorscale[1][1]
    assert right.z[0][0] == pytest.approx(0.75)
    assert right.z[0][1] is None
    assert wrong.z[0][1] == pytest.approx(0.25)
    assert wrong.z[0][0] is None
    numbers = {(note.x, note.y): note.text for note in error_matrix(counts, title="a", down="b", across="c").layout.annotations}
    assert (numbers[0, 0], numbers[1, 0], numbers[3, 3]) == ("30", "10", "5")
    assert (2, 2) not in numbers
    plain = error_matrix(counts, title="a", down="b", across="c", judged=False).data
    assert all(NEUTRAL in trace.colorscale[1][1] for trace in plain[:2])


@pytest.mark.parametrize(
    ("chosen", "frames"),
    [
        (((), ()), []),
        ((("fear",), ()), [(-0.5, 7.5, 3.5, 4.5)]),
        (((), ("neutral",)), [(-0.5, 0.5, -0.5, 7.5)]),
        ((("fear",), ("neutral", "anger")), [(-0.5, 0.5, 3.5, 4.5), (5.5, 6.5, 3.5, 4.5)]),
    ],
)
def test_what_is_chosen_is_framed(chosen: Any, frames: list[tuple[float, ...]]) -> None:
    figure = error_matrix(COUNTS, title="a", down="b", across="c", chosen=chosen)
    assert [(shape.x0, shape.x1, shape.y0, shape.y1) for shape in figure.layout.shapes] == frames


def test_four_expressions_fill_the_figure() -> None:
    names = ("fear", "happiness", "anger", "disgust")
    counts = np.arange(16).reshape(4, 4)
    figure = error_matrix(counts, title="a", down="b", across="c", names=names, chosen=(("anger", "contempt"), ()))
    points = squares(figure)
    cells = [tuple(cell) for cell in points.customdata]
    assert (len(cells), len(set(cells))) == (16 + 16, 16 + 8)
    # A click means the same expressions as on the whole matrix.
    place = cells.index((EXPRESSIONS.index("anger"), EXPRESSIONS.index("disgust")))
    assert (points.x[place], points.y[place]) == (3, 2)
    assert clicked_cell({"customdata": cells[place]}) == ("anger", "disgust")
    assert points.text[place].startswith("b: anger<br>c: disgust<br>11 images")
    assert [(shape.x0, shape.x1, shape.y0, shape.y1) for shape in figure.layout.shapes] == [(-0.5, 3.5, 1.5, 2.5)]
    # Words beside the cells have the same room in px, and every square lies inside.
    left, right = figure.layout.xaxis.range
    whole_left, whole_right = error_matrix(COUNTS, title="a", down="b", across="c").layout.xaxis.range
    assert (-0.5 - left) / (right - left) == pytest.approx((-0.5 - whole_left) / (whole_right - whole_left))
    assert left < min(points.x)
    # Squares grow with the cells, and those on the words stay as they are.
    assert (points.marker.size[0], points.marker.size[-1]) == (52, 26)
    assert max(points.y) < figure.layout.yaxis.range[0]


def test_one_expression_alone_is_drawn() -> None:
    figure = error_matrix(np.array([[5]]), title="a", down="b", across="c", names=("happiness",))
    assert figure.data[0].z[0][0] == 1
    assert {tuple(cell) for cell in squares(figure).customdata} == {(1, 1), (1, ALL), (ALL, 1)}


def test_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"8 × 8 is needed, not \(2, 2\)"):
        error_matrix(np.zeros((2, 2), dtype=np.int64), title="a", down="b", across="c")


@pytest.mark.parametrize(
    ("data", "cell"),
    [
        ([0, 7], ("neutral", "contempt")),
        ((4, ALL), ("fear", None)),
        ([ALL, 0], (None, "neutral")),
        ({"0": 1, "1": 2}, ("happiness", "sadness")),
        ([ALL, ALL], None),
        ([0, 8], None),
        ([-2, 0], None),
        (["0", 1], None),
        ([1], None),
        (3, None),
        (None, None),
    ],
)
def test_clicks(data: Any, cell: Any) -> None:
    assert clicked_cell({"customdata": data}) == cell
    assert EXPRESSIONS[0] == "neutral"


def test_arrows_lead_from_the_annotators_to_each_run() -> None:
    annotated = AffectPoint(image="i", valence=0.5, arousal=0.5, expression="happiness", run="annotated")
    one = AffectPoint(image="i", valence=-0.5, arousal=0.1, expression="anger", run="a")
    two = AffectPoint(image="i", valence=0.51, arousal=0.52, expression=None, run="b")
    figure = place_arrows(annotated, [one, two])
    assert [trace.name for trace in figure.data] == ["annotated", "a", "b"]
    arrows = [note for note in figure.layout.annotations if note.showarrow]
    # The second run is so near that its arrow would be nothing but a head.
    assert [(note.ax, note.ay, note.x, note.y) for note in arrows] == [(0.5, 0.5, -0.5, 0.1)]
    assert arrows[0].arrowcolor == EXPRESSION_COLOURS["anger"]
    with pytest.raises(ValueError, match="outside"):
        place_arrows(annotated, [AffectPoint(image="i", valence=2, arousal=0)])
