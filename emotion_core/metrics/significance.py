"""Is one run better than another, or was it the images? Tests of differences on the same images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import bdtr, ndtr, ndtri

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


def equivalence_p_values(differences: npt.ArrayLike, spreads: npt.ArrayLike, margin: float) -> Array:
    r"""P-values of two one-sided tests (TOST): is a difference smaller than a margin, in either direction?

    .. math:: \max\left(\Phi\left(-\frac{\Delta + d}{s}\right), \Phi\left(-\frac{\Delta - d}{s}\right)\right)

    They are below 0.05 exactly where the 90 % interval :math:`d \pm 1.645 s` lies within :math:`\pm\Delta`. A difference
    that is not significant is not for that reason small: this test has to say so.

    Args:
        differences: paired ones :math:`d`, of any shape.
        spreads: their standard errors :math:`s`, the same shape, 0 or more.
        margin: :math:`\Delta` above 0; what is smaller makes no difference in practice.

    Returns:
        That shape, in [0, 1]; NaN where an input is.

    Raises:
        ValueError: ``margin`` is not above 0.

    References:
        D. Schuirmann (1987), A comparison of the two one-sided tests procedure and the power approach for assessing the
        equivalence of average bioavailability, Journal of Pharmacokinetics and Biopharmaceutics 15.

    Example:
        >>> equivalence_p_values([0.0, 0.02], [0.00608, 0.001], 0.01).round(3).tolist()
        [0.05, 1.0]
    """
    if not margin > 0:
        raise ValueError(f"margin must be above 0, got {margin}")
    d, s = np.abs(np.asarray(differences, dtype=np.float64)), np.asarray(spreads, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        p_values: Array = np.where(s == 0, np.where(d < margin, 0.0, 1.0), ndtr(-(margin - d) / s))
    return np.where(np.isnan(d), np.nan, p_values)


def images_needed(
    differences: npt.ArrayLike, spreads: npt.ArrayLike, images: int, *, level: float = 0.05, power: float = 0.8
) -> Array:
    r"""How many test images would make differences of this size significant.

    .. math:: n' = n \left(\frac{(z_{1 - \alpha / 2} + z_{1 - \beta}) s}{d}\right)^2

    The standard error :math:`s` of a difference that was measured on :math:`n` images falls with :math:`\sqrt{n}`.

    Args:
        differences: paired ones :math:`d`, of any shape.
        spreads: their standard errors :math:`s` on ``images`` images, the same shape, 0 or more.
        images: :math:`n`, how many they were measured on.
        level: of the two-sided test, :math:`\alpha`.
        power: chance that it finds the difference, :math:`1 - \beta`.

    Returns:
        That shape, rounded up; infinite where the difference is 0.

    References:
        J. Cohen (1988), Statistical Power Analysis for the Behavioral Sciences, chapter 2.

    Example:
        An effect of half a standard deviation takes 32 pairs.

        >>> images_needed(0.5, 0.1, 100).tolist()
        32.0
    """
    d, s = np.asarray(differences, dtype=np.float64), np.asarray(spreads, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        needed: Array = np.where(d == 0, np.inf, np.ceil(images * (_two_quantiles(level, power) * s / d) ** 2))
    return needed


def detectable_difference(spreads: npt.ArrayLike, *, level: float = 0.05, power: float = 0.8) -> Array:
    r"""The smallest difference that a test finds with this power: :math:`(z_{1 - \alpha / 2} + z_{1 - \beta}) s`.

    Args:
        spreads: standard errors of differences, of any shape.
        level: of the two-sided test, :math:`\alpha`.
        power: chance that it finds the difference, :math:`1 - \beta`.

    Example:
        >>> float(detectable_difference(0.01).round(3))
        0.028
    """
    smallest: Array = _two_quantiles(level, power) * np.asarray(spreads, dtype=np.float64)
    return smallest


def _two_quantiles(level: float, power: float) -> float:
    return float(ndtri(1 - level / 2) + ndtri(power))


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
