"""Fail early: one batch of every phase before the first epoch, and an estimate of the whole time."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from emotion_core.data.transforms import augment
from emotion_core.errors import TrainingError
from emotion_core.models.inference import network_input
from emotion_core.models.network import EmotionNetwork
from emotion_core.training.config import Phase, TrainConfig
from emotion_core.training.data import Split
from emotion_core.training.freezing import freeze, make_optimiser, set_modes
from emotion_core.training.losses import total_loss

log = logging.getLogger(__name__)

FORWARD_SHARE = 1 / 3
"""Rough share of a whole training step that a forward pass takes."""


def check_phases(
    config: TrainConfig,
    network: EmotionNetwork,
    split: Split,
    *,
    judged: int,
    class_weights: torch.Tensor | None,
    processes: int = 1,
    autocast: Callable[[], AbstractContextManager[Any]] = nullcontext,
) -> list[float]:
    """Try two steps of every phase on a copy of the network.

    Args:
        config: all phases.
        network: on its device; it is not changed.
        split: training split, of which the first batch is taken.
        judged: number of validation images.
        class_weights: shape ``(8,)``, on the same device.
        processes: that share a batch.
        autocast: how the forward pass runs.

    Returns:
        Estimated seconds of every phase.

    Raises:
        TrainingError: the network does not take the pictures, the loss is not finite, or nothing learns; the phase is named.
    """
    batch = _first_batch(config, split, network.mean.device, config.batch_size // processes)
    estimates = []
    for phase in config.phases:
        try:
            seconds = _two_steps(config, phase, copy.deepcopy(network), batch, class_weights, autocast)
        except torch.OutOfMemoryError as error:
            raise out_of_memory(config, phase) from error
        steps = math.ceil(split.images_an_epoch / config.batch_size)
        # A step on a frozen backbone is hardly more than its forward pass.
        forward = seconds if phase.stages == 0 else seconds * FORWARD_SHARE
        looks = phase.views or phase.epochs
        estimates.append(looks * (steps * seconds + judged / config.batch_size * forward))
    return estimates


def out_of_memory(config: TrainConfig, phase: Phase) -> TrainingError:
    """What to say when a device is too small for a phase."""
    return TrainingError(
        f"The phase '{phase.name}' does not fit into the memory of the device with batch_size = {config.batch_size}. "
        "Halve it, and double 'accumulate' to keep the gradients the same."
    )


class _Batch(NamedTuple):
    """The first training images that have labels, on the training device."""

    ids: list[str]
    pixels: torch.Tensor
    targets: torch.Tensor
    affect: torch.Tensor
    priors: torch.Tensor


def _first_batch(config: TrainConfig, split: Split, device: torch.device, count: int) -> _Batch:
    chosen = _labelled(config, split)[:count]
    if not len(chosen):
        raise TrainingError(
            f"None of the {len(split.table):,} training images of '{config.dataset}' has a label for "
            f"{' or '.join(config.outputs)}. Check the dataset, or give another loss a weight."
        )
    rows = split.table.where(np.isin(np.arange(len(split.table)), chosen))
    return _Batch(
        rows.sample_ids,
        torch.from_numpy(split.pixels[chosen]).to(device),
        torch.from_numpy(rows.targets).to(device),
        torch.from_numpy(rows.affect).to(device),
        torch.from_numpy(split.priors[split.source_of(chosen)]).to(device),
    )


def _two_steps(
    config: TrainConfig,
    phase: Phase,
    network: EmotionNetwork,
    batch: _Batch,
    class_weights: torch.Tensor | None,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> float:
    """Seconds of the second step."""
    learning = freeze(network, phase.stages, config.outputs)
    optimiser = make_optimiser(network, learning, phase, config.optimiser)
    set_modes(network, learning)
    generator = torch.Generator().manual_seed(config.seed)
    before = [parameter.detach().clone() for parameter in network.parameters() if parameter.requires_grad]
    seconds = 0.0
    for step in range(2):
        started = time.perf_counter()
        images = augment(batch.pixels.float().div(255), config.augmentation, generator)
        inputs = network_input(network, images)
        with autocast():
            outputs = network(inputs)
        logits, affect = outputs.logits.float(), outputs.affect.float()
        loss = torch.stack(
            total_loss(logits, affect, batch.targets, batch.affect, config.loss, class_weights, batch.priors)
        ).sum()
        # Reading the loss waits for the GPU, so that the clock measures the whole step.
        if not math.isfinite(value := loss.item()):
            if step:
                raise _too_fast(phase)
            raise TrainingError(
                f"Before the first epoch, the loss of the phase '{phase.name}' is {value} on the images "
                f"{', '.join(batch.ids[:5])}, … Check the labels of these images, the loss weights, and the weights that the "
                "network starts from."
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], config.clip_norm).item()
        optimiser.step()
        seconds = time.perf_counter() - started
    _check_moved(phase, before, [parameter for parameter in network.parameters() if parameter.requires_grad])
    return seconds


def _check_moved(phase: Phase, before: list[torch.Tensor], after: list[nn.Parameter]) -> None:
    if all(torch.equal(old, new) for old, new in zip(before, after, strict=True)):
        raise TrainingError(f"Nothing learns in the phase '{phase.name}': no weight moved. Raise its learning rate.")
    if not all(torch.isfinite(new).all() for new in after):
        raise _too_fast(phase)


def _too_fast(phase: Phase) -> TrainingError:
    return TrainingError(
        f"A single step of the phase '{phase.name}' at learning rate {phase.lr:g} makes weights or a loss that are not finite. "
        "Try a tenth of it."
    )


def _labelled(config: TrainConfig, split: Split) -> npt.NDArray[np.int64]:
    """Positions of the images that have a label for an output that is trained."""
    known = np.zeros(len(split.table), dtype=bool)
    if "expression" in config.outputs:
        known |= split.table.targets.sum(axis=1) > 0
    if "affect" in config.outputs:
        known |= np.isfinite(split.table.affect).any(axis=1)
    return np.flatnonzero(known)
