r"""Which labels are likely to be wrong? Confident learning on the probabilities of a run.

With :math:`\tilde y_i` the given label and :math:`p_{ij}` the probability of class :math:`j`, the mean self-confidence of a
class is

.. math:: t_j = \frac{1}{|X_j|} \sum_{i \in X_j} p_{ij}, \qquad X_j = \{i : \tilde y_i = j\}.

The trust in a label is its self-confidence relative to that, :math:`p_{i\tilde y_i} / t_{\tilde y_i}`: 1 is usual for the
class, near 0 is doubtful. An image counts in the confident joint for the class :math:`\arg\max_j p_{ij}` among those with
:math:`p_{ij} \ge t_j`; where that is another class than the given one, it is suggested as the right label.

The run must not have been trained on the images: one that has memorised them trusts every label.

C. Northcutt, L. Jiang, I. Chuang (2021), Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


def class_thresholds(probs: Array, target: Labels) -> Array:
    """Mean self-confidence of each class.

    Args:
        probs: shape ``(N, K)``; rows with NaN do not count.
        target: given classes, shape ``(N,)``; -1 where there is none.

    Returns:
        Shape ``(K,)``, in [0, 1]; ``nan`` for a class that no image has.

    Example:
        >>> class_thresholds(np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), np.array([0, 0, 1])).tolist()
        [0.7, 0.8]
    """
    known = _known(probs, target)
    size = probs.shape[1]
    sums = np.bincount(target[known], weights=probs[known, target[known]], minlength=size)
    numbers = np.bincount(target[known], minlength=size)
    return np.where(numbers > 0, sums / np.maximum(numbers, 1), np.nan)


def label_trust(probs: Array, target: Labels) -> Array:
    """Self-confidence of each given label relative to the mean of its class.

    Args:
        probs: shape ``(N, K)``.
        target: given classes, shape ``(N,)``; -1 where there is none.

    Returns:
        Shape ``(N,)``, from 0 (doubtful) up; ``nan`` where there is no label, no probability, or the mean of the class is 0.

    Example:
        >>> label_trust(np.array([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]), np.array([0, 0, 1])).round(3).tolist()
        [1.286, 0.714, 1.0]
    """
    thresholds = class_thresholds(probs, target)
    known = _known(probs, target)
    trust = np.full(len(target), np.nan)
    mean = thresholds[target[known]]
    with np.errstate(divide="ignore", invalid="ignore"):
        trust[known] = np.where(mean > 0, probs[known, target[known]] / mean, np.nan)
    return trust


def suggest_labels(probs: Array, target: Labels) -> Labels:
    """Another class that the confident joint puts an image into.

    Args:
        probs: shape ``(N, K)``.
        target: given classes, shape ``(N,)``; -1 where there is none.

    Returns:
        Shape ``(N,)``; -1 where no class reaches its mean self-confidence, or the given one is the most probable of them.

    Example:
        >>> suggest_labels(np.array([[0.9, 0.1], [0.1, 0.9], [0.2, 0.8]]), np.array([0, 0, 1])).tolist()
        [-1, 1, -1]
    """
    thresholds = class_thresholds(probs, target)
    known = _known(probs, target)
    # A class without images has no mean confidence to compare with.
    confident = np.where(probs >= np.where(np.isnan(thresholds), np.inf, thresholds), probs, -1.0)
    best = confident.argmax(axis=1)
    other = known & (confident.max(axis=1) >= 0) & (best != target)
    suggested: Labels = np.where(other, best, -1).astype(np.int64)
    return suggested


def _known(probs: Array, target: Labels) -> npt.NDArray[np.bool_]:
    known: npt.NDArray[np.bool_] = (target >= 0) & np.isfinite(probs).all(axis=1)
    return known
