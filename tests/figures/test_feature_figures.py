"""Figures of what a network sees, and contours on the plane."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_core.figures.affect_map.contours import CELLS, contours_of, enclosing_level, overlap
from emotion_core.figures.affect_map.planes import Dots, point_plane
from emotion_core.figures.affect_map.residuals import residual_figure
from emotion_core.figures.feature_map import MANY, NO_VALUE, Newcomer, feature_figure, group_colours
from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER

NORMAL = np.random.default_rng(0).normal(0, 0.2, (2, 4_000))


def test_a_contour_encloses_half_of_its_faces() -> None:
    [one] = contours_of(*NORMAL, np.full(4_000, "fear", dtype=object))
    # Half of a round normal distribution lies within 1.1774 standard deviations; the smoothing of 0.1 widens it.
    radius = np.sqrt((one.density >= one.level).sum() / np.pi) * 2 / CELLS
    assert radius == pytest.approx(1.1774 * np.hypot(0.2, 0.1), rel=0.06)
    assert enclosing_level(one.density, 0.9) < one.level
    assert contours_of(NORMAL[0, :49], NORMAL[1, :49], ["fear"] * 49) == []


def test_overlap_is_that_of_the_areas() -> None:
    names = np.full(4_000, "fear", dtype=object)
    true, same, away = (contours_of(NORMAL[0] + shift, NORMAL[1], names)[0] for shift in (0.0, 0.0, 0.9))
    assert overlap({"fear": true}, {"fear": same}) == {"fear": 1.0}
    assert overlap({"fear": true}, {"fear": away}) == {"fear": 0.0}
    assert overlap({"fear": true}, {"anger": away}) == {}


def test_marked_faces_stand_out() -> None:
    dots = Dots(rows=np.array([4, 7, 9]), valence=np.zeros(3), arousal=np.zeros(3), expressions=["fear"] * 3, hover=["a"] * 3)
    assert point_plane("x", dots).data[0].selectedpoints is None
    assert tuple(point_plane("x", dots, marked=[9, 5]).data[0].selectedpoints) == (2,)
    # A face that the sample leaves out is drawn when it is marked.
    true = np.linspace(-1, 1, 3_000)
    plain = residual_figure("valence", true, {"run": true * 0}).data[0]
    last = int(np.setdiff1d(np.arange(3_000), np.searchsorted(true, plain.x))[-1])
    marked = residual_figure("valence", true, {"run": true * 0}, marked=np.array([last])).data[0]
    assert marked.x[marked.selectedpoints[0]] == true[last]


def test_groups_have_the_colours_of_what_they_are() -> None:
    assert group_colours(["fear", "✓ right", NO_VALUE])[::2] == [EXPRESSION_COLOURS["fear"], OTHER]
    low, middle, high = group_colours(["up to 1", "1 to 2", "above 2"], ordered=True)
    assert len({low, middle, high}) == 3
    many = group_colours([str(number) for number in range(12)])
    assert len(set(many[:8])) == 8
    assert many[8:] == [OTHER] * 4


@pytest.mark.parametrize("faces", [100, MANY + 1])
def test_a_map_has_a_point_a_face_and_a_trace_a_group(faces: int) -> None:
    places = np.random.default_rng(0).normal(size=(faces, 2)).astype(np.float32)
    groups = np.where(np.arange(faces) % 3 == 0, "old", "young").astype(object)
    rows = np.arange(faces) * 2
    figure = feature_figure(
        places, groups, ["young", "old", "none"], rows, hover=["<b>"] * faces, title="t", marked=[0, 6],
        newcomers=[Newcomer(name="<i>", x=1, y=2)],
    )  # fmt: skip
    young, old, new = figure.data
    assert old.name == f"old ({(groups == 'old').sum():,})"
    assert old.customdata.tolist() == rows[groups == "old"].tolist()
    assert (list(young.selectedpoints), list(old.selectedpoints)) == ([], [0, 1])
    assert young.type == ("scatter" if faces == 100 else "scattergl")
    assert new.text == ("&lt;i&gt;",)
    assert faces > MANY or old.text[0] == "&lt;b&gt;"
