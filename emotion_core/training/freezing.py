"""Which parts of a network learn in a phase, and how fast."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from emotion_core.errors import TrainingError
from emotion_core.models.network import EmotionNetwork
from emotion_core.training.config import Optimiser, Phase


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What learns in a phase.

    Attributes:
        heads: heads of the outputs that are trained.
        backbone: modules of the backbone that learn.
        whole: whether these are all of the backbone.
    """

    heads: tuple[nn.Module, ...]
    backbone: tuple[nn.Module, ...]
    whole: bool

    @property
    def modules(self) -> tuple[nn.Module, ...]:
        """All of them."""
        return self.heads + self.backbone


def freeze(network: EmotionNetwork, stages: int | str, outputs: tuple[str, ...]) -> Learning:
    """Let the heads of some outputs and the last stages of the backbone learn, and nothing else.

    Args:
        network: whose parameters get or lose ``requires_grad``.
        stages: how many stages learn, counted from the output, or ``"all"``.
        outputs: ``"expression"``, ``"affect"``, or both.
    """
    names = network.spec.stages
    count = len(names) if stages == "all" else int(stages)
    backbone = tuple(network.backbone.get_submodule(name) for stage in names[len(names) - count :] for name in stage)
    heads = tuple(network.get_submodule(output) for output in outputs)
    network.requires_grad_(False)
    for module in heads + backbone:
        module.requires_grad_(True)
    return Learning(heads=heads, backbone=backbone, whole=count == len(names))


def set_modes(network: EmotionNetwork, learning: Learning) -> None:
    """Training mode for what learns, evaluation mode for what does not: frozen batch normalisation keeps its statistics."""
    network.eval()
    if learning.whole:
        network.backbone.train()
    for module in learning.modules:
        module.train()


def moving_tensors(network: EmotionNetwork, learning: Learning) -> list[str]:
    """Names of all tensors that change while this learns: parameters, and statistics of batch normalisation."""
    moving = {id(tensor) for module in learning.modules for tensor in module.state_dict(keep_vars=True).values()}
    if learning.whole:
        moving |= {id(tensor) for tensor in network.backbone.state_dict(keep_vars=True).values()}
    return [name for name, tensor in network.state_dict(keep_vars=True).items() if id(tensor) in moving]


def make_optimiser(network: EmotionNetwork, learning: Learning, phase: Phase, config: Optimiser) -> torch.optim.Optimizer:
    """An optimiser with up to four groups: backbone or heads, with weight decay (matrices, kernels) or without (the rest).

    Every group carries ``peak``, the learning rate that the schedule multiplies, and ``part``.

    Raises:
        TrainingError: nothing would learn.
    """
    backbone_lr = phase.lr if phase.backbone_lr is None else phase.backbone_lr
    in_heads = {id(parameter) for module in learning.heads for parameter in module.parameters()}
    groups = []
    for part, peak in (("heads", phase.lr), ("backbone", backbone_lr)):
        chosen = [p for p in network.parameters() if p.requires_grad and (id(p) in in_heads) == (part == "heads")]
        for decayed in (True, False):
            some = [parameter for parameter in chosen if (parameter.ndim > 1) == decayed]
            decay = config.weight_decay if decayed else 0.0
            if some:
                groups.append({"params": some, "lr": peak, "peak": peak, "part": part, "weight_decay": decay})
    if not groups:
        raise TrainingError(f"Nothing learns in the phase '{phase.name}'. Give a loss a weight above 0.")
    if config.name == "adamw":
        # One pass over the weights where torch takes a dozen by default.
        return torch.optim.AdamW(groups, fused=True)
    if config.name == "adam":
        return torch.optim.Adam(groups, fused=True)
    return torch.optim.SGD(groups, momentum=config.momentum, nesterov=config.momentum > 0)
