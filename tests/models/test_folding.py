from __future__ import annotations

import pytest
import torch
from torch import nn

from emotion_core.models.backbones import BACKBONES
from emotion_core.models.folding import can_pack, fold_batch_norm, pack_convolutions
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
    # In double precision: in single, rounding grows from layer to layer with these statistics, and by the number of threads.
    whole = backbone(name).double()
    before = {key: tensor.clone() for key, tensor in whole.state_dict().items()}
    folded = fold_batch_norm(whole)
    images = torch.randn(3, 3, 64, 64, dtype=torch.float64)
    with torch.inference_mode():
        expected, found = whole.forward_features(images), folded(images)
    assert (expected - found).abs().max() <= 1e-10 * expected.abs().max()
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


needs_onednn = pytest.mark.skipif(not can_pack(torch.device("cpu")), reason="this torch comes without oneDNN")


@needs_onednn
@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_packed_features_are_the_same_for_any_batch(name: str) -> None:
    whole = backbone(name)
    images = torch.randn(4, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    packed = pack_convolutions(fold_batch_norm(whole).to(memory_format=torch.channels_last), images)  # type: ignore[call-overload]
    for some in (images, images[:1], torch.cat([images, images.flip(3)])):
        with torch.inference_mode():
            expected, found = whole.forward_features(some), packed(some)
        assert (expected - found).abs().max() <= 1e-4 * expected.abs().max()
        assert expected.std() > 0


# The activation, convolutions that have it behind them, and all convolutions; the others have a sum or a normalisation behind
# them, or nothing at all.
FUSED = {
    "custom_cnn": ("relu", 6, 14),
    "densenet121": ("relu", 59, 120),
    "efficientnet_b0": ("swish", 49, 81),
    "mobilenetv2": ("hardtanh", 35, 52),
    "resnet50": ("relu", 33, 53),
    "vgg16": ("relu", 13, 13),
}


@needs_onednn
@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_every_plain_convolution_is_packed_with_the_activation_behind_it(name: str) -> None:
    packed = pack_convolutions(fold_batch_norm(backbone(name)), torch.randn(2, 3, 64, 64))
    if name not in FUSED:
        pytest.skip("nobody has counted its activations")
    assert not any(isinstance(part, nn.Conv2d) for part in packed.modules())
    kinds = [part.activation[0] for part in packed.modules() if hasattr(part, "activation")]
    kind, with_it, convolutions = FUSED[name]
    assert (len(kinds), kinds.count(kind), kinds.count("none")) == (convolutions, with_it, convolutions - with_it)


@needs_onednn
def test_a_convolution_that_somebody_else_reads_keeps_its_activation_apart() -> None:
    class Fork(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.act = nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()

        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            before: torch.Tensor = self.conv(images)
            return self.act(before) + before

    whole, images = Fork().eval(), torch.randn(2, 3, 8, 8)
    packed = pack_convolutions(fold_batch_norm(whole), images)
    with torch.inference_mode():
        assert torch.allclose(packed(images), whole.forward_features(images), atol=1e-6)


@needs_onednn
@pytest.mark.parametrize(
    "convolution", [nn.Conv2d(3, 4, 3, padding="same"), nn.Conv2d(3, 4, 3, padding=1, padding_mode="reflect")]
)
def test_other_kinds_of_padding_stay_as_they_are(convolution: nn.Conv2d) -> None:
    class Single(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = convolution

        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.conv(images)
            return found

    whole, images = Single().eval(), torch.randn(2, 3, 8, 8)
    packed = pack_convolutions(fold_batch_norm(whole), images)
    with torch.inference_mode():
        assert torch.equal(packed(images), whole.forward_features(images))


@needs_onednn
def test_modules_that_are_called_twice_stay_as_they_are() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.again, self.act = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1), nn.ReLU()

        def forward_features(self, images: torch.Tensor) -> torch.Tensor:
            found = self.act(self.first(images))
            found = found + self.again(self.again(found))
            result: torch.Tensor = self.act(found - 0.5)
            return result

    whole, images = Shared().eval(), torch.randn(2, 3, 8, 8)
    packed = pack_convolutions(fold_batch_norm(whole), images)
    with torch.inference_mode():
        assert torch.allclose(packed(images), whole.forward_features(images), atol=1e-6)


def test_packing_is_left_out_without_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_pack(torch.device("cuda"))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert not can_pack(torch.device("cpu"))
