"""Expressions that contradict their place on the plane."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emotion_core.inspection.contradictions import RULES, Rule, contradiction_table, excess, find_contradictions
from emotion_core.labels import EXPRESSIONS


@pytest.mark.parametrize(
    ("expression", "valence", "arousal", "words", "size"),
    [
        ("happiness", -0.6, 0.0, "happiness with valence −0.600", 0.5),
        ("sadness", 0.4, 0.0, "sadness with valence +0.400", 0.3),
        ("anger", 0.3, -0.5, "anger with valence +0.300 and arousal −0.500", 0.4),
        ("neutral", 0.9, 0.0, "neutral with valence +0.900", 0.4),
        ("sadness", -0.5, 0.8, "sadness with arousal +0.800", 0.3),
    ],
)
def test_contradictions(expression: str, valence: float, arousal: float, words: str, size: float) -> None:
    table = find_contradictions([expression], [valence], [arousal])
    assert table["contradiction"].tolist() == [words]
    assert table["size"].tolist() == pytest.approx([size])


def test_the_largest_contradiction_comes_first() -> None:
    names = ["fear", "happiness", None, "disgust", "happiness"]
    table = find_contradictions(names, [0.2, -1.0, -1.0, 0.6, float("nan")], [0.9, 0.0, 0.0, 0.0, 0.0])
    assert table["row"].tolist() == [1, 3, 0]
    assert find_contradictions([], [], []).empty


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_every_rule_allows_its_bounds_and_forbids_what_lies_beyond(rule: Rule) -> None:
    assert rule.expression in EXPRESSIONS
    for bound, beyond in ((rule.low, -0.01), (rule.high, 0.01)):
        if abs(bound) == 1:
            continue
        fits = {"valence": -0.3 if rule.axis == "arousal" else bound, "arousal": 0.3 if rule.axis == "valence" else bound}
        if rule.expression == "happiness":
            fits["arousal"] = 0.0
        assert find_contradictions([rule.expression], [fits["valence"]], [fits["arousal"]]).empty
        fits[rule.axis] += beyond
        found = find_contradictions([rule.expression], [fits["valence"]], [fits["arousal"]])
        assert found["size"].tolist() == pytest.approx([0.01])


def test_excess_has_a_row_a_rule_and_knows_what_fits() -> None:
    names = ["happiness", "anger", None, float("nan"), "neutral"]
    found = excess(names, [-0.1, 0.3, -1.0, 0.0, float("nan")], [0.0, -0.4, 0.0, 0.0, 0.0])
    assert found.shape == (len(RULES), 5)
    broken = {(RULES[rule].expression, RULES[rule].axis): found[rule, 1] for rule in np.flatnonzero(found[:, 1])}
    assert broken == {("anger", "valence"): pytest.approx(0.2), ("anger", "arousal"): pytest.approx(0.3)}
    assert not np.delete(found, 1, axis=1).any()


def test_faces_are_held_against_the_place_of_the_same_reader() -> None:
    faces = pd.DataFrame(
        {
            "sample_id": ["a", "b", "c"], "expression": ["happiness", "fear", "anger"],
            "valence": [-0.6, -0.5, -0.5], "arousal": [0.0, 0.5, 0.5],
            "valence_0": [0.5, -0.5, 0.4], "arousal_0": [0.0, 0.5, 0.5],
        }
    )  # fmt: skip
    true = contradiction_table(faces)
    assert true[["image", "expression", "valence"]].to_numpy().tolist() == [["a", "happiness", -0.6]]
    # The run has no expression for 'b'; its expressions are held against its own places.
    predicted = contradiction_table(faces, pd.Series({"c": "sadness", "a": "happiness"}))
    assert predicted[["image", "contradiction"]].to_numpy().tolist() == [["c", "sadness with valence +0.400"]]
    assert predicted["size"].tolist() == pytest.approx([0.3])
