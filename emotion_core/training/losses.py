"""Losses for both heads; each leaves out the images that lack its label."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from emotion_core.labels import EXPRESSIONS


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """What counts how much.

    Attributes:
        expression: of the cross-entropy.
        mse: of the mean squared error of valence and arousal.
        ccc: of 1 - CCC of valence and arousal, taken over the batch.
        label_smoothing: share of every label that is spread over all expressions, in [0, 1).
    """

    expression: float = 1.0
    mse: float = 0.0
    ccc: float = 0.0
    label_smoothing: float = 0.05


def expression_loss(logits: torch.Tensor, targets: torch.Tensor, *, label_smoothing: float = 0.0) -> torch.Tensor:
    """Cross-entropy against label distributions.

    Args:
        logits: shape ``(B, 8)``.
        targets: shape ``(B, 8)``, rows sum to 1; a row of zeros has no label and does not count.
        label_smoothing: in [0, 1).

    Returns:
        Mean over the labelled rows; 0 when there is none.
    """
    labelled = (targets.sum(dim=1) > 0).to(logits.dtype)
    smooth = targets * (1 - label_smoothing) + label_smoothing / len(EXPRESSIONS)
    losses = -(smooth * torch.log_softmax(logits, dim=1)).sum(dim=1)
    return (losses * labelled).sum() / labelled.sum().clamp(min=1)


def affect_loss(preds: torch.Tensor, targets: torch.Tensor, *, mse: float, ccc: float) -> torch.Tensor:
    r"""``mse`` times the squared error plus ``ccc`` times :math:`1 - \rho_c`, each averaged over valence and arousal.

    Args:
        preds: shape ``(B, 2)``.
        targets: shape ``(B, 2)``; NaN has no label and does not count.
        mse: weight.
        ccc: weight; with fewer than two labelled images in the batch this part is left out.

    Returns:
        A scalar; 0 when nothing is labelled.
    """
    total = preds.new_zeros(())
    columns = 0
    for column in range(preds.shape[1]):
        known = torch.isfinite(targets[:, column])
        if not known.any():
            continue
        columns += 1
        p, t = preds[known, column], targets[known, column]
        if mse:
            total = total + mse * (p - t).square().mean()
        if ccc and len(p) > 1:
            covariance = ((p - p.mean()) * (t - t.mean())).mean()
            spread = p.var(correction=0) + t.var(correction=0) + (p.mean() - t.mean()).square()
            # The small number keeps the gradient finite when predictions and labels are the same constant.
            total = total + ccc * (1 - 2 * covariance / (spread + 1e-8))
    return total / max(columns, 1)
