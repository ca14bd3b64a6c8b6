"""Small seeded networks and images for the tests of heat maps."""

from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from torch import nn

from emotion_core.models.network import EmotionNetwork, NetworkConfig

SIDE = 64


@pytest.fixture(scope="session")
def images() -> torch.Tensor:
    """Two smooth random images, as if normalised."""
    coarse = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    return nn.functional.interpolate(coarse, size=(SIDE, SIDE), mode="bicubic")


@pytest.fixture(scope="session")
def build() -> Callable[..., EmotionNetwork]:
    """Builds a network once: random weights, BatchNorm statistics of random images, evaluation mode."""

    @functools.cache
    def _build(backbone: str, hidden: int | None = None) -> EmotionNetwork:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = EmotionNetwork(NetworkConfig(backbone=backbone, input_size=SIDE, hidden=hidden))
            for module in network.modules():
                if isinstance(module, nn.BatchNorm2d):
                    # One pass sets the statistics; with those of a new layer activations fade with depth.
                    module.momentum = 1.0
            with torch.no_grad():
                network.train()(torch.randn(8, 3, SIDE, SIDE))
        return network.eval()

    return _build
