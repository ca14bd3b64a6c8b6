"""Mixup and CutMix on soft labels."""

from __future__ import annotations

import numpy as np
import torch

from emotion_core.training.config import Mixing


def mix(
    images: torch.Tensor,
    targets: torch.Tensor,
    affect: torch.Tensor,
    priors: torch.Tensor,
    settings: Mixing,
    random: np.random.Generator,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Blend every image of a batch with another one of it.

    An image that lacks a label gives a mixed one that lacks it too.

    Args:
        images: shape ``(B, C, H, W)``.
        targets: label distributions, shape ``(B, 8)``; a row of zeros has no label.
        affect: valence and arousal, shape ``(B, 2)``; NaN has no label.
        priors: class mix of the source of each image, shape ``(B, 8)``; a mixed image comes from the mixture of both.
        settings: which kinds, how strongly, how often.
        random: the only source of randomness.

    Returns:
        Mixed images, label distributions, valence and arousal, and class mixes.

    References:
        H. Zhang et al. (2018), mixup: Beyond Empirical Risk Minimization, ICLR. S. Yun et al. (2019), CutMix, ICCV.
    """
    if not settings.active or random.random() >= settings.share:
        return images, targets, affect, priors
    cut = settings.cutmix > 0 and (settings.mixup == 0 or random.random() < 0.5)
    strength = settings.cutmix if cut else settings.mixup
    share = float(random.beta(strength, strength))
    # Not blocking, as in augmentation: the GPU goes on with its queue.
    partner = torch.from_numpy(random.permutation(len(images))).to(images.device, non_blocking=images.is_cuda)
    if cut:
        images, share = _paste(images, images[partner], share, random)
    else:
        images = share * images + (1 - share) * images[partner]
    if share == 1:
        return images, targets, affect, priors
    labelled = (targets.sum(dim=1) > 0) & (targets[partner].sum(dim=1) > 0)
    mixed = share * targets + (1 - share) * targets[partner]
    affect, priors = (share * values + (1 - share) * values[partner] for values in (affect, priors))
    return images, mixed * labelled[:, None], affect, priors


def _paste(images: torch.Tensor, others: torch.Tensor, share: float, random: np.random.Generator) -> tuple[torch.Tensor, float]:
    """Replace one rectangle in the whole batch; the share of the first image that is left, exactly."""
    height, width = images.shape[2:]
    side = (1 - share) ** 0.5
    rows, columns = round(height * side), round(width * side)
    top, left = int(random.integers(0, height - rows + 1)), int(random.integers(0, width - columns + 1))
    images = images.clone()
    images[:, :, top : top + rows, left : left + columns] = others[:, :, top : top + rows, left : left + columns]
    return images, 1 - rows * columns / (height * width)
