"""Do probabilities mean what they say? Measures of calibration, and the temperature that mends it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import logsumexp

from emotion_core.metrics.classification import class_numbers

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

NUM_BINS = 15
"""Bins of equal width between 0 and 1, as in Guo et al. (2017)."""

SMALLEST_PROB = float(np.finfo(np.float64).eps)
"""Probabilities of the true class are not taken below this (2.2e-16), so that log loss stays finite: at most 36.04 an image."""

TEMPERATURES = (0.02, 50.0)
"""Range in which a temperature is sought."""

_ROUNDING = 1e-3
"""Probabilities stored in half precision sum to 1 within this."""


def check_probabilities(probs: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Array, Labels]:
    """Probabilities and true classes as arrays, once they have been found to be just that.

    Args:
        probs: shape ``(N, K)``, in [0, 1] and rows summing to 1, both within 0.001 for what was stored in half precision.
        target: shape ``(N,)``, class numbers below ``K``.

    Raises:
        ValueError: they are not; the message says which and where.
    """
    p, t = _matrix("probs", probs, target)
    if p.min() < -_ROUNDING or p.max() > 1 + _ROUNDING:
        raise ValueError(f"probs must lie between 0 and 1, got {p.min():g} to {p.max():g}")
    off = np.abs(p.sum(axis=1) - 1) > _ROUNDING
    if off.any():
        row = int(np.flatnonzero(off)[0])
        raise ValueError(f"probs must sum to 1 for each image; those of row {row} sum to {p[row].sum():g}")
    return p, t


def expected_calibration_error(probs: npt.ArrayLike, target: npt.ArrayLike, *, bins: int = NUM_BINS) -> float:
    r"""Expected calibration error (ECE) of the predicted class.

    .. math:: \sum_b \frac{n_b}{N} \left| \mathrm{acc}_b - \mathrm{conf}_b \right|

    over bins of equal width of the largest probability; a bin holds its upper end and not its lower one, the first holds 0 too.
    Of equal probabilities the first class is the predicted one. The estimate is biased upwards on few images.

    Args:
        probs: shape ``(N, K)``, rows sum to 1.
        target: true classes, shape ``(N,)``.
        bins: how many.

    Returns:
        In [0, 1]; 0 is best.

    Raises:
        ValueError: shapes differ, inputs are empty or not finite, rows are not probabilities, a class has no column, or there
            is less than one bin.

    References:
        C. Guo, G. Pleiss, Y. Sun, K. Weinberger (2017), On Calibration of Modern Neural Networks, ICML.

    Example:
        >>> round(expected_calibration_error([[0.9, 0.1], [0.9, 0.1], [0.3, 0.7]], [0, 1, 1]), 4)
        0.3667
    """
    p, t = check_probabilities(probs, target)
    numbers, surplus = calibration_bins(p, t, bins)
    return float(np.abs(np.bincount(numbers, weights=surplus, minlength=bins)).sum() / len(t))


def calibration_bins(probs: Array, target: Labels, bins: int = NUM_BINS) -> tuple[Labels, Array]:
    """Bin of each image by its largest probability, and what it adds there: 1 if right else 0, less that probability.

    Args:
        probs: shape ``(N, K)``.
        target: shape ``(N,)``.
        bins: how many.

    Returns:
        Numbers of bins from 0 on and the differences, both of shape ``(N,)``.
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    confidence = probs.max(axis=1)
    numbers = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence, side="left")
    return numbers, (probs.argmax(axis=1) == target) - confidence


def squared_distances(probs: Array, target: Labels) -> Array:
    """Of each image, the sum over classes of squared differences between probability and truth; shape ``(N,)``."""
    distances: Array = ((probs - np.eye(probs.shape[1])[target]) ** 2).sum(axis=1)
    return distances


def surprises(probs: Array, target: Labels) -> Array:
    """Of each image, minus the logarithm of the true class's probability, clipped to [2.2e-16, 1]; shape ``(N,)``."""
    return -np.log(np.clip(probs[np.arange(len(target)), target], SMALLEST_PROB, 1.0))


