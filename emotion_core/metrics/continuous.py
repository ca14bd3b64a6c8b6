"""Measures for valence and arousal."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def _pair(preds: npt.ArrayLike, target: npt.ArrayLike) -> tuple[Array, Array]:
    p, t = np.asarray(preds, dtype=np.float64), np.asarray(target, dtype=np.float64)
    for name, values in (("preds", p), ("target", t)):
        if values.ndim != 1:
            raise ValueError(f"{name} must be 1-D, got shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be finite; position {int(np.flatnonzero(~np.isfinite(values))[0])} is not")
    if p.shape != t.shape:
        raise ValueError(f"preds and target must have the same length, got {len(p)} and {len(t)}")
    if not len(p):
        raise ValueError("preds and target are empty")
    return p, t


def rmse(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Root mean squared error, :math:`\sqrt{\frac{1}{N} \sum_i (x_i - y_i)^2}`; 0 is best.

    Args:
        preds: predicted values, shape ``(N,)``.
        target: annotated values, shape ``(N,)``.

    Raises:
        ValueError: shapes differ, or inputs are empty, not 1-D or not finite.

    Example:
        >>> rmse([0.0, 0.0], [0.6, -0.8])
        0.7071067811865476
    """
    p, t = _pair(preds, target)
    return float(np.sqrt(np.mean((p - t) ** 2)))


def mae(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Mean absolute error, :math:`\frac{1}{N} \sum_i |x_i - y_i|`; 0 is best.

    Arguments and errors as in :func:`rmse`.

    Example:
        >>> mae([0.0, 0.0], [0.6, -0.8])
        0.7
    """
    p, t = _pair(preds, target)
    return float(np.mean(np.abs(p - t)))


def pearson_corrcoef(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Pearson's correlation, :math:`s_{xy} / (s_x s_y)`, in [-1, 1].

    Arguments and errors as in :func:`rmse`.

    Returns:
        The correlation; ``nan`` when either input is constant.

    Example:
        >>> round(pearson_corrcoef([1.0, 2.0, 3.0], [1.0, 3.0, 2.0]), 4)
        0.5
    """
    p, t = _pair(preds, target)
    if np.ptp(p) == 0 or np.ptp(t) == 0:
        return float("nan")
    p, t = p - p.mean(), t - t.mean()
    return float(np.clip((p @ t) / np.sqrt((p @ p) * (t @ t)), -1.0, 1.0))


def sign_agreement(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    """Sign agreement (SAGR): share of images whose predicted and annotated value have the same sign, in [0, 1].

    An exact zero is a sign of its own: it agrees with zero only. Arguments and errors as in :func:`rmse`.

    References:
        M. A. Nicolaou, H. Gunes, M. Pantic (2011), Continuous Prediction of Spontaneous Affect from Multiple Cues and
        Modalities in Valence-Arousal Space, IEEE Transactions on Affective Computing 2(2).

    Example:
        >>> sign_agreement([0.1, -0.2, 0.0, 0.3], [0.5, 0.5, 0.0, 0.0])
        0.5
    """
    p, t = _pair(preds, target)
    return float(np.mean(np.sign(p) == np.sign(t)))


def concordance_corrcoef(preds: npt.ArrayLike, target: npt.ArrayLike) -> float:
    r"""Lin's concordance correlation coefficient (CCC).

    .. math:: \rho_c = \frac{2 s_{xy}}{s_x^2 + s_y^2 + (\bar{x} - \bar{y})^2}

    Moments are population moments (1/N).

    Args:
        preds: predicted valence or arousal, shape ``(N,)``, in [-1, 1].
        target: annotated values, shape ``(N,)``, same range.

    Returns:
        CCC in [-1, 1]; 0 when one input is constant, ``nan`` when both are the same constant.

    Raises:
        ValueError: shapes differ, or inputs are empty, not 1-D or not finite.

    References:
        L. Lin (1989), A concordance correlation coefficient to evaluate reproducibility, Biometrics 45(1).

    Example:
        >>> round(concordance_corrcoef([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]), 4)
        0.9768
    """
    p, t = _pair(preds, target)
    if np.ptp(p) == 0 or np.ptp(t) == 0:
        # Set to 0: computed, the covariance with a constant is a rounding error.
        return float("nan") if np.array_equal(p, t) else 0.0
    covariance = np.mean((p - p.mean()) * (t - t.mean()))
    return float(2 * covariance / (p.var() + t.var() + (p.mean() - t.mean()) ** 2))
