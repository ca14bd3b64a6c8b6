"""Losses for both heads; each leaves out the images that lack its label."""

from __future__ import annotations

import logging

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.labels import EXPRESSIONS
from emotion_core.training.config import LossConfig

EFFECTIVE_BETA = 0.999
ABSENT = -1e4
"""Added to the logit of an expression that a source does not have."""

log = logging.getLogger(__name__)


def total_loss(
    logits: torch.Tensor,
    affect: torch.Tensor,
    targets: torch.Tensor,
    affect_targets: torch.Tensor,
    config: LossConfig,
    class_weights: torch.Tensor | None = None,
    priors: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted loss of either head.

    Args:
        logits: shape ``(B, 8)``.
        affect: shape ``(B, 2)``.
        targets: shape ``(B, 8)``; a row of zeros has no label.
        affect_targets: shape ``(B, 2)``; NaN has no label.
        config: what counts how much.
        class_weights: shape ``(8,)``.
        priors: as in :func:`expression_loss`.

    Returns:
        Two scalars, to be added.
    """
    expression = expression_loss(
        logits,
        targets,
        label_smoothing=config.label_smoothing,
        gamma=config.gamma if config.kind == "focal" else 0.0,
        class_weights=class_weights,
        priors=priors,
        adjust=config.logit_adjustment,
    )
    rest = affect_loss(
        affect, affect_targets, mse=config.mse, mae=config.mae, ccc=config.ccc, factors=(config.valence, config.arousal)
    )
    return config.expression * expression, rest


def expression_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    *,
    label_smoothing: float = 0.0,
    gamma: float = 0.0,
    class_weights: torch.Tensor | None = None,
    priors: torch.Tensor | None = None,
    adjust: bool = False,
) -> torch.Tensor:
    r"""Cross-entropy or focal loss against label distributions :math:`q`.

    .. math:: -\sum_c w_c\, q_c\, (1 - p_c)^\gamma \log p_c

    With ``adjust``, :math:`p` is the softmax of :math:`z_c + \log \pi_c` with the class mix :math:`\pi` of the source that an
    image comes from: what the logits :math:`z` themselves learn is :math:`\log p(x \mid c)` up to a constant.

    Args:
        logits: shape ``(B, 8)``.
        targets: shape ``(B, 8)``, rows sum to 1; a row of zeros has no label and does not count.
        label_smoothing: in [0, 1).
        gamma: at least 0; 0 is cross-entropy.
        class_weights: :math:`w`, shape ``(8,)``; 1 by default.
        priors: class mix of the source of each image, shape ``(B, 8)`` or ``(8,)``, rows sum to 1; smoothing spreads over the
            expressions with a share above 0 alone. Equal shares by default.
        adjust: whether the logits are adjusted by it.

    Returns:
        Mean over the labelled rows; 0 when there is none.

    References:
        T.-Y. Lin et al. (2017), Focal Loss for Dense Object Detection, ICCV. A. K. Menon et al. (2021), Long-Tail Learning via
        Logit Adjustment, ICLR.
    """
    labelled = (targets.sum(dim=1) > 0).to(logits.dtype)
    priors = torch.full_like(targets[0], 1 / len(EXPRESSIONS)) if priors is None else priors
    there = (priors > 0).to(targets.dtype)
    smooth = targets * (1 - label_smoothing) + label_smoothing * there / there.sum(dim=-1, keepdim=True)
    if class_weights is not None:
        smooth = smooth * class_weights
    if adjust:
        # An expression that a source never shows gets no probability there: far below any logit, but finite.
        logits = logits + torch.where(priors > 0, priors.clamp(min=1e-12).log(), ABSENT)
    log_probs = torch.log_softmax(logits, dim=1)
    if gamma:
        smooth = smooth * (1 - log_probs.exp()).clamp(min=1e-6) ** gamma
    losses = -(smooth * log_probs).sum(dim=1)
    return (losses * labelled).sum() / labelled.sum().clamp(min=1)


def affect_loss(
    preds: torch.Tensor,
    targets: torch.Tensor,
    *,
    mse: float = 0.0,
    mae: float = 0.0,
    ccc: float = 0.0,
    factors: tuple[float, float] = (1.0, 1.0),
) -> torch.Tensor:
    r"""``mse`` times the squared error plus ``mae`` times the absolute one plus ``ccc`` times :math:`1 - \rho_c`.

    Each is averaged over valence and arousal, which count by their factors.

    Args:
        preds: shape ``(B, 2)``.
        targets: shape ``(B, 2)``; NaN has no label and does not count.
        mse: weight.
        mae: weight.
        ccc: weight; with fewer than two labelled images in the batch this part is left out.
        factors: of valence and of arousal.

    Returns:
        A scalar; 0 when nothing is labelled.
    """
    known = torch.isfinite(targets)
    counts = known.sum(dim=0)
    shares = known.to(preds.dtype) / counts.clamp(min=1)
    # Zeros in both where there is no label: they add nothing, and several processes find a gradient for every output.
    p, t = torch.where(known, preds, 0.0), torch.where(known, targets, 0.0)
    losses = torch.zeros_like(shares[0])
    if mse:
        losses = losses + mse * ((p - t).square() * shares).sum(dim=0)
    if mae:
        losses = losses + mae * ((p - t).abs() * shares).sum(dim=0)
    if ccc:
        p_mean, t_mean = (p * shares).sum(dim=0), (t * shares).sum(dim=0)
        p_gap, t_gap = p - p_mean, t - t_mean
        covariance = (p_gap * t_gap * shares).sum(dim=0)
        spread = ((p_gap.square() + t_gap.square()) * shares).sum(dim=0) + (p_mean - t_mean).square()
        # The small number keeps the gradient finite when predictions and labels are the same constant.
        losses = losses + ccc * torch.where(counts > 1, 1 - 2 * covariance / (spread + 1e-8), 0.0)
    # Python numbers: as a tensor they would be copied to the GPU in every step.
    return (losses[0] * factors[0] + losses[1] * factors[1]) / (counts > 0).sum().clamp(min=1)


def class_weights(targets: npt.NDArray[np.float32], config: LossConfig) -> npt.NDArray[np.float32] | None:
    r"""Weights of the expressions, so that rare ones count more.

    ``inverse`` takes :math:`1 / n_c`, ``effective`` :math:`(1 - \beta) / (1 - \beta^{n_c})` with :math:`\beta = 0.999`;
    both are normalised to a mean of 1 over the images, so that the loss keeps its size, and clipped. Every clipped one is
    logged by name.

    Args:
        targets: label distributions of the training split, shape ``(N, 8)``.
        config: which weights, and where they are clipped.

    Returns:
        Shape ``(8,)``, 1 for expressions that do not occur; ``None`` when there are no weights.

    References:
        Y. Cui et al. (2019), Class-Balanced Loss Based on Effective Number of Samples, CVPR.
    """
    if config.class_weights == "none":
        return None
    counts = targets.sum(axis=0, dtype=np.float64)
    there = counts > 0
    weights = np.ones(len(EXPRESSIONS))
    if config.class_weights == "inverse":
        weights[there] = 1 / counts[there]
    else:
        weights[there] = (1 - EFFECTIVE_BETA) / (1 - EFFECTIVE_BETA ** counts[there])
    weights[there] /= (weights * counts)[there].sum() / counts[there].sum()
    for index in np.flatnonzero(there & (weights > config.max_class_weight)):
        log.warning(
            "'%s' has a share of %.2g %% and would weigh %.3g times a usual image, which makes losses explode: "
            "clipped to %g (loss.max_class_weight).",
            EXPRESSIONS[index], 100 * counts[index] / counts.sum(), weights[index], config.max_class_weight,
        )  # fmt: skip
    weights[~there] = 1.0
    return np.minimum(weights, config.max_class_weight).astype(np.float32)
