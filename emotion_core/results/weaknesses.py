"""Where a run goes wrong, in the words and figures of its model card."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.calibration import expected_calibration_error
from emotion_core.metrics.classification import confusion_matrix
from emotion_core.metrics.columns import AffectColumns, ExpressionColumns, affect_columns, expression_columns
from emotion_core.metrics.intervals import wilson_interval

OFTEN = 0.1
"""Confusions of at least this share of a class are named."""


def describe_weaknesses(predictions: pd.DataFrame) -> list[str]:
    """Recall and confusions of every expression, how far confidence can be believed, and how valence and arousal are off.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.

    Returns:
        Lines of Markdown; none when nothing is labelled or predicted.
    """
    lines: list[str] = []
    expressions = expression_columns(predictions)
    if expressions is not None:
        lines += [*_recalls(expressions), ""]
        lines += [] if expressions.names_only else [f"- {_confidence(expressions)}"]
    for name in AFFECT:
        column = affect_columns(predictions, name)
        # A slope needs two different annotations.
        if column is not None and np.ptp(column.target) > 0:
            lines.append(f"- {name.capitalize()} {_shrinkage(column)}")
    return lines


def _recalls(expressions: ExpressionColumns) -> list[str]:
    counts = confusion_matrix(expressions.preds, expressions.target, num_classes=len(EXPRESSIONS))
    totals = counts.sum(axis=1)
    there = np.flatnonzero(totals)
    # The worst first: that is what a reader needs to know.
    ranked = sorted(there, key=lambda index: counts[index, index] / totals[index])
    return [
        "| expression | images | recognised, 95 % interval | taken for |",
        "|---|---|---|---|",
        *(_recall_row(counts[index].tolist(), int(index)) for index in ranked),
    ]


def _recall_row(row: Sequence[int], index: int) -> str:
    total, hits = sum(row), row[index]
    low, high = wilson_interval(hits / total, total)
    others = sorted((count / total, name) for name, count in zip(EXPRESSIONS, row, strict=True) if name != EXPRESSIONS[index])
    taken = ", ".join(f"{name} {share:.2f}" for share, name in reversed(others) if share >= OFTEN)
    return f"| {EXPRESSIONS[index]} | {total:,} | {hits / total:.2f}, {low:.2f} to {high:.2f} | {taken} |"


def _confidence(expressions: ExpressionColumns) -> str:
    right = float((expressions.preds == expressions.target).mean())
    sure = float(expressions.probs.max(axis=1).mean())
    error = expected_calibration_error(expressions.probs, expressions.target)
    return f"It is {sure:.2f} sure on average and right in {right:.2f} of the images (expected calibration error {error:.3f})."


def _shrinkage(column: AffectColumns) -> str:
    bias = float((column.preds - column.target).mean())
    slope = float(np.cov(column.preds, column.target)[0, 1] / column.target.var(ddof=1))
    words = (
        "is right on average"
        if round(abs(bias), 2) == 0
        else f"is {abs(bias):.2f} too {'high' if bias > 0 else 'low'} on average"
    )
    return f"{words}; a face annotated 1.0 higher comes out {abs(slope):.2f} {'higher' if round(slope, 2) >= 0 else 'lower'}."
