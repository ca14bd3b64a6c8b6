"""Can this one heat map be believed? Blur what it calls warm, and as much elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from emotion_core.explain.perturbation import blur

SHARE = 0.2
"""So much of the picture is blurred."""

DRAWS = 8
"""So many other places are blurred, each as large, for comparison."""


@dataclass(frozen=True, kw_only=True)
class TrustTest:
    """What an output is for a face, and for the same face with a fifth of it blurred.

    Attributes:
        whole: the output for the face as it is: a probability, or valence or arousal.
        warm: where the warmest places are blurred.
        elsewhere: where other places of the same size are, one value a draw.
    """

    whole: float
    warm: float
    elsewhere: tuple[float, ...]

    @property
    def passed(self) -> bool:
        """Whether the warm places matter more than every other place that was tried."""
        return abs(self.warm - self.whole) > max(abs(other - self.whole) for other in self.elsewhere)


def blur_test(
    score: Callable[[torch.Tensor], npt.NDArray[np.float64]],
    image: torch.Tensor,
    heat_map: npt.NDArray[np.floating],
    *,
    share: float = SHARE,
    draws: int = DRAWS,
    seed: int = 0,
) -> TrustTest:
    """Blur the warm places of a face, and as much elsewhere, and ask the network each time.

    Elsewhere is drawn from all that is not warm, in patches as coarse as those of a heat map.

    Args:
        score: takes normalised images ``(B, C, S, S)`` to one output of each, ``(B,)``.
        image: normalised, shape ``(1, C, S, S)``.
        heat_map: shape ``(h, w)``; large is warm.
        share: of the picture that is blurred, in (0, 0.5].
        draws: number of other places.
        seed: of the draws.

    Raises:
        ValueError: the share is not in (0, 0.5], or the map is not 2-D.
    """
    if not 0 < share <= 0.5:
        raise ValueError(f"share must lie in (0, 0.5], not {share}.")
    if heat_map.ndim != 2:
        raise ValueError(f"heat_map must be 2-D, not of shape {heat_map.shape}.")
    size = image.shape[-1]
    generator = torch.Generator().manual_seed(seed)
    warmth = _resize(torch.from_numpy(np.ascontiguousarray(heat_map, dtype=np.float32))[None], size)
    warm = _highest(warmth, share)
    coarse = max(4, size // 16)
    noise = _resize(torch.rand(draws, coarse, coarse, generator=generator), size)
    others = _highest(noise.masked_fill(warm, -1.0), share)
    masks = torch.cat([torch.zeros_like(warm), warm, others])[:, None].to(image.device)
    values = score(torch.where(masks, blur(image), image))
    whole, warmest, *elsewhere = (float(value) for value in values)
    return TrustTest(whole=whole, warm=warmest, elsewhere=tuple(elsewhere))


def _resize(maps: torch.Tensor, size: int) -> torch.Tensor:
    return functional.interpolate(maps[:, None], size=(size, size), mode="bilinear", align_corners=False)[:, 0]


def _highest(maps: torch.Tensor, share: float) -> torch.Tensor:
    """Masks of the highest values of each map."""
    flat = maps.flatten(1)
    chosen = flat.topk(max(1, round(share * flat.shape[1])), dim=1).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter_(1, chosen, True).reshape(maps.shape)
