"""Many pictures through a network in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.models.network import EmotionNetwork, Forward


def to_input(network: EmotionNetwork, pixels: torch.Tensor) -> torch.Tensor:
    """uint8 pixels ``(B, 1 or 3, S, S)`` to the network's normalised input, on the network's device."""
    return network_input(network, pixels.to(network.mean.device).float().div_(255))


def network_input(network: EmotionNetwork, images: torch.Tensor) -> torch.Tensor:
    """Images in [0, 1], shape ``(B, 1 or 3, S, S)``, as the network learns from them: with its channels, normalised.

    Channels come last in memory, the order in which convolutions are fastest.
    """
    images = network.normalise(match_channels(images, network.config.in_chans))
    return images.contiguous(memory_format=torch.channels_last)


def match_channels(images: torch.Tensor, channels: int) -> torch.Tensor:
    """Grey to as many equal channels as asked for; colour to one by luma; a fourth channel is left at 0."""
    have = images.shape[1]
    if have == channels:
        return images
    if channels == 1:
        return (images[:, :3] * images.new_tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    if have == 1:
        return images.expand(-1, channels, -1, -1)
    return torch.cat([images, images.new_zeros(len(images), channels - have, *images.shape[2:])], dim=1)


def with_mirror(images: torch.Tensor) -> torch.Tensor:
    """Images ``(B, C, S, S)`` and behind them their mirror images, ``(2 B, C, S, S)``."""
    return torch.cat([images, images.flip(3)])


def mirror_mean(values: torch.Tensor) -> torch.Tensor:
    """Of outputs for :func:`with_mirror`, shape ``(2 B, ...)``, the mean over each image and its mirror image."""
    straight, mirrored = values.chunk(2)
    return (straight + mirrored) / 2


def images_a_pass(device: torch.device) -> int:
    """How many images a pass without gradients takes best: few on a CPU, whose caches they fill, many on a GPU."""
    return 16 if device.type == "cpu" else 256


@torch.inference_mode()
def infer(
    network: EmotionNetwork,
    pixels: npt.NDArray[np.uint8],
    *,
    batch_size: int | None = None,
    flip: bool = False,
    forward: Forward | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Outputs for decoded pictures.

    Args:
        network: in evaluation mode while this runs, then in the mode that it had.
        pixels: shape ``(N, 1 or 3, S, S)``.
        batch_size: images a pass; :func:`images_a_pass` by default.
        flip: flip test-time augmentation, the mean over each picture and its mirror image.
        forward: a runtime that computes the network; the network itself by default.
        progress: called with the number of images done after each pass.

    Returns:
        Logits ``(N, 8)``, and valence and arousal ``(N, 2)`` as the network gives them.
    """
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    compute = network if forward is None else forward
    logits, affect = [], []
    size = images_a_pass(network.mean.device) if batch_size is None else batch_size
    try:
        for start in range(0, len(pixels), size):
            images = to_input(network, torch.from_numpy(pixels[start : start + size]))
            outputs = compute(with_mirror(images) if flip else images)
            some_logits, some_affect = outputs.logits, outputs.affect
            if flip:
                some_logits, some_affect = mirror_mean(some_logits), mirror_mean(some_affect)
            logits.append(some_logits.float().cpu().numpy())
            affect.append(some_affect.float().cpu().numpy())
            if progress is not None:
                progress(len(images))
    finally:
        for module, training in modes:
            module.training = training
    return np.concatenate(logits), np.concatenate(affect)
