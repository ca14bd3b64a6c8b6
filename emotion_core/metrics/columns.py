"""What the measures need, taken out of the columns of ``predictions.parquet`` and checked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import EXPRESSIONS

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class ExpressionColumns:
    """Expressions of the ``M`` images that have one.

    Attributes:
        rows: their positions in the table, ascending, shape ``(M,)``.
        probs: shape ``(M, 8)``.
        target: true classes, shape ``(M,)``.
    """

    rows: Labels
    probs: Array
    target: Labels

    @property
    def preds(self) -> Labels:
        """Predicted classes, shape ``(M,)``; of equal probabilities the first wins."""
        preds: Labels = self.probs.argmax(axis=1)
        return preds

    @property
    def names_only(self) -> bool:
        """Whether each image has one expression with 1 and all others with 0: they are named, without a probability."""
        return bool(np.isin(self.probs, (0.0, 1.0)).all())

    def take(self, images: Labels) -> ExpressionColumns:
        """Some of the images, by their positions from 0 to ``M - 1``; repeated ones count as often."""
        return ExpressionColumns(rows=self.rows[images], probs=self.probs[images], target=self.target[images])


@dataclass(frozen=True, kw_only=True)
class AffectColumns:
    """Valence or arousal of the ``M`` images that have it.

    Attributes:
        rows: their positions in the table, ascending, shape ``(M,)``.
        preds: shape ``(M,)``.
        target: shape ``(M,)``.
    """

    rows: Labels
    preds: Array
    target: Array

    def take(self, images: Labels) -> AffectColumns:
        """As for expressions."""
        return AffectColumns(rows=self.rows[images], preds=self.preds[images], target=self.target[images])


def expression_columns(predictions: pd.DataFrame) -> ExpressionColumns | None:
    """Probabilities and true expressions of the images that have an expression.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.

    Returns:
        ``None`` when no image has an expression, or the network predicts none at all.

    Raises:
        ValueError: an expression is not one of the eight, or a probability is NaN or infinite for some images only.
    """
    probs = predictions[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float64)
    labels = predictions["expression"].map({name: index for index, name in enumerate(EXPRESSIONS)})
    known = labels.notna().to_numpy()
    strange = predictions["expression"][~known].dropna()
    if len(strange):
        raise ValueError(f"expression '{strange.iloc[0]}' is not one of {', '.join(EXPRESSIONS)}")
    if not known.any() or np.isnan(probs).all():
        return None
    _refuse_gaps(probs[known], "expression probabilities")
    target: Labels = labels[known].to_numpy().astype(np.int64)
    return ExpressionColumns(rows=np.flatnonzero(known), probs=probs[known], target=target)


def affect_columns(predictions: pd.DataFrame, name: str) -> AffectColumns | None:
    """Predicted and annotated values of the images that are annotated.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        name: ``"valence"`` or ``"arousal"``.

    Returns:
        ``None`` when no image is annotated, or nothing is predicted at all.

    Raises:
        ValueError: an annotation is infinite, or a prediction is NaN or infinite for some images only.
    """
    target = predictions[name].to_numpy(dtype=np.float64)
    preds = predictions[f"pred_{name}"].to_numpy(dtype=np.float64)
    known = ~np.isnan(target)
    if not known.any() or np.isnan(preds).all():
        return None
    _refuse_gaps(target[known], f"annotated {name}")
    _refuse_gaps(preds[known], f"predicted {name}")
    return AffectColumns(rows=np.flatnonzero(known), preds=preds[known], target=target[known])


def _refuse_gaps(values: Array, what: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{what} of some images are not finite")
