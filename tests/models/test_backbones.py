from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch

from emotion_core.errors import ConfigError, WeightsUnavailableError
from emotion_core.models.backbones import BACKBONES, backbone_spec, build_backbone
from emotion_core.models.network import EmotionNetwork, NetworkConfig

# Of the backbone without a classifier, for three channels; counted by timm or by the publications' own tables.
PARAMETERS = {
    "efficientnet_b0": 4_007_548,
    "resnet50": 23_508_032,
    "mobilenetv2": 2_223_872,
    "densenet121": 6_953_856,
    # Its thirteen convolutions (14,714,688) and two parameters of batch normalisation a channel (4,224 channels).
    "vgg16": 14_714_688 + 2 * 4_224,
}


def statistics(channels: int) -> dict[str, Any]:
    return {"in_chans": channels, "mean": (0.5,) * channels, "std": (0.25,) * channels}


@pytest.fixture(scope="module", params=sorted(BACKBONES))
def network(request: pytest.FixtureRequest) -> EmotionNetwork:
    torch.manual_seed(0)
    return EmotionNetwork(NetworkConfig(backbone=request.param, input_size=64)).eval()


def test_stages_cover_every_parameter_exactly_once(network: EmotionNetwork) -> None:
    covered = Counter(
        id(parameter)
        for stage in network.spec.stages
        for name in stage
        for parameter in network.backbone.get_submodule(name).parameters()
    )
    assert set(covered) == {id(parameter) for parameter in network.backbone.parameters()}
    assert set(covered.values()) == {1}


def test_stages_run_from_input_to_output(network: EmotionNetwork) -> None:
    order = {name: position for position, name in enumerate(dict(network.backbone.named_modules()))}
    positions = [order[name] for stage in network.spec.stages for name in stage]
    assert positions == sorted(positions)


def test_number_of_parameters_is_the_published_one(network: EmotionNetwork) -> None:
    name = network.config.backbone
    if name not in PARAMETERS:
        pytest.skip("no published number without a classifier")
    assert sum(p.numel() for p in network.backbone.parameters()) == PARAMETERS[name]


def test_cam_layer_gives_the_map_whose_mean_feeds_the_heads(network: EmotionNetwork) -> None:
    seen: dict[str, torch.Tensor] = {}

    def keep(key: str) -> Any:
        return lambda _module, inputs, output: seen.update({key: output.clone() if key == "map" else inputs[0].clone()})

    handles = [
        network.cam_layer.register_forward_hook(keep("map")),
        network.expression.register_forward_hook(keep("expression")),
        network.affect.register_forward_hook(keep("affect")),
    ]
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = network(images)
    for handle in handles:
        handle.remove()
    assert torch.equal(seen["map"], outputs.feature_map)
    assert outputs.feature_map.shape[1] == network.num_features
    pooled = torch.nn.functional.adaptive_avg_pool2d(outputs.feature_map, 1).flatten(1)
    assert torch.allclose(outputs.pooled, pooled, atol=1e-5)
    assert torch.equal(seen["expression"], outputs.pooled)
    assert torch.equal(seen["affect"], outputs.pooled)
    assert outputs.logits.shape == (2, 8)
    assert outputs.affect.shape == (2, 2)


@pytest.mark.parametrize("name", sorted(BACKBONES))
@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_reach_the_outputs(name: str, channels: int) -> None:
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkConfig(backbone=name, input_size=32, **statistics(channels))).eval()
    images = torch.rand(1, channels, 32, 32)
    with torch.no_grad():
        features = network.backbone.forward_features(network.normalise(images))
    assert features.shape[:2] == (1, network.num_features)
    assert torch.isfinite(features).all()


def test_timm_and_own_features_agree() -> None:
    torch.manual_seed(0)
    backbone, width = build_backbone("resnet50")
    torch.manual_seed(0)
    # The package takes seconds to import.
    import timm

    reference = timm.create_model("resnet50", num_classes=0, global_pool="")
    assert width == 2048
    reference.load_state_dict(backbone.state_dict())
    images = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(backbone.eval().forward_features(images), reference.eval()(images))


def test_drop_path_reaches_only_backbones_that_have_it() -> None:
    def rates(name: str) -> list[float]:
        backbone, _ = build_backbone(name, drop_path=0.2)
        return [m.drop_prob for m in backbone.modules() if type(m).__name__ == "DropPath" and m.drop_prob]

    assert max(rates("mobilenetv2")) == pytest.approx(0.2, abs=0.03)
    assert rates("custom_cnn") == []


def test_unknown_backbone_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"There is no backbone 'resnet5O'. Did you mean 'resnet50'\? Known: efficientnet_b0"):
        backbone_spec("resnet5O")
    with pytest.raises(ConfigError, match=r"There is no backbone '###'. Known: "):
        build_backbone("###")


@pytest.mark.parametrize("error", [OSError("Name or service not known."), ValueError("first line\nsecond"), KeyError()])
def test_weights_that_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    calls = []

    def offline(*args: object, **kwargs: object) -> None:
        calls.append((args, kwargs))
        raise error

    monkeypatch.setattr("timm.create_model", offline)
    with pytest.raises(WeightsUnavailableError, match=r"weights of 'vgg16' \(timm model 'vgg16_bn'\) could not be") as caught:
        build_backbone("vgg16", pretrained=True)
    assert len(calls) == 1
    assert calls[0][1]["pretrained"] is True
    message = str(caught.value)
    assert "\n" not in message
    assert ".." not in message
    assert "start from random weights (--init scratch), from another run (--init RUN) or from a file of" in message
    assert caught.value.__cause__ is error


def test_errors_without_pretrained_weights_keep_their_type(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_kwargs: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("timm.create_model", broken)
    with pytest.raises(ZeroDivisionError):
        build_backbone("resnet50")


def test_own_network_has_no_pretrained_weights() -> None:
    with pytest.raises(ConfigError, match="no ImageNet weights for 'custom_cnn'"):
        build_backbone("custom_cnn", pretrained=True)


@pytest.mark.parametrize("name", sorted(BACKBONES))
def test_a_stem_without_stride_sees_a_small_picture_as_a_large_one(name: str) -> None:
    usual = EmotionNetwork(NetworkConfig(backbone=name, input_size=64)).eval()
    fine = EmotionNetwork(NetworkConfig(backbone=name, input_size=64, stem_stride=1)).eval()
    fine.load_state_dict(usual.state_dict())
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        small, large = fine(images).feature_map, usual(torch.nn.functional.interpolate(images, scale_factor=2)).feature_map
    # VGG's first convolution has no stride that could be taken from it.
    assert small.shape[2:] == (2, 2) if name == "vgg16" else large.shape[2:]
    stem = fine.backbone.get_submodule(BACKBONES[name].stem)
    assert isinstance(stem, torch.nn.Conv2d)
    assert stem.stride == (1, 1)
    assert stem.in_channels == 3
