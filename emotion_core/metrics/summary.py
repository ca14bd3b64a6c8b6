"""All measures of one run on one split."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.agreement import cohen_kappa, krippendorff_alpha
from emotion_core.metrics.classification import accuracy, f1_macro, f1_weighted, pr_auc, roc_auc
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
SCORE_MEASURES = MappingProxyType({"roc_auc": roc_auc, "pr_auc": pr_auc})
AFFECT_MEASURES = MappingProxyType(
    {
        "rmse": rmse,
        "mae": mae,
        "corr": pearson_corrcoef,
        "sagr": sign_agreement,
        "ccc": concordance_corrcoef,
    }
)


def summarize(predictions: pd.DataFrame) -> dict[str, float]:
    """Every measure that the labels allow.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``. Images without an expression do not count for
            the expression measures, images without valence or arousal not for theirs; a column of predictions that is missing
            throughout (a network that does not say it) leaves its measures out.

    Returns:
        Measures by their usual keys: ``accuracy``, …, ``ccc_valence``, ``ccc_arousal``.

    Raises:
        ValueError: a predicted number is NaN or infinite for some images and not for others.
    """
    measures: dict[str, float] = {}
    probs = predictions[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float64)
    labels = predictions["expression"].map({name: i for i, name in enumerate(EXPRESSIONS)})
    known = labels.notna().to_numpy()
    if known.any() and not np.isnan(probs).all():
        _refuse_gaps(probs[known], "expression probabilities")
        target, scores = labels[known].to_numpy(dtype=np.int64), probs[known]
        preds = scores.argmax(axis=1)
        measures |= {name: measure(preds, target) for name, measure in LABEL_MEASURES.items()}
        measures |= {name: measure(scores, target) for name, measure in SCORE_MEASURES.items()}
    measures |= _affect_measures(predictions)
    return measures


def _affect_measures(predictions: pd.DataFrame) -> Mapping[str, float]:
    measures: dict[str, float] = {}
    for name in AFFECT:
        target = predictions[name].to_numpy(dtype=np.float64)
        preds = predictions[f"pred_{name}"].to_numpy(dtype=np.float64)
        known = ~np.isnan(target)
        if not known.any() or np.isnan(preds).all():
            continue
        _refuse_gaps(preds[known], f"predicted {name}")
        measures |= {f"{key}_{name}": measure(preds[known], target[known]) for key, measure in AFFECT_MEASURES.items()}
    return measures


def _refuse_gaps(values: npt.NDArray[np.float64], what: str) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f"{what} of some images are not finite")
