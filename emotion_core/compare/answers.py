"""What runs answered: confusion counts, measures of each expression, calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.calibration import reliability_table
from emotion_core.metrics.classification import confusion_matrix, precision_recall_f1
from emotion_core.metrics.columns import expression_columns
from emotion_core.metrics.intervals import wilson_interval
from emotion_core.metrics.selective import risk_coverage

EXPRESSION_NEEDS = ["expression", *(f"prob_{name}" for name in EXPRESSIONS)]
"""Columns of predictions that are read for :func:`expression_answers`."""


def expression_answers(predictions: pd.DataFrame) -> tuple[npt.NDArray[np.int64], pd.DataFrame] | None:
    """Confusion counts, shape ``(8, 8)``, and the reliability table of one run; ``None`` where it predicts no expression.

    Where expressions are named without a probability, no bin of the reliability table holds an image.

    Raises:
        ValueError: as in :func:`~emotion_core.metrics.summary.summarize`.
    """
    columns = expression_columns(predictions)
    if columns is None:
        return None
    counts = confusion_matrix(columns.preds, columns.target, num_classes=len(EXPRESSIONS))
    reliability = reliability_table(columns.probs, columns.target)
    return counts, reliability.assign(count=0, confidence=np.nan, accuracy=np.nan) if columns.names_only else reliability


def coverage_curve(predictions: pd.DataFrame) -> pd.DataFrame | None:
    """Accuracy of the most confident predictions, by :func:`~emotion_core.metrics.selective.risk_coverage`; ``None`` where
    the run predicts no expression, or no probability of it.

    Raises:
        ValueError: as in :func:`~emotion_core.metrics.summary.summarize`.
    """
    columns = expression_columns(predictions)
    return None if columns is None or columns.names_only else risk_coverage(columns.probs, columns.target)


def class_table(counts: Mapping[str, npt.NDArray[np.int64]], backbones: Mapping[str, str]) -> pd.DataFrame:
    """Precision, recall with its 95 % interval, F1 and support of every expression that occurs, long by ``run``."""
    parts = []
    for run, matrix in counts.items():
        precision, recall, f1 = precision_recall_f1(matrix)
        part = pd.DataFrame(
            {"expression": EXPRESSIONS, "precision": precision, "recall": recall, "f1": f1, "support": matrix.sum(axis=1)}
        )
        part = part[part["support"] > 0]
        ends = [wilson_interval(share, total) for share, total in zip(part["recall"], part["support"], strict=True)]
        low, high = zip(*ends, strict=True)
        parts.append(part.assign(recall_low=low, recall_high=high, run=run, backbone=backbones[run]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", "backbone", "expression", "f1"])


def confusion_table(matrices: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Cells of matrices, long by ``run``."""
    rows = [
        {"run": run, "true": true, "predicted": predicted, "value": matrix[i, j]}
        for run, matrix in matrices.items()
        for i, true in enumerate(EXPRESSIONS)
        for j, predicted in enumerate(EXPRESSIONS)
    ]
    return pd.DataFrame(rows, columns=["run", "true", "predicted", "value"])


def calibration_error(bins: pd.DataFrame) -> float:
    """ECE from a reliability table; ``nan`` without images."""
    known = bins[bins["count"] > 0]
    total = known["count"].sum()
    return float((known["count"] * (known["accuracy"] - known["confidence"]).abs()).sum() / total) if total else float("nan")
