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
        p_value: two-sided; 1 where nothing can differ.
    """

    expected: float
    p_value: float


def mantel_haenszel(member: npt.ArrayLike, correct: npt.ArrayLike, stratum: npt.ArrayLike) -> Stratified:
    r"""The Cochran-Mantel-Haenszel test: does being right depend on being a member, within strata?

    With :math:`n` images in a stratum, :math:`r` of them members and :math:`c` right, the number of right members is expected
    at :math:`r c / n` with the variance :math:`r (n - r) c (n - c) / (n^2 (n - 1))`; sums over strata are compared with the
    normal distribution, without a correction for continuity.

    Args:
        member: whether each image belongs to the slice, shape ``(N,)``.
        correct: whether it is right, shape ``(N,)``.
        stratum: its stratum, such as the position of its true expression, whole numbers from 0 on, shape ``(N,)``.

    Raises:
        ValueError: shapes differ, or there is no member.

    References:
        N. Mantel, W. Haenszel (1959), Statistical aspects of the analysis of data from retrospective studies of disease,
        Journal of the National Cancer Institute 22(4).

    Example:
        >>> found = mantel_haenszel([1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 0])
        >>> found.expected, round(found.p_value, 3)
        (0.5, 0.083)
    """
    inside, right, groups = np.asarray(member, dtype=bool), np.asarray(correct, dtype=bool), np.asarray(stratum, dtype=np.int64)
    if not (inside.ndim == 1 and inside.shape == right.shape == groups.shape):
        raise ValueError(f"member, correct and stratum differ in shape: {inside.shape}, {right.shape}, {groups.shape}")
    if not inside.any():
        raise ValueError("no image is a member")

    def count(chosen: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
        return np.bincount(groups[chosen], minlength=int(groups.max()) + 1).astype(np.float64)

    n, r, c = count(np.ones_like(inside)), count(inside), count(right)
    expected = np.divide(r * c, n, out=np.zeros_like(n), where=n > 0).sum()
    spread = np.divide(r * (n - r) * c * (n - c), n**2 * (n - 1), out=np.zeros_like(n), where=n > 1).sum()
    difference = float((inside & right).sum() - expected)
    known = spread > 0
    p_value = float(normal_p_values(difference, np.sqrt(spread))) if known else 1.0
    return Stratified(expected=float(expected / inside.sum()), p_value=p_value)
