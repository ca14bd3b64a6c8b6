"""All measures of one run on one split."""

from __future__ import annotations

import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.classification import confusion_matrix, precision_recall_f1
from emotion_core.metrics.columns import AffectColumns, ExpressionColumns, affect_columns, expression_columns
from emotion_core.metrics.table import METRICS, Metric


def judged_columns(
    predictions: pd.DataFrame,
) -> dict[str, ExpressionColumns | AffectColumns]:
    """Labels and outputs of ``expression``, ``valence`` and ``arousal``, as far as images have the label and a prediction.

    Args:
        predictions: as for :func:`summarize`, whose errors it raises.
    """
    found = {"expression": expression_columns(predictions), **{name: affect_columns(predictions, name) for name in AFFECT}}
    return {name: columns for name, columns in found.items() if columns is not None}


def defined_metrics(judged: dict[str, ExpressionColumns | AffectColumns]) -> dict[str, Metric]:
    """The measures that these columns allow; those of probabilities not where expressions are named without one."""
    expressions = judged.get("expression")
    names_only = isinstance(expressions, ExpressionColumns) and expressions.names_only
    return {
        name: metric for name, metric in METRICS.items() if metric.of in judged and not (names_only and metric.takes == "probs")
    }


def summarize(predictions: pd.DataFrame) -> dict[str, float]:
    """Every measure that the labels allow.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``. Images without an expression do not count for
            the expression measures, images without valence or arousal not for theirs; a column of predictions that is missing
            throughout (a network that is not trained on it) leaves its measures out. Where every probability is 0 or 1,
            expressions were named without one: what judges probabilities is left out.

    Returns:
        Measures by their keys in :data:`~emotion_core.metrics.table.METRICS`, in its order.

    Raises:
        ValueError: a predicted number is NaN or infinite for some images and not for others, an annotation is infinite, or an
            expression is not one of the eight.
    """
    judged = judged_columns(predictions)
    return {name: metric.measure(judged[metric.of]) for name, metric in defined_metrics(judged).items()}


def per_class(predictions: pd.DataFrame) -> pd.DataFrame:
    """Precision, recall and F1 of each expression.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``; images without an expression do not count.

    Returns:
        A row an expression, in the order of ``EXPRESSIONS``, with columns ``expression``, ``precision``, ``recall``, ``f1`` (in
        [0, 1]; 0 where a class is never predicted, never true, or neither) and ``support``, the number of images of the class.

    Raises:
        ValueError: no image has an expression or the network is not trained on it; otherwise as in :func:`summarize`.
    """
    columns = expression_columns(predictions)
    if columns is None:
        raise ValueError("predictions hold no image with both a true expression and predicted probabilities")
    counts = confusion_matrix(columns.preds, columns.target, num_classes=len(EXPRESSIONS))
    precision, recall, f1 = precision_recall_f1(counts)
    return pd.DataFrame(
        {"expression": EXPRESSIONS, "precision": precision, "recall": recall, "f1": f1, "support": counts.sum(axis=1)}
    )
