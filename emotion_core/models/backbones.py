"""The backbones: a table, and one function that builds any row of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, cast

from torch import nn

from emotion_core.errors import ConfigError, WeightsUnavailableError, did_you_mean
from emotion_core.models.custom_cnn import CustomCNN


@dataclass(frozen=True, kw_only=True)
class BackboneSpec:
    """All that differs from one backbone to the next.

    Attributes:
        title: what people call it.
        timm_name: its name in timm; ``None`` for our own.
        stem: the first convolution.
        stages: attribute names of modules that together hold every parameter, input to output; unfrozen in reverse.
        cam_layer: the module whose output is the last feature map, which Grad-CAM reads.
        drop_path: whether it can drop residual branches at random while training.
    """

    title: str
    timm_name: str | None
    stem: str
    stages: tuple[tuple[str, ...], ...]
    cam_layer: str
    drop_path: bool


def _numbered(module: str, ranges: tuple[tuple[int, int], ...]) -> tuple[tuple[str, ...], ...]:
    """Stages of a plain list of layers, each from its first to its last number; layers without parameters do no harm."""
    return tuple(tuple(f"{module}.{i}" for i in range(first, last + 1)) for first, last in ranges)


BACKBONES: Mapping[str, BackboneSpec] = MappingProxyType(
    {
        "efficientnet_b0": BackboneSpec(
            title="EfficientNet-B0",
            timm_name="efficientnet_b0",
            stem="conv_stem",
            stages=(("conv_stem", "bn1"), *((f"blocks.{i}",) for i in range(7)), ("conv_head", "bn2")),
            cam_layer="bn2",
            drop_path=True,
        ),
        "resnet50": BackboneSpec(
            title="ResNet-50",
            timm_name="resnet50",
            stem="conv1",
            stages=(("conv1", "bn1"), ("layer1",), ("layer2",), ("layer3",), ("layer4",)),
            cam_layer="layer4",
            drop_path=True,
        ),
        "mobilenetv2": BackboneSpec(
            title="MobileNetV2",
            timm_name="mobilenetv2_100",
            stem="conv_stem",
            stages=(("conv_stem", "bn1"), *((f"blocks.{i}",) for i in range(7)), ("conv_head", "bn2")),
            cam_layer="bn2",
            drop_path=True,
        ),
        "densenet121": BackboneSpec(
            title="DenseNet-121",
            timm_name="densenet121",
            stem="features.conv0",
            stages=(
                ("features.conv0", "features.norm0"),
                ("features.denseblock1", "features.transition1"),
                ("features.denseblock2", "features.transition2"),
                ("features.denseblock3", "features.transition3"),
                ("features.denseblock4", "features.norm5"),
            ),
            cam_layer="features.norm5",
            drop_path=False,
        ),
        "vgg16": BackboneSpec(
            title="VGG-16",
            # The variant with batch normalisation: without it the network hardly learns from random weights.
            timm_name="vgg16_bn",
            stem="features.0",
            stages=_numbered("features", ((0, 4), (7, 11), (14, 21), (24, 31), (34, 41))),
            cam_layer="features",
            drop_path=False,
        ),
        "custom_cnn": BackboneSpec(
            title="Custom CNN",
            timm_name=None,
            stem="stem.0",
            stages=(("stem",), ("stage1",), ("stage2",), ("stage3",), ("stage4",)),
            cam_layer="stage4",
            drop_path=False,
        ),
    }
)
"""Every backbone by its name in files, commands and pages."""


def backbone_spec(name: str) -> BackboneSpec:
    """Look up a backbone.

    Raises:
        ConfigError: there is none of that name; the message gives the nearest.
    """
    if name in BACKBONES:
        return BACKBONES[name]
    hint = did_you_mean(name, BACKBONES, cutoff=0.3)
    raise ConfigError(f"There is no backbone '{name}'.{hint} Known: {', '.join(BACKBONES)}.")


def build_backbone(
    name: str, *, pretrained: bool = False, in_chans: int = 3, drop_path: float = 0.0, stem_stride: int | None = None
) -> tuple[nn.Module, int]:
    """Build a backbone without pooling and without a classifier.

    Args:
        name: a key of :data:`BACKBONES`.
        pretrained: fetch ImageNet weights through timm's hub code.
        in_chans: channels of the images; timm folds pre-trained stem weights to 1 or 4 channels.
        drop_path: rate of stochastic depth, in [0, 1); ignored by backbones without residual branches.
        stem_stride: of the first convolution; ``None`` for the backbone's own.

    Returns:
        A module with ``forward_features``, ``(B, in_chans, H, W)`` to ``(B, C, h, w)``, and ``C``.

    Raises:
        ConfigError: unknown backbone, or it has no pre-trained weights.
        WeightsUnavailableError: the weights cannot be fetched.
    """
    spec = backbone_spec(name)
    if spec.timm_name is None:
        if pretrained:
            raise ConfigError(f"There are no ImageNet weights for '{name}'. Start from scratch or from a run.")
        custom = CustomCNN(in_chans=in_chans)
        return _with_stem_stride(custom, spec, stem_stride), custom.num_features
    # Slower to import than all else together, and the default network does without it.
    import timm

    extra: dict[str, Any] = {"drop_path_rate": drop_path} if spec.drop_path and drop_path > 0 else {}
    if name == "vgg16" and not pretrained:
        # One hidden unit of 4,096 in the layers that are taken out below: drawing all their weights takes most of the time.
        extra["mlp_ratio"] = 1 / 4096
    try:
        model = timm.create_model(
            spec.timm_name, pretrained=pretrained, num_classes=0, global_pool="", in_chans=in_chans, **extra
        )
    except Exception as error:
        # Hub clients raise half a dozen unrelated types (their own, requests', httpx', OSError) when there is no network.
        if not pretrained:
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
        raise WeightsUnavailableError(
            f"The ImageNet weights of '{name}' (timm model '{spec.timm_name}') could not be fetched from the hub: "
            f"{reason}. Connect to the internet once, or start from random weights (--init scratch), from another run "
            "(--init RUN) or from a file of weights (--init FILE.safetensors)."
        ) from error
    _with_stem_stride(model, spec, stem_stride)
    if name == "vgg16":
        # timm's VGG turns the feature map into 4,096 values with 119 M parameters that global average pooling replaces.
        model.pre_logits = nn.Identity()
        return model, 512
    num_features: Any = model.num_features
    return model, int(num_features)


def _with_stem_stride(backbone: nn.Module, spec: BackboneSpec, stride: int | None) -> nn.Module:
    """The same weights on a finer grid: with stride 1 a picture of 48 px leaves as many places as one of 96 px otherwise."""
    if stride is not None:
        stem = cast(nn.Conv2d, backbone.get_submodule(spec.stem))
        stem.stride = (stride, stride)
    return backbone
