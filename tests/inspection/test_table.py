"""One row an image."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from emotion_core.errors import CheckpointError
from emotion_core.inspection.matrix import FIRST, SECOND, TRUE, cross_counts, occurring
from emotion_core.inspection.table import as_predictions, inspect_runs, num_runs, probabilities
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.classification import confusion_matrix
from emotion_core.metrics.summary import summarize


def column(table: pd.DataFrame, name: str) -> list[object]:
    return [None if pd.isna(value) else value for value in table[name].tolist()]


def test_numbers_that_were_counted_by_hand(predictions: pd.DataFrame) -> None:
    table = inspect_runs([predictions])
    assert column(table, "sample_id") == list("abcdef")
    assert column(table, "expression") == ["happiness", "happiness", "fear", "fear", None, "sadness"]
    assert column(table, "predicted_0") == ["happiness", "anger", "surprise", "fear", "neutral", "happiness"]
    assert column(table, "correct_0") == [1, 0, 0, 1, None, 0]
    assert table["confidence_0"].tolist() == pytest.approx([0.9, 0.8, 0.5, 0.6, 0.7, 0.55])
    assert table["margin_0"].tolist() == pytest.approx([0.8, 0.6, 0.1, 0.2, 0.4, 0.1])
    losses = [-math.log(p) for p in (0.9, 0.2, 0.4, 0.6)]
    assert table["loss_0"].tolist() == pytest.approx([*losses, math.nan, -math.log(0.45)], nan_ok=True)
    assert table["valence_error_0"].tolist() == pytest.approx([0.2, 1.1, 0.8, 0.0, 0.2, math.nan], nan_ok=True)
    assert table["arousal_error_0"].tolist() == pytest.approx([0.0, 0.3, 0.1, 0.0, 0.3, math.nan], nan_ok=True)
    assert num_runs(table) == 1
    assert "disagreement" not in table


def test_a_probability_of_zero_has_a_finite_loss(make_predictions: Callable[..., pd.DataFrame]) -> None:
    table = inspect_runs([make_predictions([("a", "fear", 0, 0, {"anger": 1.0}, 0, 0)])])
    assert table["loss_0"].tolist() == pytest.approx([27.631], abs=1e-3)


def test_two_runs_meet_by_id(predictions: pd.DataFrame, other: pd.DataFrame) -> None:
    table = inspect_runs([predictions, other.iloc[::-1]])
    assert column(table, "predicted_1") == ["anger", "happiness", "fear", "fear", "neutral", "anger"]
    # Half the sum of absolute differences.
    assert table["disagreement"].tolist() == pytest.approx([1.0, 0.8, 0.3, 0.0, 0.3, 1.0])
    assert num_runs(table) == 2
    fewer = inspect_runs([predictions, other.iloc[1:3]])
    assert column(fewer, "sample_id") == ["b", "c"]
    assert fewer["disagreement"].tolist() == pytest.approx([0.8, 0.3])


def test_runs_without_expressions_disagree_by_their_distance(make_predictions: Callable[..., pd.DataFrame]) -> None:
    one = make_predictions([("a", "fear", 0.0, 0.0, {}, -1.0, -1.0)])
    two = make_predictions([("a", "fear", 0.0, 0.0, {}, 1.0, 1.0)])
    table = inspect_runs([one, two])
    assert table["disagreement"].tolist() == pytest.approx([1.0])
    assert column(table, "predicted_0") == column(table, "correct_0") == column(table, "loss_0") == [None]


def test_the_way_back_gives_the_same_measures(predictions: pd.DataFrame, other: pd.DataFrame) -> None:
    table = inspect_runs([predictions, other])
    for number, run in enumerate((predictions, other)):
        assert summarize(as_predictions(table, number)) == pytest.approx(summarize(run), rel=1e-6)
    assert probabilities(table, 1)[2].tolist() == pytest.approx([0, 0, 0, 0.3, 0.7, 0, 0, 0])


def test_cross_counts_are_the_confusion_matrix(predictions: pd.DataFrame, other: pd.DataFrame) -> None:
    table = inspect_runs([predictions, other])
    everything = np.arange(len(table))
    counts = cross_counts(table, everything, TRUE, FIRST)
    known = table[table["expression"].notna()]
    expected = confusion_matrix(known["predicted_0"].cat.codes, known["expression"].cat.codes, num_classes=8)
    assert counts.tolist() == expected.tolist()
    assert counts[EXPRESSIONS.index("happiness"), EXPRESSIONS.index("anger")] == 1
    # Without label an image still has two answers.
    assert cross_counts(table, everything, FIRST, SECOND).sum() == 6
    assert cross_counts(table, np.array([0]), FIRST, SECOND)[1].tolist() == [0, 0, 0, 0, 0, 0, 1, 0]


def test_expressions_that_nobody_names_do_not_occur(predictions: pd.DataFrame, other: pd.DataFrame) -> None:
    table = inspect_runs([predictions, other])
    for columns in ((TRUE, FIRST), (FIRST, SECOND)):
        named = set(table[columns[0]].dropna()) | set(table[columns[1]].dropna())
        assert 0 < len(named) < len(EXPRESSIONS)
        assert occurring(table, *columns) == tuple(name for name in EXPRESSIONS if name in named)


def test_what_is_refused(predictions: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="one or two runs are needed, not of 3"):
        inspect_runs([predictions] * 3)
    with pytest.raises(CheckpointError, match="the image 'a' twice"):
        inspect_runs([pd.concat([predictions, predictions.iloc[:1]])])
    with pytest.raises(CheckpointError, match="the expression 'joy', which is none"):
        inspect_runs([predictions.assign(expression="joy")])
    with pytest.raises(CheckpointError, match="probability outside 0 to 1"):
        inspect_runs([predictions.assign(prob_fear=1.5)])
