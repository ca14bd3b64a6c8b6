from __future__ import annotations

import numpy as np
import pytest

from emotion_core.data.ferplus import vote_majority
from emotion_core.labels import (
    AFFECT,
    AFFECTNET,
    EXPRESSIONS,
    FER2013,
    FERPLUS_VOTES,
    OUTPUTS,
    expression_index,
    expression_name,
)

# Written down from the three publications, not from the package.
AFFECTNET_ORDER = ["neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt"]
FER2013_ORDER = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
FERPLUS_ORDER = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]


def test_affectnet_numbers_map_by_name() -> None:
    assert [AFFECTNET[number] for number in range(8)] == [expression_name(word) for word in AFFECTNET_ORDER]
    assert not AFFECTNET.keys() & {8, 9, 10}


def test_fer2013_numbers_map_by_name() -> None:
    assert [FER2013[number] for number in range(7)] == [expression_name(word) for word in FER2013_ORDER]
    assert len(FER2013) == 7
    assert FER2013[0] == "anger"
    assert AFFECTNET[0] == "neutral"


def test_ferplus_columns_keep_the_file_order() -> None:
    assert list(FERPLUS_VOTES) == FERPLUS_ORDER


def test_ferplus_columns_translate_by_name(subtests: pytest.Subtests) -> None:
    for column, name in enumerate(FERPLUS_ORDER[:8]):
        with subtests.test(name):
            votes = np.zeros((1, 10), dtype=np.int64)
            votes[0, column] = 10
            assert EXPRESSIONS[vote_majority(votes)[0]] == name


def test_the_three_orders_differ() -> None:
    affectnet = [expression_name(word) for word in AFFECTNET_ORDER[:7]]
    fer2013 = [expression_name(word) for word in FER2013_ORDER]
    ferplus = FERPLUS_ORDER[:7]
    assert affectnet != fer2013
    assert affectnet != ferplus
    assert fer2013 != ferplus


def test_outputs_are_expressions_then_affect() -> None:
    assert list(OUTPUTS) == [*EXPRESSIONS, *AFFECT]
    assert len(OUTPUTS) == 10
    assert AFFECT == ("valence", "arousal")


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("Happy", "happiness"),
        ("HAPPINESS", "happiness"),
        (" sad ", "sadness"),
        ("Surprised", "surprise"),
        ("fearful", "fear"),
        ("afraid", "fear"),
        ("disgusted", "disgust"),
        ("Angry", "anger"),
        ("contemptuous", "contempt"),
        ("neutral", "neutral"),
    ],
)
def test_usual_words_are_understood(word: str, name: str) -> None:
    assert expression_name(word) == name
    assert EXPRESSIONS[expression_index(word)] == name


@pytest.mark.parametrize("word", ["", "unknown", "NF", "none", "valence", "happy sad", "0"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(ValueError, match=rf"'{word}' is not one of the eight expressions: neutral, happiness"):
        expression_name(word)
    with pytest.raises(ValueError, match="not one of the eight"):
        expression_index(word)


def test_tables_cannot_be_changed() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        AFFECTNET[8] = "neutral"  # type: ignore[index]
