"""Which faces look alike to the network? Nearest neighbours in its pooled features."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.models.inference import to_input
from emotion_core.models.network import EmotionNetwork


class Features(NamedTuple):
    """What one pass over ``N`` pictures gives.

    Attributes:
        pooled: features between the backbone and the heads, float16, shape ``(N, C)``.
        logits: for the eight expressions, shape ``(N, 8)``.
        affect: valence and arousal as the network gives them, shape ``(N, 2)``.
    """

    pooled: npt.NDArray[np.float16]
    logits: npt.NDArray[np.float32]
    affect: npt.NDArray[np.float32]


@torch.inference_mode()
def features_of(
    network: EmotionNetwork,
    pixels: npt.NDArray[np.uint8],
    *,
    batch_size: int = 64,
    progress: Callable[[int], object] | None = None,
) -> Features:
    """Pooled features and outputs of decoded pictures from one pass.

    Args:
        network: in evaluation mode.
        pixels: shape ``(N, 1 or 3, S, S)``.
        batch_size: images a pass.
        progress: called with the number of images done after each pass.

    Raises:
        ValueError: there is no picture, or the network is in training mode, where a picture's features depend on the others.
    """
    if not len(pixels):
        raise ValueError("There is no picture to take features of.")
    if network.training:
        raise ValueError("Features are those of a network in evaluation mode; this one is in training mode.")
    pooled, logits, affect = [], [], []
    for start in range(0, len(pixels), batch_size):
        outputs = network(to_input(network, torch.from_numpy(pixels[start : start + batch_size])))
        # Rounded to half precision, cosines change by less than 1e-3, and 28,000 faces of 1,280 features take 72 MB.
        pooled.append(_half(outputs.pooled))
        logits.append(outputs.logits.float().cpu().numpy())
        affect.append(outputs.affect.float().cpu().numpy())
        if progress is not None:
            progress(len(outputs.logits))
    return Features(np.concatenate(pooled), np.concatenate(logits), np.concatenate(affect))


def nearest(features: npt.NDArray[np.floating], index: int, k: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    r"""The pictures whose features point most nearly the same way as those of one picture.

    .. math:: s_{ij} = \frac{f_i \cdot f_j}{\lVert f_i \rVert \lVert f_j \rVert}

    Args:
        features: shape ``(N, C)``, as :func:`features_of` gives them.
        index: row of the picture; it is not among its own neighbours.
        k: how many; all others where there are fewer.

    Returns:
        Rows of the neighbours, the nearest first and of equally near ones the first first, and their cosines in [-1, 1], shape
        ``(min(k, N - 1),)`` each. A picture whose features are all 0 has the cosine 0 to every other.

    Raises:
        ValueError: ``features`` is not 2-D, there is no such row, or ``k`` is less than 1.
    """
    if features.ndim != 2:
        raise ValueError(f"features must be of shape (N, C), not {features.shape}.")
    if not 0 <= index < len(features):
        raise ValueError(f"There is no row {index} among {len(features)} features.")
    if k < 1:
        raise ValueError(f"k must be at least 1, not {k}.")
    # Half precision cannot hold the square of 256, so norms and products are taken in single.
    rows = features.astype(np.float32, copy=False)
    lengths = np.sqrt(np.einsum("nc,nc->n", rows, rows)) * np.linalg.norm(rows[index])
    cosines = np.divide(rows @ rows[index], lengths, out=np.zeros(len(rows), np.float32), where=lengths > 0).clip(-1, 1)
    order = np.argsort(-cosines, kind="stable")
    order = order[order != index][:k]
    return order.astype(np.int64), cosines[order]


def _half(values: torch.Tensor) -> npt.NDArray[np.float16]:
    # Networks that were not trained yet can exceed what half precision holds; infinity would have no direction.
    largest = torch.finfo(torch.float16).max
    array: npt.NDArray[np.float16] = values.float().clamp(-largest, largest).half().cpu().numpy()
    return array
