"""A small residual network of our own, for inputs of 48 to 128 px."""

from __future__ import annotations

import torch
from torch import nn


class _Residual(nn.Module):
    """Two 3 × 3 convolutions with batch normalisation, and a shortcut that adapts when shape changes."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.act(self.body(x) + self.shortcut(x))
        return out


class CustomCNN(nn.Module):
    """Stem and four residual stages of 32, 64, 128 and 256 channels; stride 16 in all.

    Shapes: images ``(B, in_chans, H, W)`` to a feature map ``(B, 256, H / 16, W / 16)``.
    """

    def __init__(self, in_chans: int = 3) -> None:
        super().__init__()
        self.num_features = 256
        self.stem = nn.Sequential(nn.Conv2d(in_chans, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
        self.stage1 = _Residual(32, 32, 1)
        self.stage2 = _Residual(32, 64, 2)
        self.stage3 = _Residual(64, 128, 2)
        self.stage4 = nn.Sequential(_Residual(128, 256, 2), _Residual(256, 256, 1))

    def forward_features(self, x: torch.Tensor) -> torch.Tensor:
        """Last feature map of a batch of images."""
        out: torch.Tensor = self.stage4(self.stage3(self.stage2(self.stage1(self.stem(x)))))
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The same as :meth:`forward_features`: pooling and heads live outside."""
        return self.forward_features(x)
