"""What the plane of valence and arousal says in numbers: quarters, residuals, and which run is closer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.intervals import wilson_interval

Array = npt.NDArray[np.float64]

QUARTERS: tuple[str, ...] = ("excited, happy", "angry, afraid", "sad, bored", "calm, relaxed")
"""What the quarters of Russell's circumplex (1980) are called, counter-clockwise from the upper right: pleasant and active,
unpleasant and active, unpleasant and calm, pleasant and calm."""

AFFECT_COLUMNS: tuple[str, ...] = ("sample_id", "expression", *AFFECT, *(f"pred_{name}" for name in AFFECT))
"""What :func:`join_runs` needs of ``predictions.parquet``."""


def join_runs(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row a face with true values and predictions of every run.

    Args:
        predictions: one table a run, with at least :data:`AFFECT_COLUMNS`.

    Returns:
        ``sample_id, expression, valence, arousal``, then ``valence_0, arousal_0`` of the first run, ``valence_1, …`` of the
        second. Faces without a number in any of them are left out; the order is the first table's.

    Raises:
        ValueError: no table.
    """
    if not predictions:
        raise ValueError("Predictions of at least one run are needed.")
    joined = predictions[0][["sample_id", "expression", *AFFECT]]
    for number, table in enumerate(predictions):
        names = {f"pred_{name}": f"{name}_{number}" for name in AFFECT}
        mine = table[["sample_id", *names]].rename(columns=names)
        if np.array_equal(mine["sample_id"].to_numpy(), joined["sample_id"].to_numpy()):
            joined = joined.assign(**{name: mine[name].to_numpy() for name in names.values()})
        else:
            joined = joined.merge(mine, on="sample_id", how="inner")
    numbers = joined.drop(columns=["sample_id", "expression"]).to_numpy(dtype=np.float64)
    kept: pd.DataFrame = joined[np.isfinite(numbers).all(axis=1)].reset_index(drop=True)
    return kept


def predicted_expressions(predictions: pd.DataFrame) -> pd.Series:
    """The most probable expression by ``sample_id``; images without probabilities are left out.

    Args:
        predictions: with ``sample_id`` and the eight ``prob_<expression>``, as in ``predictions.parquet``.
    """
    probs = predictions[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float64)
    known = ~np.isnan(probs).any(axis=1)
    names = np.array(EXPRESSIONS, dtype=object)[probs[known].argmax(axis=1)]
    return pd.Series(names, index=pd.Index(predictions["sample_id"].to_numpy()[known]), dtype=object)


def quarter_of(valence: npt.ArrayLike, arousal: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Position in :data:`QUARTERS` of each point, shape ``(N,)``.

    Zero belongs to the pleasant and to the active side: (0, 0) lies in the first quarter. The four quarters so cover the
    plane without overlap.

    Example:
        >>> quarter_of([0.5, -0.5, -0.5, 0.5, 0.0], [0.5, 0.5, -0.5, -0.5, 0.0]).tolist()
        [0, 1, 2, 3, 0]
    """
    pleasant, active = np.asarray(valence, dtype=np.float64) >= 0, np.asarray(arousal, dtype=np.float64) >= 0
    return np.where(active, np.where(pleasant, 0, 1), np.where(pleasant, 3, 2)).astype(np.int64)


def quarter_counts(faces: pd.DataFrame, run: int = 0) -> npt.NDArray[np.int64]:
    """How many faces of each true quarter are put in each, shape ``(4, 4)``: true by row, predicted by column.

    Args:
        faces: from :func:`join_runs`.
        run: number of the run.
    """
    true = quarter_of(faces["valence"], faces["arousal"])
    predicted = quarter_of(faces[f"valence_{run}"], faces[f"arousal_{run}"])
    return np.bincount(4 * true + predicted, minlength=16).reshape(4, 4).astype(np.int64)


def residual_bins(true: npt.ArrayLike, predicted: npt.ArrayLike, *, bins: int = 10, fewest: int = 5) -> pd.DataFrame:
    """Mean of predicted minus true by true value.

    Args:
        true: values of the annotators, in [-1, 1], shape ``(N,)``.
        predicted: values of a network, shape ``(N,)``.
        bins: how many equal bins cover [-1, 1]; 1 itself belongs to the last.
        fewest: bins with fewer faces say too little and are left out.

    Returns:
        ``centre, mean, images``, a row a bin.
    """
    x, y = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    which = np.clip(np.floor((x + 1) / 2 * bins), 0, bins - 1).astype(np.int64)
    images = np.bincount(which, minlength=bins)
    sums = np.bincount(which, weights=y - x, minlength=bins)
    table = pd.DataFrame(
        {"centre": -1 + (2 * np.arange(bins) + 1) / bins, "mean": sums / np.maximum(images, 1), "images": images}
    )
    return table[images >= fewest].reset_index(drop=True)


def distances(faces: pd.DataFrame, run: int = 0) -> Array:
    """Euclidean distance on the plane between true and predicted place, shape ``(N,)``; 2.828 is the largest."""
    across = faces[f"valence_{run}"].to_numpy(dtype=np.float64) - faces["valence"].to_numpy(dtype=np.float64)
    upward = faces[f"arousal_{run}"].to_numpy(dtype=np.float64) - faces["arousal"].to_numpy(dtype=np.float64)
    return np.asarray(np.hypot(across, upward), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Closer:
    """Which of two runs lies closer to the truth, face by face.

    Attributes:
        images: how many faces.
        first: share of faces on which the first run is closer, in [0, 1].
        second: likewise for the second; the rest are as close as each other.
        low: lower end of the 95 % Wilson interval of ``first``.
        high: its upper end.
        first_distance: mean distance of the first run.
        second_distance: mean distance of the second.
        difference: first minus second; negative when the first is closer on average.
        difference_low: lower end of its 95 % interval, from the normal approximation over faces.
        difference_high: its upper end.
    """

    images: int
    first: float
    second: float
    low: float
    high: float
    first_distance: float
    second_distance: float
    difference: float
    difference_low: float
    difference_high: float


def closer_run(faces: pd.DataFrame) -> Closer:
    """Compare the first two runs of a joined table.

    Raises:
        ValueError: the table is empty.

    References:
        E. B. Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22(158).
    """
    if faces.empty:
        raise ValueError("At least one face is needed.")
    one, two = distances(faces, 0), distances(faces, 1)
    n, gap = len(faces), one - two
    first = float(np.mean(gap < 0))
    low, high = wilson_interval(first, n)
    spread = 1.96 * float(gap.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan")
    return Closer(
        images=n,
        first=first,
        second=float(np.mean(gap > 0)),
        low=low,
        high=high,
        first_distance=float(one.mean()),
        second_distance=float(two.mean()),
        difference=float(gap.mean()),
        difference_low=float(gap.mean() - spread),
        difference_high=float(gap.mean() + spread),
    )
