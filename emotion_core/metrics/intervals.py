"""How far a measure would move with other images: percentile bootstrap."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.metrics.summary import summarize


def bootstrap_intervals(
    predictions: pd.DataFrame, *, resamples: int = 500, level: float = 0.95, seed: int = 0
) -> dict[str, tuple[float, float]]:
    """Percentile interval of every measure over resampled images.

    Args:
        predictions: a row an image, as :func:`~emotion_core.metrics.summary.summarize` takes it.
        resamples: how many times ``N`` images are drawn with replacement.
        level: share of resamples inside the interval, in (0, 1).
        seed: of the draws.

    Returns:
        Lower and upper end by measure; ``nan`` where no resample defines the measure.

    References:
        B. Efron, R. Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.
    """
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {name: [] for name in summarize(predictions)}
    for _ in range(resamples):
        rows = generator.integers(0, len(predictions), len(predictions))
        for name, value in summarize(predictions.iloc[rows]).items():
            drawn[name].append(value)
    tail = (1 - level) / 2
    return {name: _percentiles(np.array(values), tail) for name, values in drawn.items()}


def _percentiles(values: npt.NDArray[np.float64], tail: float) -> tuple[float, float]:
    defined = values[np.isfinite(values)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)
