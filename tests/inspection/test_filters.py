"""Filters: what they let through, and what of them fits into text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.errors import ConfigError
from emotion_core.inspection.attributes import cut_attributes
from emotion_core.inspection.contradictions import find_contradictions
from emotion_core.inspection.filters import CONTRADICTIONS, Filter, Flags, choose_rows, contradicting, part_names
from emotion_core.inspection.sets import encode_set
from emotion_core.inspection.table import inspect_runs

FLAGS = Flags(
    conflicts=frozenset({"a", "zzz"}), leaked=frozenset({"d"}), verdicts={"b": "wrong label", "c": "ambiguous", "zzz": "fine"}
)


@pytest.fixture
def table(predictions: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return inspect_runs([predictions, other])


def ids(table: pd.DataFrame, flags: Flags | None = FLAGS, **conditions: Any) -> str:
    return "".join(table["sample_id"].iloc[choose_rows(table, Filter(**conditions), flags)])


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, "abcdef"),
        ({"true": ("fear",)}, "cd"),
        ({"true": ("fear", "sadness")}, "cdf"),
        ({"predicted": ("happiness",)}, "af"),
        ({"second": ("anger",)}, "af"),
        ({"true": ("fear",), "predicted": ("surprise",)}, "c"),
        ({"outcome": "right"}, "ad"),
        ({"outcome": "wrong"}, "bcf"),
        ({"pile": "both right"}, "d"),
        ({"pile": "only first"}, "a"),
        ({"pile": "only second"}, "bc"),
        ({"pile": "neither"}, "f"),
        ({"least": 0.6}, "abde"),
        ({"most": 0.55}, "cf"),
        ({"least": 0.55, "most": 0.8}, "bdef"),
        ({"region": "excited, happy"}, "ab"),
        ({"region": "calm, relaxed"}, "e"),
        ({"region": "angry, afraid", "place": "predicted"}, "bd"),
        ({"region": "sad, bored", "place": "predicted"}, "f"),
        # f has no annotated place, though (nan, nan) would count as a quarter.
        ({"region": "sad, bored"}, ""),
        # b: anger with valence 0.5; c: surprise fits anywhere active.
        ({"contradiction": "predicted, annotated place"}, "b"),
        # f: happiness with valence -0.2.
        ({"contradiction": "predicted, predicted place"}, "f"),
        ({"contradiction": "label, annotated place"}, ""),
        ({"conflict": True}, "a"),
        ({"leaked": True}, "d"),
        ({"review": "reviewed"}, "bc"),
        ({"review": "not reviewed"}, "adef"),
        ({"review": "ambiguous"}, "c"),
        ({"review": "bad crop"}, ""),
    ],
)
def test_filters_that_were_counted_by_hand(table: pd.DataFrame, conditions: dict[str, Any], expected: str) -> None:
    assert ids(table, **conditions) == expected


def test_doubtful_labels_are_those_with_a_suggestion(table: pd.DataFrame) -> None:
    # Mean self-confidence: happiness (0.9 + 0.2) / 2, fear 0.5, sadness 0.45. f reaches 0.55 for happiness, and no other
    # class has a mean to reach for b and c.
    assert ids(table, doubtful=True) == "f"


def test_without_marks_nothing_is_known(table: pd.DataFrame) -> None:
    assert ids(table, None, conflict=True) == ids(table, None, leaked=True) == ids(table, None, review="reviewed") == ""
    assert ids(table, None, review="not reviewed") == "abcdef"


def test_what_is_asked_of_a_run_that_is_not_there_nothing_meets(predictions: pd.DataFrame) -> None:
    alone = inspect_runs([predictions])
    assert ids(alone, second=("fear",)) == ids(alone, pile="neither") == ""


@pytest.mark.parametrize("whose", CONTRADICTIONS)
def test_contradictions_are_those_of_the_affect_map(whose: str) -> None:
    from benchmarks.store import random_predictions

    table = inspect_runs([random_predictions(2_000, 1.5, 0)])
    column, ending = CONTRADICTIONS[whose]
    found = find_contradictions(table[column].astype(object), table[f"valence{ending}"], table[f"arousal{ending}"])
    assert np.flatnonzero(contradicting(table, whose)).tolist() == sorted(found["row"])
    assert len(found) > 50


@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(true=("fear", "anger"), predicted=("surprise",), second=("fear",), outcome="wrong", pile="only first"),
        Filter(least=0.9, most=0.95, region="sad, bored", place="predicted", contradiction="label, annotated place"),
        Filter(doubtful=True, conflict=True, leaked=True, review="a 'verdict' of ä", runs=("one", "two")),
    ],
)
def test_text_leads_back_to_the_filter(wanted: Filter) -> None:
    text = wanted.to_json()
    assert Filter.from_json(text) == wanted
    assert json.loads(text)["v"] == 1
    assert len(text) < 250


def test_text_is_short() -> None:
    assert Filter().to_json() == '{"v":1}'
    assert Filter(most=0.5).to_json() == '{"v":1,"most":0.5}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "not readable JSON"),
        ("[" * 100_000, "not readable JSON"),
        ("[]", "not of version 1"),
        ('{"v":2}', "not of version 1"),
        ("{}", "not of version 1"),
        ('{"v":1,"colour":"red"}', "asks for 'colour', which is unknown"),
        ('{"v":1,"true":"fear"}', "'fear' as 'true', which is not of the right type"),
        ('{"v":1,"true":[1]}', "not of the right type"),
        ('{"v":1,"least":true}', "not of the right type"),
        ('{"v":1,"doubtful":1}', "not of the right type"),
        ('{"v":1,"true":["joy"]}', "true cannot be 'joy'"),
        ('{"v":1,"outcome":"perhaps"}', "outcome cannot be 'perhaps'"),
        ('{"v":1,"region":"moon"}', "region cannot be 'moon'"),
        ('{"v":1,"least":0.9,"most":0.1}', "between 0 and 1, not between 0.9 and 0.1"),
        ('{"v":1,"least":NaN}', "between 0 and 1"),
    ],
)
def test_text_from_elsewhere_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        Filter.from_json(text)


@pytest.mark.parametrize(
    ("wanted", "answers", "second"),
    [
        (Filter(true=("fear",), region="sad, bored", review="fine", leaked=True, conflict=True), False, False),
        (Filter(contradiction="label, annotated place"), False, False),
        (Filter(outcome="wrong"), True, False),
        (Filter(predicted=("fear",)), True, False),
        (Filter(least=0.1), True, False),
        (Filter(doubtful=True), True, False),
        (Filter(region="sad, bored", place="predicted"), True, False),
        (Filter(contradiction="predicted, annotated place"), True, False),
        (Filter(second=("fear",)), True, True),
        (Filter(pile="neither"), True, True),
    ],
)
def test_who_chose_the_images(wanted: Filter, answers: bool, second: bool) -> None:
    assert wanted.asks_answers is answers
    assert wanted.asks_second is second


def test_conditions_can_be_taken_away() -> None:
    wanted = Filter(true=("fear",), outcome="wrong", least=0.5)
    assert wanted.without("outcome", "true") == Filter(least=0.5)
    assert wanted.without() == wanted


def test_words_name_every_condition() -> None:
    assert Filter().describe() == Filter(runs=("a",), place="predicted").describe() == ""
    said = Filter(
        true=("fear",), predicted=("anger",), second=("fear", "anger"), outcome="wrong", pile="neither", most=0.5,
        region="sad, bored", place="predicted", contradiction="label, annotated place", doubtful=True, conflict=True,
        leaked=True, review="bad crop",
    ).describe()  # fmt: skip
    assert said == (
        "true fear; predicted anger; predicted by the second run fear or anger; wrong; neither; confidence 0.00 to 0.50; "
        "predicted place in sad, bored; contradiction (label, annotated place); another label suggested; "
        "same pixels, other label; also in the training split; reviewed as bad crop"
    )
    assert Filter(review="not reviewed").describe() == "not reviewed"


def test_parts_names_and_chosen_images(table: pd.DataFrame) -> None:
    cut = cut_attributes(pd.DataFrame({"a: b": ["old", "young", "old"], "yaw": [0.0, 30.0, 12.0]}, index=["a", "b", "zzz"]))
    flags = Flags(slices=cut)
    assert part_names(cut) == ["a: b: old", "a: b: young", "yaw: up to 10°", "yaw: 10 to 25°", "yaw: above 25°"]

    def ids(**wanted: str) -> list[str]:
        return table["sample_id"].iloc[choose_rows(table, Filter(**wanted), flags)].tolist()

    assert ids(part="a: b: old") == ["a"]
    assert ids(part="yaw: above 25°") == ["b"]
    assert ids(part="yaw: 10 to 25°") == []
    assert ids(part="age: old") == []
    assert ids(name="C") == ["c"]
    assert ids(name=".") == []
    everything = table["sample_id"].to_numpy()
    assert ids(chosen=encode_set([0, 4], everything)) == ["a", "e"]
    wanted = Filter(part="a: b: old", name="a.j", chosen="xyz")
    assert Filter.from_json(wanted.to_json()) == wanted
    assert wanted.describe() == "a: b: old; name contains “a.j”; chosen one by one"
    assert not wanted.asks_answers
    with pytest.raises(ConfigError, match="Choose them again"):
        choose_rows(table, wanted, flags)
