"""All measures of one run on one split."""

from __future__ import annotations

from types import MappingProxyType
from typing import Literal

import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.agreement import cohen_kappa, krippendorff_alpha
from emotion_core.metrics.calibration import brier_score, expected_calibration_error, log_loss
from emotion_core.metrics.classification import (
    accuracy,
    confusion_matrix,
    f1_macro,
    f1_weighted,
    pr_auc,
    precision_recall_f1,
    roc_auc,
)
from emotion_core.metrics.columns import affect_columns, expression_columns
from emotion_core.metrics.continuous import concordance_corrcoef, mae, pearson_corrcoef, rmse, sign_agreement

LABEL_MEASURES = MappingProxyType(
    {
        "accuracy": accuracy,
        "f1_macro": f1_macro,
        "f1_weighted": f1_weighted,
        "cohen_kappa": cohen_kappa,
        "krippendorff_alpha": krippendorff_alpha,
    }
)
"""Measures of predicted against true class."""

SCORE_MEASURES = MappingProxyType(
    {
        "roc_auc": roc_auc,
        "pr_auc": pr_auc,
        "ece": expected_calibration_error,
        "brier": brier_score,
        "log_loss": log_loss,
    }
)
"""Measures of probabilities against the true class."""

AFFECT_MEASURES = MappingProxyType(
    {
        "rmse": rmse,
        "mae": mae,
        "corr": pearson_corrcoef,
        "sagr": sign_agreement,
        "ccc": concordance_corrcoef,
    }
)
"""Measures of predicted against annotated valence or arousal; their keys end in ``_valence`` or ``_arousal``."""

LOWER_IS_BETTER = frozenset({"ece", "brier", "log_loss", *(f"{key}_{name}" for key in ("rmse", "mae") for name in AFFECT)})

MEASURES: tuple[str, ...] = (
    *LABEL_MEASURES,
    *SCORE_MEASURES,
    *(f"{key}_{name}" for name in AFFECT for key in AFFECT_MEASURES),
)
"""Every key that :func:`summarize` can give, in its order."""


def summarize(predictions: pd.DataFrame) -> dict[str, float]:
    """Every measure that the labels allow.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``. Images without an expression do not count for
            the expression measures, images without valence or arousal not for theirs; a column of predictions that is missing
            throughout (a network that does not say it) leaves its measures out.

    Returns:
        Measures by their usual keys: ``accuracy``, …, ``ccc_valence``, ``ccc_arousal``.

    Raises:
        ValueError: a predicted number is NaN or infinite for some images and not for others, an annotation is infinite, or an
            expression is not one of the eight.
    """
    measures: dict[str, float] = {}
    expressions = expression_columns(predictions)
    if expressions is not None:
        probs, preds, target = expressions.probs, expressions.preds, expressions.target
        measures |= {name: measure(preds, target) for name, measure in LABEL_MEASURES.items()}
        measures |= {name: measure(probs, target) for name, measure in SCORE_MEASURES.items()}
    for name in AFFECT:
        affect = affect_columns(predictions, name)
        if affect is not None:
            measures |= {f"{key}_{name}": measure(affect.preds, affect.target) for key, measure in AFFECT_MEASURES.items()}
    return measures


def better_is(measure: str) -> Literal["higher", "lower"]:
    """Which way a measure improves.

    Args:
        measure: a key of :func:`summarize`.

    Raises:
        ValueError: there is no such measure.

    Example:
        >>> better_is("ccc_valence"), better_is("log_loss")
        ('higher', 'lower')
    """
    if measure not in MEASURES:
        raise ValueError(f"there is no measure '{measure}'; known: {', '.join(MEASURES)}")
    return "lower" if measure in LOWER_IS_BETTER else "higher"


def per_class(predictions: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F1 of each expression.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``; images without an expression do not count.

    Returns:
        A row an expression, in the order of ``EXPRESSIONS``, with columns ``expression``, ``precision``, ``recall``, ``f1`` (in
        [0, 1]; 0 where a class is never predicted, never true, or neither) and ``support``, the number of images of the class.

    Raises:
        ValueError: no image has an expression or the network does not say it; otherwise as in :func:`summarize`.
    """
    columns = expression_columns(predictions)
    if columns is None:
        raise ValueError("predictions hold no image with both a true expression and predicted probabilities")
    counts = confusion_matrix(columns.preds, columns.target, num_classes=len(EXPRESSIONS))
    precision, recall, f1 = precision_recall_f1(counts)
    return pd.DataFrame(
        {"expression": EXPRESSIONS, "precision": precision, "recall": recall, "f1": f1, "support": counts.sum(axis=1)}
    )
