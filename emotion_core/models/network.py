"""Backbone, global average pooling, two heads."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol, cast

import torch
from torch import nn

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.models.backbones import backbone_spec, build_backbone
from emotion_core.models.heads import Head


class Outputs(NamedTuple):
    """What one forward pass gives.

    Attributes:
        feature_map: last feature map, shape ``(B, C, h, w)``.
        pooled: its mean over positions, shape ``(B, C)``.
        logits: for the eight expressions, shape ``(B, 8)``.
        affect: valence and arousal as the network gives them, unbounded, shape ``(B, 2)``.
    """

    feature_map: torch.Tensor
    pooled: torch.Tensor
    logits: torch.Tensor
    affect: torch.Tensor


class Forward(Protocol):
    """All that prediction and exact Grad-CAM need of a network; any runtime that offers this can stand in for torch."""

    def __call__(self, images: torch.Tensor) -> Outputs:
        """One forward pass over normalised images ``(B, 3, S, S)``."""
        ...

    def output_gradients(self, pooled: torch.Tensor) -> torch.Tensor:
        """Derivatives of the ten outputs by the pooled features, ``(B, C)`` to ``(B, 10, C)``, ``EXPRESSIONS`` first."""
        ...


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What has to be known to build a network.

    Attributes:
        backbone: a key of :data:`~emotion_core.models.backbones.BACKBONES`.
        input_size: side of the square input, px.
        in_chans: channels of the images.
        hidden: width of a dense layer in each head; ``None`` for linear heads.
        dropout: before the output layers, in [0, 1).
        drop_path: stochastic depth, in [0, 1).
        stem_stride: stride of the first convolution, 1, or ``None`` for the backbone's own. With 1, small pictures keep twice
            as many places in each direction, at four times the cost.
        mean: subtracted from images scaled to [0, 1], one value a channel.
        std: then divided by, one value a channel.
    """

    backbone: str = "efficientnet_b0"
    input_size: int = 112
    in_chans: int = 3
    hidden: int | None = None
    dropout: float = 0.0
    drop_path: float = 0.0
    stem_stride: int | None = None
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)

    def to_dict(self) -> dict[str, Any]:
        """As plain data for ``run.json``."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> NetworkConfig:
        """Read what :meth:`to_dict` wrote.

        Raises:
            TypeError: unknown keys.
        """
        values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
        return cls(**values)


class EmotionNetwork(nn.Module):
    """A backbone with one head for the eight expressions and one for valence and arousal.

    Between the last feature map and the outputs stand only global average pooling and the heads; exact Grad-CAM rests on this.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, config: NetworkConfig, *, pretrained: bool = False) -> None:
        super().__init__()
        self.config = config
        self.spec = backbone_spec(config.backbone)
        self.backbone, self.num_features = build_backbone(
            config.backbone,
            pretrained=pretrained,
            in_chans=config.in_chans,
            drop_path=config.drop_path,
            stem_stride=config.stem_stride,
        )
        self.expression = Head(self.num_features, len(EXPRESSIONS), hidden=config.hidden, dropout=config.dropout)
        self.affect = Head(self.num_features, len(AFFECT), hidden=config.hidden, dropout=config.dropout)
        # Buffers that are not stored: they follow the network from device to device, and run.json holds the numbers.
        self.register_buffer("mean", torch.tensor(config.mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(config.std).view(1, -1, 1, 1), persistent=False)

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Images in [0, 1], shape ``(B, C, S, S)``, to what the backbone was trained on."""
        return (images - self.mean) / self.std

    def forward(self, images: torch.Tensor) -> Outputs:
        """One forward pass over normalised images ``(B, C, S, S)``."""
        feature_map: torch.Tensor = cast(Any, self.backbone).forward_features(images)
        pooled = feature_map.mean(dim=(2, 3))
        return Outputs(feature_map, pooled, self.expression(pooled), self.affect(pooled))

    def output_gradients(self, pooled: torch.Tensor) -> torch.Tensor:
        """Derivatives of the ten outputs by the pooled features, ``(B, C)`` to ``(B, 10, C)``, ``EXPRESSIONS`` first."""
        return torch.cat([self.expression.output_gradients(pooled), self.affect.output_gradients(pooled)], dim=1)

    def output_biases(self, pooled: torch.Tensor) -> torch.Tensor:
        """What the ten outputs are without the pooled features' share, ``(B, C)`` to ``(B, 10)``, ``EXPRESSIONS`` first."""
        return torch.cat([self.expression.biases(pooled), self.affect.biases(pooled)], dim=1)

    @property
    def cam_layer(self) -> nn.Module:
        """The module whose output is the last feature map."""
        return self.backbone.get_submodule(self.spec.cam_layer)