def brier_score(probs: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Brier score over all classes, :math:`\frac{1}{N} \sum_i \sum_k (p_{ik} - y_{ik})^2`.

    The sum over classes is not halved: the range is that of Brier's own definition.

    Args:
        probs: shape ``(N, K)``, rows sum to 1.
        target: true classes, shape ``(N,)``.

    Returns:
        In [0, 2]; 0 is best, ``1 - 1/K`` for equal probabilities.

    Raises:
        ValueError: shapes differ, inputs are empty or not finite, rows are not probabilities, or a class has no column.

    References:
        G. Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78(1).

    Example:
        >>> round(brier_score([[0.8, 0.2], [0.4, 0.6]], [0, 0]), 4)
        0.4
    """
    return float(squared_distances(*check_probabilities(probs, target)).mean())


def log_loss(probs: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Negative log-likelihood of the true class, :math:`-\frac{1}{N} \sum_i \ln p_{i t_i}`.

    Probabilities below 2.2e-16 count as that, those above 1 by rounding count as 1; rows are not scaled to sum to 1.

    Arguments and errors as in :func:`brier_score`.

    Returns:
        In [0, 36.04]; 0 is best, ``ln K`` for equal probabilities.

    Example:
        >>> round(log_loss([[0.8, 0.2], [0.5, 0.5]], [0, 1]), 4)
        0.4581
    """
    return float(surprises(*check_probabilities(probs, target)).mean())


def reliability_table(probs: npt.ArrayLike, target: npt.ArrayLike, bins: int = NUM_BINS) -> pd.DataFrame:
    """How often is the predicted class right, by how sure the network is?

    Arguments and errors as in :func:`expected_calibration_error`, whose bins these are.

    Returns:
        A row a bin: ``low`` (exclusive), ``high`` (inclusive), ``count`` of images, and the means over them ``confidence`` and
        ``accuracy``, NaN in an empty bin.

    Example:
        >>> reliability_table([[0.9, 0.1], [0.7, 0.3]], [0, 1], bins=2).iloc[1].round(2).tolist()
        [0.5, 1.0, 2.0, 0.8, 0.5]
    """
    p, t = check_probabilities(probs, target)
    numbers, surplus = calibration_bins(p, t, bins)
    confidence = p.max(axis=1)
    count = np.bincount(numbers, minlength=bins)
    ends = np.linspace(0, 1, bins + 1)

    def mean(values: Array) -> Array:
        sums = np.bincount(numbers, weights=values, minlength=bins)
        means: Array = np.divide(sums, count, out=np.full(bins, np.nan), where=count > 0)
        return means

    return pd.DataFrame(
        {
            "low": ends[:-1],
            "high": ends[1:],
            "count": count,
            "confidence": mean(confidence),
            "accuracy": mean(surplus + confidence),
        }
    )


def fit_temperature(logits: npt.ArrayLike, target: npt.ArrayLike, weights: npt.ArrayLike | None = None) -> float:
    r"""Temperature :math:`T` that makes :math:`\mathrm{softmax}(z / T)` most likely.

    The likelihood has one maximum over :math:`1/T`; it is sought over :math:`\ln T` within [0.02, 50], and an end of the range
    comes back when the maximum lies outside (as where every image is right). Logits count up to a constant for each image, so
    logarithms of stored probabilities serve as well.

    Args:
        logits: shape ``(N, K)``.
        target: true classes, shape ``(N,)``.
        weights: how much each image counts, shape ``(N,)``, with a sum above 0; all alike by default.

    Returns:
        Above 1 for a network that is too sure, below 1 for one that is not sure enough.

    Raises:
        ValueError: shapes differ, inputs are empty or not finite (take no logarithm of a probability of 0), or a class has no
            column.

    References:
        C. Guo, G. Pleiss, Y. Sun, K. Weinberger (2017), On Calibration of Modern Neural Networks, ICML.

    Example:
        Three of four are right at a logit of 2 against 0: :math:`e^{2/T} = 3`.

        >>> round(fit_temperature([[2, 0], [2, 0], [2, 0], [2, 0]], [0, 0, 0, 1]), 4)
        1.8205
    """
    # Only whoever fits waits for this import; pages that show calibration do not.
    from scipy.optimize import minimize_scalar

    z, t = _matrix("logits", logits, target)
    counts = np.ones(len(t)) if weights is None else np.asarray(weights, dtype=np.float64)
    z = z - z.max(axis=1, keepdims=True)
    true = z[np.arange(len(t)), t]

    def loss(log_temperature: float) -> float:
        scale = np.exp(-log_temperature)
        return float(np.average(logsumexp(z * scale, axis=1) - true * scale, weights=counts))

    low, high = np.log(TEMPERATURES)
    found = float(minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 1e-9}).x)
    # The search never touches the ends themselves.
    return float(np.exp(min((low, found, high), key=loss)))


def _matrix(name: str, values: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Array, Labels]:
    v = np.asarray(values, dtype=np.float64)
    if v.ndim != 2:
        raise ValueError(f"{name} must be 2-D, got shape {v.shape}")
    if not np.isfinite(v).all():
        raise ValueError(f"{name} must be finite")
    return v, class_numbers(name, v.shape, target)
