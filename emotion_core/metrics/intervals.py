"""How sure is a measure? Percentile bootstrap over images.

All measures of all runs on as many images are computed on the same resamples, so that the difference of two runs on one split
is resampled in pairs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.metrics.batched import Resamples
from emotion_core.metrics.calibration import check_probabilities
from emotion_core.metrics.columns import ExpressionColumns
from emotion_core.metrics.summary import defined_metrics, judged_columns

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.integer]

RESAMPLES = 2_000
"""Resamples of an interval; its ends then move by about a fortieth of its width from seed to seed."""

_CHUNK_NUMBERS = 1_000_000
"""Weights held at a time (8 MB); temporary arrays take some ten times as much, whatever the number of images."""


def wilson_interval(share: float, total: int) -> tuple[float, float]:
    """95 % interval of a share.

    Args:
        share: in [0, 1].
        total: of how many, at least 1.

    References:
        E. B. Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22.

    Example:
        >>> [round(end, 3) for end in wilson_interval(0.55, 20)]
        [0.342, 0.742]
    """
    z = 1.959964
    centre = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z / (1 + z * z / total) * np.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))


def resample_counts(num_images: int, resamples: int = RESAMPLES, seed: int = 0) -> npt.NDArray[np.uint16]:
    """Draw ``num_images`` images with replacement, again and again.

    Args:
        num_images: ``N``.
        resamples: ``R``.
        seed: of the draws; the same three numbers always give the same resamples.

    Returns:
        How often each image was drawn in each resample, shape ``(R, N)``; rows sum to ``N``.

    Raises:
        ValueError: ``num_images`` or ``resamples`` is less than 1.

    Example:
        >>> counts = resample_counts(5, resamples=3)
        >>> counts.shape, counts.sum(axis=1).tolist()
        ((3, 5), [5, 5, 5])
    """
    for name, number in (("num_images", num_images), ("resamples", resamples)):
        if number < 1:
            raise ValueError(f"{name} must be at least 1, got {number}")
    generator = np.random.default_rng(seed)
    counts = np.empty((resamples, num_images), dtype=np.uint16)
    for row in counts:
        row[:] = np.bincount(generator.integers(0, num_images, num_images), minlength=num_images)
    return counts


def bootstrap_measures(predictions: pd.DataFrame, counts: Counts, only: Collection[str] | None = None) -> dict[str, Array]:
    """Every measure on every resample.

    A measure of a resample is what :func:`~emotion_core.metrics.summary.summarize` gives for the repeated rows: images without
    a label do not count for its measures, areas are means over the classes that the resample holds, F1 over those that occur
    in its truth or predictions.

    Args:
        predictions: a row an image, as :func:`~emotion_core.metrics.summary.summarize` takes it, ``N`` rows.
        counts: how often each row was drawn, shape ``(R, N)``.
        only: keys of the measures that are wanted; all by default. The areas take more time than all others together.

    Returns:
        Shape ``(R,)`` by measure, the keys of ``summarize(predictions)`` in the same order; ``nan`` where a resample does not
        define the measure.

    Raises:
        ValueError: ``counts`` does not fit the table or does not count, or as in ``summarize``.
    """
    if counts.ndim != 2 or counts.shape[1] != len(predictions):
        raise ValueError(f"counts must be (resamples, {len(predictions)}) for as many images, got shape {counts.shape}")
    if not np.issubdtype(counts.dtype, np.integer) or (counts.size and counts.min() < 0):
        raise ValueError("counts must be whole numbers from 0 on")
    judged = judged_columns(predictions)
    if isinstance(expressions := judged.get("expression"), ExpressionColumns):
        check_probabilities(expressions.probs, expressions.target)
    metrics = {name: metric for name, metric in defined_metrics(judged).items() if only is None or name in only}
    of_table: dict[str, dict[Callable[..., Any], Any]] = {of: {} for of in judged}
    size = max(1, _CHUNK_NUMBERS // max(1, len(predictions)))
    drawn: dict[str, list[Array]] = {name: [] for name in metrics}
    for start in range(0, len(counts), size):
        weights = counts[start : start + size].astype(np.float64)
        chunk: dict[str, Resamples[Any]] = {}
        for of, columns in judged.items():
            known = weights if len(columns.rows) == weights.shape[1] else weights[:, columns.rows]
            chunk[of] = Resamples(columns, known, of_table[of])
        for name, metric in metrics.items():
            drawn[name].append(metric.resample(chunk[metric.of]))
    return {name: np.concatenate(values) if values else np.zeros(0) for name, values in drawn.items()}


def bootstrap_intervals(
    predictions: pd.DataFrame, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile interval of every measure over resampled images.

    Args:
        predictions: a row an image, as :func:`~emotion_core.metrics.summary.summarize` takes it.
        resamples: how many times ``N`` images are drawn with replacement.
        level: share of resamples inside the interval, in (0, 1).
        seed: of the draws.

    Returns:
        Lower and upper end by measure, over the resamples that define it; ``nan`` where none does.

    Raises:
        ValueError: no images, no resamples or ``level`` outside (0, 1); or as in ``summarize``.

    References:
        B. Efron, R. Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    drawn = bootstrap_measures(predictions, resample_counts(len(predictions), resamples, seed))
    return {name: percentile_interval(values, level) for name, values in drawn.items()}


def percentile_interval(values: npt.ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Ends of the interval that holds the middle share of the values; NaN and infinite ones do not count.

    Args:
        values: a measure on each resample, shape ``(R,)``.
        level: that share, in (0, 1).

    Returns:
        Lower and upper end; ``nan`` when no value is left.

    Raises:
        ValueError: ``level`` is not in (0, 1).

    Example:
        >>> percentile_interval([0.0, 1.0, 2.0, 3.0, 4.0], level=0.5)
        (1.0, 3.0)
    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, got {level}")
    numbers = np.asarray(values, dtype=np.float64)
    defined = numbers[np.isfinite(numbers)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
