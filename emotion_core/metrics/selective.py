"""How accurate is a network that may abstain? Verdicts are given only from some confidence on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.metrics.calibration import check_probabilities
from emotion_core.metrics.intervals import RESAMPLES, percentile_interval, resample_counts

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]

ACCURACY = 0.8
"""Share of verdicts that stand which is to be right."""

MIN_IMAGES = 20
"""A threshold that fewer images reach rests on chance."""

GRID = tuple(round(0.05 * step, 2) for step in range(1, 21))
"""Coverages at which a curve is drawn."""


def verdict_threshold(probs: Array, target: Labels, weights: Array, *, accuracy: float = ACCURACY) -> float:
    """Smallest confidence from which on enough predictions are right.

    Args:
        probs: of images that trained nothing, shape ``(N, K)``; the largest of a row is its confidence.
        target: their true classes, shape ``(N,)``.
        weights: how much an image of each class counts, shape ``(K,)``.
        accuracy: share of the images at or above the threshold that has to be right.

    Returns:
        In [0, 1]; infinity where no threshold that at least 20 images reach has this accuracy.

    Example:
        >>> p = np.repeat([[0.9, 0.1], [0.6, 0.4]], 20, axis=0)
        >>> verdict_threshold(p, np.repeat([0, 1], 20), np.ones(2))
        0.9
    """
    confidence, weight = probs.max(axis=1), weights[target]
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum((weight * (probs.argmax(axis=1) == target))[order])
    share = right / np.maximum(np.cumsum(weight[order]), np.finfo(np.float64).tiny)
    ordered = confidence[order]
    # Images of equal confidence come together or not at all.
    last = np.append(ordered[1:] < ordered[:-1], True)
    good = np.flatnonzero(last & (share >= accuracy))
    return float(ordered[good[-1]]) if len(good) and good[-1] + 1 >= MIN_IMAGES else float("inf")


def risk_coverage(
    probs: npt.ArrayLike, target: npt.ArrayLike, *, resamples: int = RESAMPLES, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """Accuracy of the most confident predictions, by the share of pictures that gets one.

    The risk of El-Yaniv and Wiener is one minus this accuracy. Intervals are percentile intervals over resampled images; the
    resamples are those of every other interval, so that curves of two runs on the same images are paired.

    Args:
        probs: shape ``(N, K)``, rows sum to 1.
        target: true classes, shape ``(N,)``.
        resamples: how many times ``N`` images are drawn with replacement.
        level: of the intervals, in (0, 1).
        seed: of the draws.

    Returns:
        A row for each of 0.05, 0.10, …, 1.00: ``coverage``, ``confidence`` (the least that still counts), ``images``,
        ``accuracy``, ``low`` and ``high``.

    Raises:
        ValueError: as in :func:`~emotion_core.metrics.calibration.expected_calibration_error`.

    References:
        R. El-Yaniv, Y. Wiener (2010), On the Foundations of Noise-free Selective Classification, JMLR 11.

    Example:
        >>> curve = risk_coverage([[0.9, 0.1], [0.6, 0.4]], [0, 1], resamples=10)
        >>> curve.loc[curve["coverage"].isin([0.5, 1.0]), "accuracy"].tolist()
        [1.0, 0.5]
    """
    p, t = check_probabilities(probs, target)
    order = np.argsort(-p.max(axis=1), kind="stable")
    right = (p.argmax(axis=1) == t)[order].astype(np.int64)
    images = [max(1, round(coverage * len(t))) for coverage in GRID]
    shares = np.empty((resamples, len(GRID)))
    for row, counts in zip(shares, resample_counts(len(t), resamples, seed)[:, order], strict=True):
        drawn = np.cumsum(counts, dtype=np.int64)
        # In a resample as well, the most confident count up to this number; what is drawn several times may go over it.
        ends = np.searchsorted(drawn, images)
        row[:] = np.cumsum(counts * right)[ends] / drawn[ends]
    confidence = p.max(axis=1)[order]
    rows = [
        (coverage, confidence[count - 1], count, right[:count].mean(), *percentile_interval(shares[:, column], level))
        for column, (coverage, count) in enumerate(zip(GRID, images, strict=True))
    ]
    return pd.DataFrame(rows, columns=["coverage", "confidence", "images", "accuracy", "low", "high"])
