"""The measures that choose an epoch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from emotion_core.data.table import FaceTable
from emotion_core.errors import ConfigError, TrainingError
from emotion_core.metrics.classification import f1_macro
from emotion_core.metrics.continuous import concordance_corrcoef


def measure(
    logits: npt.NDArray[np.float32],
    affect: npt.NDArray[np.float32],
    table: FaceTable,
    outputs: tuple[str, ...],
    *,
    classes: npt.NDArray[np.bool_],
) -> dict[str, float]:
    """``accuracy``, ``f1_macro``, ``ccc_valence`` and ``ccc_arousal``, as far as outputs and labels give them.

    Args:
        logits: shape ``(N, 8)``.
        affect: shape ``(N, 2)``.
        table: ``N`` rows.
        outputs: what the network is trained on.
        classes: expressions that occur in training, shape ``(8,)``; the others are never predicted.

    Raises:
        TrainingError: outputs are not finite.
    """
    if not (np.isfinite(logits).all() and np.isfinite(affect).all()):
        raise TrainingError("The network's outputs on the validation split are not finite. Try a smaller learning rate.")
    measures: dict[str, float] = {}
    labels = table.expression_indices
    known = labels >= 0
    if "expression" in outputs and known.any():
        preds = np.where(classes, logits, -np.inf).argmax(axis=1)[known]
        measures["accuracy"] = float((preds == labels[known]).mean())
        measures["f1_macro"] = f1_macro(preds, labels[known])
    if "affect" in outputs:
        for column, name in enumerate(("valence", "arousal")):
            target = table.affect[:, column]
            rated = np.isfinite(target)
            if rated.any():
                preds_rated = np.clip(affect[rated, column], -1, 1)
                measures[f"ccc_{name}"] = concordance_corrcoef(preds_rated, target[rated])
    return measures


def selection_score(measures: Mapping[str, float], select: str) -> float:
    """One number that is larger for a better epoch; the mean where several measures choose together.

    Raises:
        ConfigError: the measures that ``select`` names are not there.
    """
    parts = []
    for name in select.split(" + "):
        keys = ("ccc_valence", "ccc_arousal") if name == "ccc" else (name,)
        try:
            parts.append(float(np.mean([measures[key] for key in keys])))
        except KeyError as error:
            raise ConfigError(
                f"select = '{select}' needs {error}, which this dataset or these losses do not give. Known: "
                f"{', '.join(measures) or 'none'}."
            ) from error
    return float(np.mean(np.nan_to_num(parts)))
