"""Confident learning on a table that was counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_core.inspection.label_errors import class_thresholds, label_trust, suggest_labels

PROBS = np.array(
    [
        [0.8, 0.1, 0.1],
        [0.6, 0.3, 0.1],
        [0.1, 0.9, 0.0],  # called 0, looks like 1
        [0.2, 0.7, 0.1],
        [0.1, 0.5, 0.4],
        [0.9, 0.1, 0.0],  # called 1, looks like 0
        [0.3, 0.3, 0.4],  # no label
    ]
)
TARGET = np.array([0, 0, 0, 1, 1, 1, -1])


def test_means_and_ratios() -> None:
    # (0.8 + 0.6 + 0.1) / 3 and (0.7 + 0.5 + 0.1) / 3; nobody is called 2.
    assert class_thresholds(PROBS, TARGET).tolist() == pytest.approx([0.5, 1.3 / 3, np.nan], nan_ok=True)
    expected = [1.6, 1.2, 0.2, 2.1 / 1.3, 1.5 / 1.3, 0.3 / 1.3, np.nan]
    assert label_trust(PROBS, TARGET).tolist() == pytest.approx(expected, nan_ok=True)


def test_the_two_exchanged_labels_are_found() -> None:
    assert suggest_labels(PROBS, TARGET).tolist() == [-1, -1, 1, -1, -1, 0, -1]


def test_a_class_that_is_not_reached_is_not_suggested() -> None:
    # 0.45 for class 1 beats 0.4 for the label, but class 1 is usually given 0.9.
    probs = np.array([[0.4, 0.45, 0.15], [0.9, 0.05, 0.05], [0.05, 0.9, 0.05]])
    assert suggest_labels(probs, np.array([0, 0, 1])).tolist() == [-1, -1, -1]


def test_missing_probabilities_do_not_count() -> None:
    probs = np.vstack([PROBS, [[np.nan] * 3]])
    target = np.append(TARGET, 0)
    assert class_thresholds(probs, target)[0] == pytest.approx(0.5)
    assert np.isnan(label_trust(probs, target)[-1])
    assert suggest_labels(probs, target)[-1] == -1


def test_exchanged_labels_of_a_large_table_come_first() -> None:
    generator = np.random.default_rng(0)
    true = generator.integers(0, 8, 4_000)
    logits = generator.normal(size=(4_000, 8))
    logits[np.arange(4_000), true] += 4
    probs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    given, wrong = true.copy(), generator.choice(4_000, 200, replace=False)
    given[wrong] = (true[wrong] + 1 + generator.integers(0, 7, 200)) % 8
    worst = np.argsort(label_trust(probs, given))[:200]
    assert np.isin(worst, wrong).mean() > 0.8
    suggested = suggest_labels(probs, given)
    found = suggested[wrong] >= 0
    assert found.mean() > 0.6
    assert (suggested[wrong] == true[wrong])[found].mean() > 0.95
    assert (np.delete(suggested, wrong) >= 0).mean() < 0.1
