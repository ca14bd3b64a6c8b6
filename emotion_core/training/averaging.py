"""An exponential moving average of a network's weights."""

from __future__ import annotations

import copy
from collections.abc import Iterable
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
        self._network = network
        self._names: list[str] = []
        self.follow(network.state_dict())

    def follow(self, names: Iterable[str]) -> None:
        """From now on only these tensors change; frozen ones cost nothing."""
        averages, values = self.network.state_dict(), self._network.state_dict()
        self._names = list(names)
        with torch.no_grad():
            # Frozen tensors are stored as they are, since the others are trained with them so: an average would lag behind.
            for name in averages.keys() - set(self._names):
                averages[name].copy_(values[name])
        floating = [name for name in self._names if averages[name].is_floating_point()]
        self._averages = [averages[name] for name in floating]
        self._values = [values[name] for name in floating]
        counters = [name for name in self._names if not averages[name].is_floating_point()]
        self._counters = [averages[name] for name in counters]
        self._counts = [values[name] for name in counters]

    @torch.no_grad()
    def update(self) -> None:
        """Move towards the weights that the network has now."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 9)) if self.decay else 0.0
        torch._foreach_lerp_(self._averages, self._values, 1 - decay)
        if self._counters:
            torch._foreach_copy_(self._counters, self._counts)
