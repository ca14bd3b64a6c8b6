"""Usual mistakes that stored predictions betray."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from emotion_core.importing.columns import ORDERS, TITLES
from emotion_core.importing.outputs import Finding
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.classification import confusion_matrix

Labels = npt.NDArray[np.int64]

GAIN = 0.2
"""A rise in accuracy that another order of the same columns does not give by chance."""
FEW = 30
"""Fewer images say nothing about an order."""


def check_order(preds: Labels, target: Labels, classes: Sequence[str]) -> list[Finding]:
    """Whether another order of the expressions fits much better.

    Args:
        preds: predicted expressions, positions in ``EXPRESSIONS``, shape ``(N,)``.
        target: true ones.
        classes: those that the network knows, in the order of its columns.

    Returns:
        One doubt that names the order, or nothing. Of all orders the best one is found by linear assignment on the confusion
        counts (Kuhn 1955), so it need not be a usual one.
    """
    if len(target) < FEW or len(classes) < 2:
        return []
    places = [EXPRESSIONS.index(name) for name in classes]
    # Answers by column of the file, truth by expression.
    counts = confusion_matrix(preds, target, num_classes=len(EXPRESSIONS)).T[np.ix_(places, places)]
    now, total = int(np.trace(counts)), len(target)
    _, meant = linear_sum_assignment(-counts)
    best = int(counts[np.arange(len(classes)), meant].sum())
    if (best - now) / total < GAIN:
        return []
    words, hint = "another order of its expressions", ", ".join(classes[int(index)] for index in meant)
    for name, order in ORDERS.items():
        if len(order) == len(classes) and set(order) == set(classes):
            usual = int(counts[np.arange(len(classes)), [list(classes).index(expression) for expression in order]].sum())
            if usual >= best - 0.02 * total:
                words, hint, best = f"{TITLES[name]} order", ", ".join(order), usual
                break
    return [
        Finding(
            f"The expressions look permuted: accuracy is {now / total:.2f} as they stand and {best / total:.2f} in {words}. "
            f"Did you mean {words} ({hint})?",
            doubt=True,
        )
    ]


def check_copied(preds: Labels, target: Labels, names_only: bool) -> list[Finding]:
    """Whether the truth itself was taken for the prediction."""
    if names_only and len(target) >= FEW and (preds == target).all():
        return [Finding("Every named expression is the true one. Is it the column of the truth?", doubt=True)]
    return []


def check_chance(preds: Labels, target: Labels) -> list[Finding]:
    """Whether predictions and images belong together at all."""
    if len(target) < FEW:
        return []
    right, guess = float((preds == target).mean()), 1 / len(np.unique(target))
    # Two standard deviations above what guessing among the expressions that occur gives.
    if right < guess + 2 * np.sqrt(guess * (1 - guess) / len(target)):
        return [Finding(f"Accuracy is {right:.2f}, no better than chance. Do the names belong to these rows?")]
    return []
