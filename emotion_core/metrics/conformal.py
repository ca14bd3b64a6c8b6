r"""Sets of classes that hold the true one at a chosen rate: split conformal prediction.

The score of a class is :math:`1 - p(c \mid x)`, which gives the smallest sets on average for a rate (Sadinle et al. 2019). A
class belongs to the set of a picture when its score is not above the threshold, a quantile of the scores of the true classes
of images that trained nothing. Where the mix of classes is another one than in these images, each counts with
:math:`w(c) = \pi_t(c) / \hat\pi(c)`, and the class in question with its own weight (Tibshirani et al. 2019; for label shift,
Podkopaev and Ramdas 2021), so that every class has a threshold of its own.

The promise is one over all pictures of that mix: of them, at least the chosen share has its true class in its set. It is none
for a single picture, and none where faces of one expression look otherwise than in these images.

References:
    M. Sadinle, J. Lei, L. Wasserman (2019), Least Ambiguous Set-Valued Classifiers with Bounded Error Levels, JASA 114.
    R. Tibshirani, R. Foygel Barber, E. Candès, A. Ramdas (2019), Conformal Prediction Under Covariate Shift, NeurIPS.
    A. Podkopaev, A. Ramdas (2021), Distribution-free uncertainty quantification for classification under label shift, UAI.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.integer[Any]]
Sets = npt.NDArray[np.bool_]

COVERAGE = 0.9
"""Share of pictures whose set is to hold the true class."""


def set_thresholds(probs: Array, target: Labels, weights: Array, *, coverage: float = COVERAGE) -> Array:
    """Largest score with which each class still belongs to a set.

    Args:
        probs: of images that trained nothing, shape ``(N, K)``.
        target: their true classes, shape ``(N,)``.
        weights: of the classes, shape ``(K,)``; all alike where the mix of the images is the expected one.
        coverage: share of pictures whose set holds the true class, in (0, 1).

    Returns:
        Shape ``(K,)``; infinity where there are too few images to promise anything: every set holds such a class.

    Raises:
        ValueError: shapes differ, there is no image, or ``coverage`` is not in (0, 1).

    Example:
        Of nine scores 0.1, 0.2, …, 0.9 and the one to come, the ninth is large enough for nine in ten.

        >>> p = np.array([[1 - s / 10, s / 10] for s in range(1, 10)])
        >>> set_thresholds(p, np.zeros(9, int), np.ones(2), coverage=0.9).round(3).tolist()
        [0.9, 0.9]
    """
    if not 0 < coverage < 1:
        raise ValueError(f"coverage must lie between 0 and 1, got {coverage}")
    if probs.ndim != 2 or not len(probs) or target.shape != probs.shape[:1] or weights.shape != probs.shape[1:]:
        raise ValueError(f"probs {probs.shape}, target {target.shape} and weights {weights.shape} do not belong together")
    scores = 1 - probs[np.arange(len(target)), target]
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weights[target][order])
    # The new picture counts as well, with the weight of the class that is tried and a score of infinity.
    needed = coverage * (reached[-1] + weights)
    positions = np.searchsorted(reached, needed * (1 - 1e-12))
    thresholds: Array = np.append(scores[order], np.inf)[positions]
    return thresholds


def prediction_sets(probs: Array, thresholds: Array) -> Sets:
    """Which classes belong to the set of each picture; the most probable one always does.

    Args:
        probs: shape ``(N, K)``.
        thresholds: from :func:`set_thresholds`, shape ``(K,)``.

    Returns:
        Shape ``(N, K)``.
    """
    # What a class of probability 0 would add to a set is nothing, whatever the threshold.
    sets: Sets = (1 - probs <= thresholds + 1e-12) & (probs > 0)
    sets[np.arange(len(probs)), probs.argmax(axis=1)] = True
    return sets
