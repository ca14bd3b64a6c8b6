"""What a heat map on the page shows."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_core.predict import Reading
from emotion_core.predict.heat import common_top, default_shows, heat_of, plain_heat


def reading(**contributions: list[list[float]]) -> Reading:
    maps = {name: np.array(values, dtype=np.float32) for name, values in contributions.items()}
    return Reading(expression="fear", probabilities={}, valence=0.0, arousal=0.0, maps={}, contributions=maps)


FACE = reading(fear=[[0.5, -1.0], [0.0, 0.25]], anger=[[2.0, 0.0], [0.0, 0.0]], valence=[[-0.1, 0.05], [0.0, 0.0]])


def test_for_against_and_both() -> None:
    assert heat_of(FACE, "fear", "for").values.tolist() == [[1.0, 0.0], [0.0, 0.5]]
    assert heat_of(FACE, "fear", "against").values.tolist() == [[0.0, 1.0], [0.0, 0.0]]
    both = heat_of(FACE, "fear", "both")
    assert both.signed
    assert both.values.tolist() == [[0.5, -1.0], [0.0, 0.25]]
    # Four places: if all of the face spoke against fear as the strongest does, the logit would be lower by four.
    assert both.top == pytest.approx(4.0)


def test_on_a_common_scale_little_evidence_stays_dark() -> None:
    finer = reading(fear=[[0.125] * 4] * 4)
    top = common_top([FACE, finer], "fear")
    assert top == pytest.approx(8.0)  # of anger
    assert heat_of(FACE, "fear", "for", top=top).values.max() == pytest.approx(0.25)
    # Sixteen places that each contribute 0.125 say as much as four that contribute 0.5.
    assert heat_of(finer, "fear", "for", top=top).values.max() == pytest.approx(0.25)
    assert common_top([FACE], "valence") == pytest.approx(0.4)
    assert common_top([reading()], "fear") == 0


def test_a_map_that_shows_nothing_says_so() -> None:
    nothing = heat_of(FACE, "anger", "against")
    assert nothing.empty
    assert not nothing.values.any()
    assert not heat_of(FACE, "anger", "for").empty
    assert plain_heat(np.zeros((2, 2), np.float32)).empty
    assert not plain_heat(np.eye(2, dtype=np.float32)).empty


def test_valence_and_arousal_show_both_sides_at_first() -> None:
    assert [default_shows(output) for output in ("fear", "valence", "arousal")] == ["for", "both", "both"]


def test_what_is_hardly_there_is_not_worth_drawing() -> None:
    little = reading(fear=[[0.1, -0.5]])
    assert not heat_of(little, "fear", "for").faint
    assert not heat_of(little, "fear", "for", top=9.9).faint
    assert heat_of(little, "fear", "for", top=10.1).faint
    assert not heat_of(little, "fear", "both", top=10.1).faint
    assert heat_of(reading(fear=[[-1.0, -2.0]]), "fear", "for").faint
