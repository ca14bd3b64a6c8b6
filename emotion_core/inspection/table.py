"""One row an image: what is true, what one or two runs predict, and how far apart that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.errors import CheckpointError
from emotion_core.inspection.label_errors import label_trust, suggest_labels
from emotion_core.labels import AFFECT, EXPRESSIONS

Array = npt.NDArray[np.float64]

SMALLEST = 1e-12
"""Probabilities below this count as this: a loss of 27.6 instead of an infinite one."""

KIND = pd.CategoricalDtype(list(EXPRESSIONS))
"""Expressions in a table: one byte an image, and their order is that of every array."""

_PROBS = [f"prob_{name}" for name in EXPRESSIONS]


def inspect_runs(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Put predictions of one or two runs on the same images side by side, with all that is derived from them.

    Args:
        predictions: one table a run, with the columns of ``predictions.parquet``.

    Returns:
        A row an image in the order of ``sample_id``: ``sample_id, expression, valence, arousal`` (from the first table), then
        for each run, ending in its number: ``predicted`` (the most probable expression), ``confidence`` (its probability),
        ``margin`` (less that of the second most probable), ``loss`` (minus the natural logarithm of the probability of the true
        expression), ``correct`` (1, 0, or NaN where nothing can be said), ``valence``, ``arousal`` (predicted),
        ``valence_error``, ``arousal_error`` (absolute), ``trust`` and ``suggested`` (see
        :mod:`~emotion_core.inspection.label_errors`) and ``prob_<expression>``. With two runs also ``disagreement``. What a
        network is not trained on is missing. Images that only one of the runs has are left out.

    Raises:
        ValueError: not one or two tables.
        CheckpointError: an image stands in a table twice, or a label or a probability is not what it should be.

    Example:
        >>> row = {"sample_id": "a", "expression": "fear", "valence": -0.5, "arousal": 0.5}
        >>> row |= {f"prob_{name}": 0.2 if name == "fear" else 0.8 if name == "anger" else 0.0 for name in EXPRESSIONS}
        >>> table = inspect_runs([pd.DataFrame([row | {"pred_valence": -0.25, "pred_arousal": 0.5}])])
        >>> table[["predicted_0", "correct_0", "valence_error_0"]].to_numpy().tolist()
        [['anger', 0.0, 0.25]]
    """
    if len(predictions) not in (1, 2):
        raise ValueError(f"Predictions of one or two runs are needed, not of {len(predictions)}.")
    ordered = [_ordered(table) for table in predictions]
    if len(ordered) == 2 and not ordered[0].index.equals(ordered[1].index):
        shared = ordered[0].index.intersection(ordered[1].index)
        ordered = [table.loc[shared] for table in ordered]
    first = ordered[0]
    columns: dict[str, object] = {"sample_id": first.index.to_numpy(dtype=object), "expression": _kinds(first["expression"])}
    columns |= {axis: first[axis].to_numpy(dtype=np.float64) for axis in AFFECT}
    for number, table in enumerate(ordered):
        columns |= {f"{name}_{number}": values for name, values in _derive(first, table).items()}
    found = pd.DataFrame(columns)
    if len(ordered) == 2:
        found["disagreement"] = _disagreement(found)
    return found


def probabilities(table: pd.DataFrame, run: int = 0) -> Array:
    """Of all expressions, shape ``(N, 8)``; NaN where the run predicts none."""
    return table[[f"{name}_{run}" for name in _PROBS]].to_numpy(dtype=np.float64)


def num_runs(table: pd.DataFrame) -> int:
    """How many runs a table from :func:`inspect_runs` holds."""
    return 2 if "predicted_1" in table else 1


def as_predictions(table: pd.DataFrame, run: int = 0) -> pd.DataFrame:
    """Back to the columns of ``predictions.parquet``, as the measures take them."""
    names = {f"{name}_{run}": name for name in _PROBS} | {f"{axis}_{run}": f"pred_{axis}" for axis in AFFECT}
    chosen = table[["sample_id", "expression", *AFFECT, *names]].rename(columns=names)
    return chosen.assign(expression=chosen["expression"].astype(object))


def _ordered(table: pd.DataFrame) -> pd.DataFrame:
    ordered = table.set_index("sample_id").sort_index(kind="stable")
    if not ordered.index.is_unique:
        twice = ordered.index[ordered.index.duplicated()][0]
        raise CheckpointError(f"The predictions hold the image '{twice}' twice. Evaluate the run again.")
    return ordered


def _kinds(names: pd.Series) -> pd.Categorical:
    strange = names[names.notna() & ~names.isin(EXPRESSIONS)]
    if len(strange):
        raise CheckpointError(
            f"The predictions hold the expression '{strange.iloc[0]}', which is none. Evaluate the run again."
        )
    return pd.Categorical(names, dtype=KIND)


def _derive(truth: pd.DataFrame, table: pd.DataFrame) -> dict[str, object]:
    probs = table[_PROBS].to_numpy(dtype=np.float64)
    says = np.isfinite(probs).all(axis=1)
    if not ((probs[says] >= 0) & (probs[says] <= 1)).all():
        raise CheckpointError("The predictions hold a probability outside 0 to 1. Evaluate the run again.")
    target = _kinds(truth["expression"]).codes.astype(np.int64)
    filled = np.where(says[:, None], probs, 0.0)
    top = np.sort(filled, axis=1)[:, -2:]
    predicted = np.where(says, filled.argmax(axis=1), -1)
    given = filled[np.arange(len(filled)), np.maximum(target, 0)]
    known = says & (target >= 0)
    with_affect = {axis: table[f"pred_{axis}"].to_numpy(dtype=np.float64) for axis in AFFECT}
    return {
        "predicted": pd.Categorical.from_codes(predicted, dtype=KIND),
        "confidence": np.where(says, top[:, 1], np.nan),
        "margin": np.where(says, top[:, 1] - top[:, 0], np.nan),
        "loss": np.where(known, -np.log(np.maximum(given, SMALLEST)), np.nan),
        "correct": np.where(known, predicted == target, np.nan),
        **with_affect,
        **{f"{axis}_error": np.abs(said - truth[axis].to_numpy(dtype=np.float64)) for axis, said in with_affect.items()},
        "trust": label_trust(probs, target),
        "suggested": pd.Categorical.from_codes(suggest_labels(probs, target), dtype=KIND),
        # In the precision in which they were stored: rounding would move some over the edge of a bin of the calibration error.
        **{name: table[name].to_numpy() for name in _PROBS},
    }


def _disagreement(table: pd.DataFrame) -> Array:
    """Half the sum of absolute differences of probabilities, in [0, 1]; distance on the plane where a run predicts none.

    The distance is divided by the largest there is, 2.828, so that it lies in [0, 1] too.
    """
    spoken = np.abs(probabilities(table, 0) - probabilities(table, 1)).sum(axis=1) / 2
    across, upward = (table[f"{axis}_0"].to_numpy() - table[f"{axis}_1"].to_numpy() for axis in AFFECT)
    distance = np.hypot(across, upward) / np.sqrt(8)
    return np.asarray(np.where(np.isnan(spoken), distance, spoken), dtype=np.float64)
