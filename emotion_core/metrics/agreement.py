"""Agreement of predicted and true class beyond chance."""

from __future__ import annotations

import krippendorff
import numpy as np
import numpy.typing as npt

from emotion_core.metrics.classification import class_pair, confusion_matrix


def cohen_kappa(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Cohen's kappa, :math:`(p_o - p_e) / (1 - p_e)` with chance agreement from both marginals.

    Args:
        preds: predicted classes, shape ``(N,)``.
        target: true classes, shape ``(N,)``.

    Returns:
        In [-1, 1], 0 for chance; ``nan`` when both name one and the same class throughout.

    Raises:
        ValueError: as in :func:`~emotion_core.metrics.classification.confusion_matrix`.

    References:
        J. Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20(1).

    Example:
        >>> cohen_kappa([0, 1, 1, 0], [0, 1, 0, 0])
        0.5
    """
    counts = confusion_matrix(preds, target).astype(np.float64)
    total = counts.sum()
    chance = float(counts.sum(axis=0) @ counts.sum(axis=1)) / total**2
    observed = float(np.trace(counts)) / total
    return float("nan") if chance == 1 else float((observed - chance) / (1 - chance))


def krippendorff_alpha(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Krippendorff's alpha, nominal, with predicted and true class as two coders, by the package ``krippendorff``.

    Arguments and errors as in :func:`cohen_kappa`.

    Returns:
        At most 1, 0 for chance; ``nan`` when only one class is named at all.

    References:
        K. Krippendorff (2011), Computing Krippendorff's Alpha-Reliability.

    Example:
        >>> round(krippendorff_alpha([0, 1, 1, 0], [0, 1, 0, 0]), 4)
        0.5333
    """
    coders = np.stack(class_pair(preds, target))
    if np.ptp(coders) == 0:
        return float("nan")
    return float(krippendorff.alpha(coders, level_of_measurement="nominal"))
