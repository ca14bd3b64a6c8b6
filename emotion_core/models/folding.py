"""A frozen backbone without its batch normalisation: the same features from fewer passes over memory."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class _Features(nn.Module):
    """Makes ``forward_features`` the forward pass, because that is what gets traced."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.backbone.forward_features(images)  # type: ignore[operator]
        return features


class _Tracer(fx.Tracer):
    """Leaves batch normalisation whole, timm's kind too, which torch would look into."""

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, nn.BatchNorm2d) or super().is_leaf_module(m, module_qualified_name)


def fold_batch_norm(backbone: nn.Module) -> nn.Module:
    """A copy for evaluation whose convolutions hold the batch normalisation that follows them.

    In evaluation mode batch normalisation is a fixed scale and shift of every channel, which the convolution before it can do
    as well. What follows something else, as in DenseNet, stays.

    Args:
        backbone: with ``forward_features``; it is not changed.

    Returns:
        A module from images ``(B, C, H, W)`` to the last feature map; equal up to rounding.
    """
    root = _Features(copy.deepcopy(backbone).eval())
    traced = fx.GraphModule(root, _Tracer().trace(root))
    modules = dict(traced.named_modules())
    for node in list(traced.graph.nodes):
        norm: Any = modules.get(str(node.target)) if node.op == "call_module" else None
        before = node.args[0] if isinstance(norm, nn.BatchNorm2d) else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) > 1:
            continue
        convolution: Any = modules[str(before.target)]
        if not isinstance(convolution, nn.Conv2d):
            continue
        _replace(traced, str(before.target), fuse_conv_bn_eval(convolution, norm))
        # timm's kind of batch normalisation has an activation in it.
        _replace(traced, str(node.target), getattr(norm, "act", nn.Identity()))
    return traced.eval().requires_grad_(False)


def _replace(traced: fx.GraphModule, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(traced.get_submodule(parent), last, module)
