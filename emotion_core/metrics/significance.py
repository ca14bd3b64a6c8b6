"""Is one run better than another, or was it the images? Tests of differences on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtr

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Images that two runs disagree on.

    Attributes:
        only_first: images that only the first run has right.
        only_second: images that only the second run has right.
        p_value: two-sided and exact.
    """

    only_first: int
    only_second: int
    p_value: float


def mcnemar_exact(first_correct: npt.ArrayLike, second_correct: npt.ArrayLike) -> McNemar:
    r"""McNemar's exact test: do two runs have equally many images right that the other has wrong?

    With :math:`b` and :math:`c` such images, :math:`p = \min(1, 2 P(X \le \min(b, c)))` for :math:`X` binomial with
    :math:`b + c` trials and probability one half.

    Args:
        first_correct: whether the first run has each image right, shape ``(N,)``.
        second_correct: the same for the second run and the same images.

    Returns:
        Both numbers and the p-value, 1 when the runs are right on the same images.

    Raises:
        ValueError: inputs are not 1-D, not of true and false (or 1 and 0), or not of one length.

    References:
        Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions, Psychometrika 12(2).

    Example:
        Five against none: 2 / 32.

        >>> mcnemar_exact([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0])
        McNemar(only_first=5, only_second=0, p_value=0.0625)
    """
    first, second = _flags("first_correct", first_correct), _flags("second_correct", second_correct)
    if first.shape != second.shape:
        raise ValueError(f"first_correct and second_correct must have the same length, got {len(first)} and {len(second)}")
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    return McNemar(only_first=b, only_second=c, p_value=float(mcnemar_p_values(b, c)))


def mcnemar_p_values(only_first: npt.ArrayLike, only_second: npt.ArrayLike) -> Array:
    """P-values of :func:`mcnemar_exact` from the numbers of images that only one run of each pair has right.

    Args:
        only_first: whole numbers of any shape.
        only_second: the same shape.

    Returns:
        That shape, in (0, 1].

    Example:
        >>> mcnemar_p_values([5, 0], [0, 0]).tolist()
        [0.0625, 1.0]
    """
    b, c = np.asarray(only_first), np.asarray(only_second)
    p_values: Array = np.where(b + c == 0, 1.0, np.minimum(1.0, 2 * bdtr(np.minimum(b, c), b + c, 0.5)))
    return p_values


def normal_p_values(differences: npt.ArrayLike, spreads: npt.ArrayLike) -> Array:
    r"""Two-sided p-values of differences, from their standard errors.

    .. math:: 2 \Phi(-|d| / s)

    with the standard deviation :math:`s` of the difference over paired bootstrap resamples as its standard error.

    Args:
        differences: of any shape.
        spreads: the same shape, 0 or more.

    Returns:
        That shape, in [0, 1]: 1 where the difference is 0, 0 where it is not and its spread is.

    References:
        B. Efron, R. Tibshirani (1993), An Introduction to the Bootstrap, chapter 13.

    Example:
        >>> normal_p_values([0.0, 1.96, 0.1], [0.0, 1.0, 0.0]).round(3).tolist()
        [1.0, 0.05, 0.0]
    """
    d, s = np.asarray(differences, dtype=np.float64), np.asarray(spreads, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values: Array = np.where(d == 0, 1.0, np.where(s > 0, 2 * ndtr(-np.abs(d) / s), 0.0))
    return p_values


def _flags(name: str, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    flags = np.asarray(values)
    if flags.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {flags.shape}")
    if not np.isin(flags, [0, 1]).all():
        raise ValueError(f"{name} must hold true and false only")
    return flags.astype(np.bool_)


def holm(p_values: npt.ArrayLike) -> Array:
    r"""Holm's adjustment of p-values for their number.

    The :math:`i`-th smallest of :math:`m` is multiplied by :math:`m - i + 1`; none may fall below a smaller one's, and none
    exceeds 1. Comparing the results with 0.05 keeps the chance of any false claim below 0.05.

    Args:
        p_values: shape ``(m,)``, in [0, 1].

    Returns:
        Adjusted p-values in the order given, shape ``(m,)``.

    Raises:
        ValueError: not 1-D, or not all in [0, 1] (NaN is not).

    References:
        S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2).

    Example:
        >>> holm([0.01, 0.04, 0.03, 0.005]).round(4).tolist()
        [0.03, 0.06, 0.06, 0.02]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p_values must be 1-D, got shape {p.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p_values must lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted
