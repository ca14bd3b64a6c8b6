"""Take pixels away, or put them back, in the order of a heat map: what does the network predict then?

A map that shows what the network relies on lets the probability fall fast when its pixels go first, and rise fast when they
come first. Both depend on what stands in the place of a pixel that is missing: grey for what is deleted, a blurred picture for
what is not yet inserted, and, in ROAD, values that fit the pixels around.

References:
    V. Petsiuk, A. Das, K. Saenko (2018), RISE: randomized input sampling for explanation of black-box models, BMVC.
    Y. Rong et al. (2022), A consistent and efficient evaluation strategy for attribution methods, ICML.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

Score = Callable[[torch.Tensor], torch.Tensor]
"""Takes normalised images ``(B, C, S, S)`` to probabilities ``(B, K)``."""

Array = npt.NDArray[np.float64]

PERCENTILES = (50, 80)
"""Shares of pixels that ROAD keeps, %. Filling in more than half of a picture takes seconds."""


class Ends(NamedTuple):
    """Where curves begin and end, whatever the map; shape ``(B,)`` each.

    Attributes:
        whole: score of the images themselves.
        blurred: of the images that insertion begins with.
        grey: of the images that deletion ends with.
    """

    whole: torch.Tensor
    blurred: torch.Tensor
    grey: torch.Tensor


class Curves(NamedTuple):
    """Scores by share of pixels, which runs from 0 to 1 in equal steps; shape ``(B, steps + 1)`` each.

    Attributes:
        insertion: the most important pixels of the image are put into its blurred version.
        deletion: the most important pixels of the image become grey.
    """

    insertion: Array
    deletion: Array


def rank_pixels(maps: npt.NDArray[np.floating], generator: torch.Generator) -> torch.Tensor:
    """Place of each pixel in the order of importance.

    Args:
        maps: shape ``(B, S, S)``; large is important.
        generator: decides among equal values: where a map is 0, row by row would be an order that the map does not give.

    Returns:
        0 for the most important pixel to ``S * S - 1`` for the least, shape ``(B, S, S)``.
    """
    flat = torch.from_numpy(np.ascontiguousarray(maps)).flatten(1)
    mixed = torch.rand(flat.shape, generator=generator).argsort(dim=1)
    order = mixed.gather(1, flat.gather(1, mixed).argsort(dim=1, descending=True, stable=True))
    places = torch.arange(flat.shape[1]).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places).reshape(maps.shape)


def blur(images: torch.Tensor) -> torch.Tensor:
    """Images in which no expression can be seen: Gaussian blur with a tenth of the side as standard deviation.

    Petsiuk et al. blur photos of objects with 5 px of 224; so blurred, a face still smiles.
    """
    # Slow to import, and only judging maps needs it.
    from torchvision.transforms.v2 import functional

    sigma = images.shape[-1] / 10
    size = 2 * round(3 * sigma) + 1
    blurred: torch.Tensor = functional.gaussian_blur(images, [size, size], [sigma, sigma])
    return blurred


@torch.no_grad()
def score_ends(score: Score, images: torch.Tensor, blurred: torch.Tensor, targets: torch.Tensor) -> Ends:
    """Scores of the whole, the blurred and the grey images.

    Args:
        score: of the network.
        images: normalised, shape ``(B, C, S, S)``, so that 0 is the mean colour.
        blurred: likewise.
        targets: which of the ``K`` scores counts for each image, shape ``(B,)``.
    """
    rows = torch.arange(len(images))
    return Ends(*(score(shown)[rows, targets].cpu() for shown in (images, blurred, torch.zeros_like(images))))


@torch.no_grad()
def perturbation_curves(
    score: Score,
    images: torch.Tensor,
    blurred: torch.Tensor,
    targets: torch.Tensor,
    ranks: torch.Tensor,
    ends: Ends,
    *,
    steps: int = 10,
) -> Curves:
    """Insertion and deletion, a whole batch at a time.

    Args:
        score: of the network.
        images: normalised, shape ``(B, C, S, S)``, so that 0 is the mean colour.
        blurred: what insertion begins with, same shape.
        targets: which of the ``K`` scores counts for each image, shape ``(B,)``.
        ranks: from :func:`rank_pixels`, shape ``(B, S, S)``.
        ends: from :func:`score_ends`; several maps of the same images share them.
        steps: how many equal parts of the pixels are moved, one after the other.
    """
    rows, place = torch.arange(len(images)), ranks.to(images.device)[:, None]
    grey = torch.zeros_like(images)
    insertion, deletion = [ends.blurred], [ends.whole]
    for step in range(1, steps):
        chosen = place < round(step / steps * place[0].numel())
        insertion.append(score(torch.where(chosen, images, blurred))[rows, targets].cpu())
        deletion.append(score(torch.where(chosen, grey, images))[rows, targets].cpu())
    insertion.append(ends.whole)
    deletion.append(ends.grey)
    return Curves(*(torch.stack(curve, dim=1).double().numpy() for curve in (insertion, deletion)))


def area_under(curves: Array) -> Array:
    r"""Area under each curve over shares of pixels from 0 to 1, by the trapezoidal rule: ``(B, steps + 1)`` to ``(B,)``."""
    area: Array = np.trapezoid(curves, dx=1 / (curves.shape[1] - 1), axis=1)
    return area


def road_scores(
    score: Score,
    images: torch.Tensor,
    targets: torch.Tensor,
    ranks: torch.Tensor,
    *,
    percentiles: Sequence[int] = PERCENTILES,
    seed: int = 0,
) -> Array:
    r"""ROAD, as the grad-cam package computes it: the harm of losing the most important pixels over that of the least.

    .. math:: \frac{1}{2} \left( \bar{p}_\text{least removed} - \bar{p}_\text{most removed} \right)

    Missing pixels get values that fit those around, plus a little noise, so that their place gives nothing away.

    Args:
        score: of the network.
        images: normalised, shape ``(B, C, S, S)``.
        targets: which of the ``K`` scores counts for each image, shape ``(B,)``.
        ranks: from :func:`rank_pixels`, shape ``(B, S, S)``. Ranks and not the maps, because the package cuts at a percentile:
            where much of a map is 0, it would remove the whole image, and values that fit nothing are not a number.
        percentiles: shares of pixels that are kept, %.
        seed: of the noise.

    Returns:
        Mean over the percentiles, shape ``(B,)``, in [-0.5, 0.5] for probabilities; 0 for a map that says nothing.
    """
    from pytorch_grad_cam.metrics.road import ROADLeastRelevantFirst, ROADMostRelevantFirst
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    maps = 1 - ranks.numpy().astype(np.float32) / (ranks[0].numel() - 1)
    wanted = [ClassifierOutputTarget(int(target)) for target in targets]
    found = []
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        # The package hands a tensor to numpy in a way that numpy 2 frowns upon.
        warnings.filterwarnings("ignore", "__array_wrap__", DeprecationWarning)
        torch.manual_seed(seed)
        for percentile in percentiles:
            least, most = (
                metric(percentile)(images, maps, wanted, score, return_diff=False)
                for metric in (ROADLeastRelevantFirst, ROADMostRelevantFirst)
            )
            found.append((least.astype(np.float64) - most) / 2)
    mean: Array = np.mean(found, axis=0)
    return mean
