"""Where does the network look for fear? Mean heat maps over all faces of a class."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.explain.exact import cam_for_all, normalise_maps, resize_maps
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.models.inference import to_input
from emotion_core.models.network import EmotionNetwork, Forward
from emotion_core.results.explanations import LARGEST, MeanMaps


@torch.inference_mode()
def mean_maps(
    network: EmotionNetwork,
    pixels: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    *,
    classes: Sequence[str] = EXPRESSIONS,
    affect: bool = True,
    batch_size: int = 32,
    forward: Forward | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[MeanMaps, npt.NDArray[np.int64]]:
    """Exact Grad-CAM of every face from one pass, averaged by true expression and by right or wrong.

    Every map is scaled to [0, 1] before it is averaged, so that each face counts alike.

    Args:
        network: in evaluation mode, trained on expressions.
        pixels: shape ``(N, 1 or 3, S, S)``.
        labels: position of the true expression in :data:`~emotion_core.labels.EXPRESSIONS`, -1 where there is none, ``(N,)``.
        classes: expressions that the network decides between.
        affect: whether the network is trained on valence and arousal.
        batch_size: images a pass.
        forward: a runtime that computes the network; the network itself by default.
        progress: called with the number of images done after each pass.

    Returns:
        The means, and the position of each face's predicted expression, shape ``(N,)``.
    """
    sums: npt.NDArray[np.float64] | None = None
    affect_sum: npt.NDArray[np.float64] | None = None
    counts = np.zeros((len(EXPRESSIONS), 2), dtype=np.int64)
    said: list[npt.NDArray[np.int64]] = []
    compute = network if forward is None else forward
    for start in range(0, len(pixels), batch_size):
        outputs, raw = cam_for_all(compute, to_input(network, torch.from_numpy(pixels[start : start + batch_size])))
        maps = _small(normalise_maps(raw)).double().cpu().numpy()
        predicted = rule_out(outputs.logits, classes).argmax(dim=1).cpu().numpy()
        true = labels[start : start + batch_size]
        if sums is None or affect_sum is None:
            sums = np.zeros((len(EXPRESSIONS), 2, 2, *maps.shape[-2:]))
            affect_sum = np.zeros(maps.shape[-2:] if not affect else (len(AFFECT), *maps.shape[-2:]))
        for row in np.flatnonzero(true >= 0):
            right = int(predicted[row] == true[row])
            counts[true[row], right] += 1
            sums[true[row], right] += maps[row, [predicted[row], true[row]]]
        if affect:
            affect_sum += maps[:, len(EXPRESSIONS) :].sum(axis=0)
        said.append(predicted)
        if progress is not None:
            progress(len(predicted))
    if sums is None or affect_sum is None:
        raise ValueError("There is no picture to explain.")
    found = MeanMaps(
        expression=(sums / np.maximum(counts, 1)[..., None, None, None]).astype(np.float32),
        counts=counts,
        affect=(affect_sum / len(pixels) if affect else affect_sum[None][:0]).astype(np.float32),
        num_images=len(pixels),
    )
    return found, np.concatenate(said)


def rule_out(logits: torch.Tensor, classes: Sequence[str]) -> torch.Tensor:
    """Logits ``(B, 8)`` in which expressions outside of ``classes`` can be neither predicted nor probable."""
    outside = torch.tensor([name not in classes for name in EXPRESSIONS], device=logits.device)
    return logits.masked_fill(outside, float("-inf"))


def _small(maps: torch.Tensor) -> torch.Tensor:
    height, width = maps.shape[-2:]
    return maps if max(height, width) <= LARGEST else resize_maps(maps, (min(height, LARGEST), min(width, LARGEST)))
