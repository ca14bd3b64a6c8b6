from __future__ import annotations

import json

import pytest
import torch

from emotion_core.models.heads import Head
from emotion_core.models.network import EmotionNetwork, NetworkConfig


@pytest.mark.parametrize("hidden", [None, 16])
def test_output_gradients_agree_with_autograd(hidden: int | None) -> None:
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32, hidden=hidden, dropout=0.5)).eval()
    pooled = torch.randn(3, network.num_features, requires_grad=True)
    gradients = network.output_gradients(pooled)
    outputs = torch.cat([network.expression(pooled), network.affect(pooled)], dim=1)
    assert gradients.shape == (3, 10, network.num_features)
    for index in range(10):
        (expected,) = torch.autograd.grad(outputs[:, index].sum(), pooled, retain_graph=True)
        assert torch.allclose(gradients[:, index], expected, atol=1e-6)


def test_head_is_linear_or_dense_relu_linear() -> None:
    torch.manual_seed(0)
    pooled = torch.randn(4, 6)
    plain = Head(6, 2)
    assert torch.allclose(plain(pooled), pooled @ plain.output.weight.T + plain.output.bias, atol=1e-6)
    deep = Head(6, 2, hidden=5)
    assert deep.hidden is not None
    middle = (pooled @ deep.hidden.weight.T + deep.hidden.bias).clamp(min=0)
    assert torch.allclose(deep(pooled), middle @ deep.output.weight.T + deep.output.bias, atol=1e-6)


def test_normalising_is_per_channel_and_follows_imagenet() -> None:
    network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32))
    image = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) + torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    assert torch.allclose(network.normalise(image), torch.ones(1, 3, 1, 1), atol=1e-6)


def test_statistics_are_not_stored_among_the_weights() -> None:
    network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32))
    assert not {"mean", "std"} & network.state_dict().keys()


def test_configuration_survives_json() -> None:
    config = NetworkConfig(backbone="resnet50", input_size=96, hidden=128, dropout=0.2, in_chans=1, mean=(0.5,), std=(0.2,))
    assert NetworkConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(TypeError, match="colour"):
        NetworkConfig.from_dict({"colour": "red"})
