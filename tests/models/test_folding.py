from __future__ import annotations

import pytest
import torch
from torch import nn

from emotion_core.models.backbones import BACKBONES
from emotion_core.models.folding import fold_batch_norm
from emotion_core.models.network import EmotionNetwork, NetworkConfig


def backbone(name: str) -> nn.Module:
    """With batch normalisation that does something: statistics, scales and shifts as after a training."""
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkConfig(backbone=name, input_size=32))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
            module.running_mean.normal_(std=0.1)
            module.running_var.uniform_(0.5, 1.5)
    return network.backbone.eval()


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_folded_features_are_the_same(name: str) -> None:
    whole = backbone(name)
    before = {key: tensor.clone() for key, tensor in whole.state_dict().items()}
    folded = fold_batch_norm(whole)
    images = torch.randn(3, 3, 64, 64)
    with torch.inference_mode():
        expected, found = whole.forward_features(images), folded(images)
    assert (expected - found).abs().max() <= 2e-5 * expected.abs().max()
    assert expected.std() > 0
    assert all(torch.equal(tensor, before[key]) for key, tensor in whole.state_dict().items())


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_batch_normalisation_is_gone_where_a_convolution_comes_first(name: str) -> None:
    def count(module: nn.Module) -> int:
        return sum(isinstance(part, nn.BatchNorm2d) for part in module.modules())

    whole = backbone(name)
    left = count(fold_batch_norm(whole))
    # DenseNet normalises what it has put together, before the next convolution.
    assert left < count(whole)
    assert (left > 0) == (name == "densenet121")


def test_it_works_for_a_backbone_that_was_training() -> None:
    whole = backbone("custom_cnn").train()
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        found = fold_batch_norm(whole)(images)
    assert whole.training
    assert torch.allclose(found, whole.eval().forward_features(images), atol=1e-5)
