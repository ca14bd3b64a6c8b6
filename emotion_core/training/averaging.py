"""A running average of a network's weights."""

from __future__ import annotations

import copy
from typing import Generic, TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


class WeightAverage(Generic[Network]):
    """Exponential moving average of parameters and buffers.

    The decay grows from 0.1 towards its final value over the first steps, so that random initial weights are forgotten quickly.

    Args:
        network: what to follow.
        decay: final decay, in [0, 1); 0 keeps a plain copy.
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.steps = 0

    @torch.no_grad()
    def update(self, network: Network) -> None:
        """Move towards the weights that ``network`` has now."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9)) if self.decay else 0.0
        averages, values = [], []
        for average, value in zip(self.network.state_dict().values(), network.state_dict().values(), strict=True):
            if average.is_floating_point():
                averages.append(average)
                values.append(value)
            else:
                average.copy_(value)
        torch._foreach_lerp_(averages, values, 1 - decay)
