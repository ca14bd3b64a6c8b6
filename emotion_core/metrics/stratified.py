"""Is a share higher among some images, or do these only show other expressions?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from emotion_core.metrics.significance import normal_p_values


@dataclass(frozen=True, kw_only=True)
class Stratified:
    """Images of a slice that are right, against what their strata let expect.

    Attributes:
        expected: share that would be right if in every stratum the slice did as all images do.
        difference: share of the slice that is right less that of the other images, within strata, in [-1, 1]; NaN where no
            stratum holds both.
        p_value: two-sided; 1 where nothing can differ.
    """

    expected: float
    difference: float
    p_value: float


def mantel_haenszel(member: npt.ArrayLike, correct: npt.ArrayLike, stratum: npt.ArrayLike) -> Stratified:
    r"""The Cochran-Mantel-Haenszel test: does being right depend on being a member, within strata?

    With :math:`n` images in a stratum, :math:`r` of them members and :math:`c` right, the number of right members is expected
    at :math:`r c / n` with the variance :math:`r (n - r) c (n - c) / (n^2 (n - 1))`; sums over strata are compared with the
    normal distribution, without a correction for continuity. The difference is that of the shares in each stratum, weighted
    by :math:`r (n - r) / n` (Greenland and Robins 1985); with a single stratum it is the plain difference.

    Args:
        member: whether each image belongs to the slice, shape ``(N,)``.
        correct: whether it is right, shape ``(N,)``.
        stratum: its stratum, such as the position of its true expression, whole numbers from 0 on, shape ``(N,)``.

    Raises:
        ValueError: shapes differ, or there is no member.

    References:
        N. Mantel, W. Haenszel (1959), Statistical aspects of the analysis of data from retrospective studies of disease,
        Journal of the National Cancer Institute 22(4).
        S. Greenland, J. M. Robins (1985), Estimation of a common effect parameter from sparse follow-up data, Biometrics 41(1).

    Example:
        >>> found = mantel_haenszel([1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0])
        >>> found.expected, found.difference, round(found.p_value, 3)
        (0.5, 1.0, 0.083)
    """
    inside, right, groups = np.asarray(member, dtype=bool), np.asarray(correct, dtype=bool), np.asarray(stratum, dtype=np.int64)
    if not (inside.ndim == 1 and inside.shape == right.shape == groups.shape):
        raise ValueError(f"member, correct and stratum differ in shape: {inside.shape}, {right.shape}, {groups.shape}")
    if not inside.any():
        raise ValueError("no image is a member")

    def count(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.bincount(groups[chosen], minlength=int(groups.max()) + 1).astype(np.float64)

    n, r, c, both = count(np.ones_like(inside)), count(inside), count(right), count(inside & right)
    expected = np.divide(r * c, n, out=np.zeros_like(n), where=n > 0).sum()
    spread = np.divide(r * (n - r) * c * (n - c), n**2 * (n - 1), out=np.zeros_like(n), where=n > 1).sum()
    p_value = float(normal_p_values(float(both.sum() - expected), np.sqrt(spread))) if spread > 0 else 1.0
    weight = np.divide(r * (n - r), n, out=np.zeros_like(n), where=n > 0).sum()
    # In each stratum, weight times the difference of shares.
    gained = np.divide(both * (n - r) - (c - both) * r, n, out=np.zeros_like(n), where=n > 0).sum()
    difference = float(gained / weight) if weight > 0 else float("nan")
    return Stratified(expected=float(expected / inside.sum()), difference=difference, p_value=p_value)
