"""A frozen backbone in fewer passes over memory: the same features, sooner."""

from __future__ import annotations

import copy
from collections import Counter
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


class _PackedConv2d(nn.Module):
    """A convolution by oneDNN with its weights already in oneDNN's layout, and an activation in the same pass."""

    def __init__(self, convolution: nn.Conv2d, shape: torch.Size, activation: tuple[str, list[float]]) -> None:
        super().__init__()
        self.geometry = (convolution.padding, convolution.stride, convolution.dilation, convolution.groups)
        self.activation = (*activation, "")
        weight = torch.ops.mkldnn._reorder_convolution_weight(convolution.weight.detach(), *self.geometry, list(shape))
        self.register_buffer("weight", weight, persistent=False)
        self.bias = convolution.bias

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = torch.ops.mkldnn._convolution_pointwise(
            images, self.weight, self.bias, *self.geometry, *self.activation
        )
        return output


class _Shapes(fx.Interpreter):
    """Runs a graph and notes what every module gets."""

    def __init__(self, traced: fx.GraphModule) -> None:
        super().__init__(traced)
        self.found: dict[str, torch.Size] = {}

    def call_module(self, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self.found[str(target)] = args[0].shape
        return super().call_module(target, args, kwargs)


def fold_batch_norm(backbone: nn.Module) -> fx.GraphModule:
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


def can_pack(device: torch.device) -> bool:
    """Whether :func:`pack_convolutions` works on this device: on CPUs, with oneDNN."""
    onednn = torch.backends.mkldnn
    return device.type == "cpu" and bool(onednn.is_available() and onednn.enabled)  # type: ignore[no-untyped-call]


@torch.inference_mode()
def pack_convolutions(traced: fx.GraphModule, example: torch.Tensor) -> fx.GraphModule:
    """Let oneDNN do every convolution together with the activation behind it; what inductor does, without a compiler.

    Usually torch brings the weights into oneDNN's layout in every call, and the activation is a pass of its own.

    Args:
        traced: from :func:`fold_batch_norm`, in float32 on a CPU; it is changed.
        example: images ``(B, C, H, W)`` in the batch size that is to come; others work, but slower.

    Returns:
        The same module; its outputs are equal up to rounding.
    """
    shapes = _Shapes(traced)
    shapes.run(example)
    calls = Counter(str(node.target) for node in traced.graph.nodes if node.op == "call_module")
    for node in traced.graph.nodes:
        if calls[str(node.target)] > 1:
            continue
        convolution: Any = traced.get_submodule(node.target) if node.op == "call_module" else None
        # A subclass may do more than a convolution, such as padding by the size of its input.
        if type(convolution) is not nn.Conv2d or isinstance(convolution.padding, str) or convolution.padding_mode != "zeros":
            continue
        target, known = _activation_behind(traced, node)
        if calls[target] > 1:
            # Called elsewhere too: it has to stay.
            known = ("none", [])
        elif target:
            _replace(traced, target, nn.Identity())
        _replace(traced, node.target, _PackedConv2d(convolution, shapes.found[node.target], known))
    return traced


def _activation_behind(traced: fx.GraphModule, node: fx.Node) -> tuple[str, tuple[str, list[float]]]:
    """Name of the activation module that alone takes what a convolution gives, and oneDNN's name and numbers for it."""
    while len(node.users) == 1:
        node = next(iter(node.users))
        module = traced.get_submodule(str(node.target)) if node.op == "call_module" else None
        if isinstance(module, nn.SiLU):
            return str(node.target), ("swish", [])
        if isinstance(module, nn.ReLU6):
            return str(node.target), ("hardtanh", [0.0, 6.0])
        if isinstance(module, nn.ReLU):
            return str(node.target), ("relu", [])
        if not isinstance(module, nn.Identity):
            break
    return "", ("none", [])


def _replace(traced: fx.GraphModule, name: str, module: nn.Module) -> None:
    parent, _, last = name.rpartition(".")
    setattr(traced.get_submodule(parent), last, module)
