"""The last feature map of somebody's graph, where only pooling and a linear layer lie between it and an output.

Then maps of every output are exact, as :mod:`emotion_core.explain.exact` says: one product of feature map and weights.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import GraphError

Array = npt.NDArray[np.float32]

PASSING = ("Flatten", "Reshape", "Squeeze", "Identity", "Dropout")
"""Operators that leave the pooled features what they are."""


@dataclass(frozen=True, kw_only=True)
class LinearHead:
    """How an output follows from the last feature map: ``scores = weight @ mean(feature_map) + bias``.

    Attributes:
        feature_map: name of the tensor, ``(B, C, h, w)``.
        scores: name of the tensor that the linear layer gives: the output, or what the softmax before it takes.
        weight: shape ``(K, C)``.
        bias: shape ``(K,)``.
    """

    feature_map: str
    scores: str
    weight: Array
    bias: Array


def find_linear_head(model: Any, output: str) -> LinearHead:
    """Follow an output of a graph back to the feature map.

    Args:
        model: an ``onnx.ModelProto`` with its weights.
        output: name of a tensor of shape ``(B, K)``.

    Raises:
        GraphError: something else than pooling and a linear layer lies there; the message names it.
    """
    graph = _Graph(model)
    scores = graph.before(output, "Identity")
    if graph.kind(scores) == "Softmax":
        scores = graph.before(graph.node(scores).input[0], "Identity")
    pooled, weight, bias = graph.linear(scores)
    pooled = graph.before(pooled, *PASSING)
    return LinearHead(
        feature_map=graph.pooling(pooled), scores=scores, weight=weight.astype(np.float32), bias=bias.astype(np.float32)
    )  # fmt: skip


def give_too(model: Any, names: list[str]) -> None:
    """Make tensors of a graph outputs of it, as far as they are none."""
    onnx: Any = importlib.import_module("onnx")
    known = {entry.name for entry in model.graph.output}
    for name in dict.fromkeys(names):
        if name not in known:
            model.graph.output.append(onnx.ValueInfoProto(name=name))


class _Graph:
    """Looks for what makes a tensor."""

    def __init__(self, model: Any) -> None:
        onnx: Any = importlib.import_module("onnx")
        self._array = onnx.numpy_helper.to_array
        self._attribute = onnx.helper.get_attribute_value
        self._makers = {name: node for node in model.graph.node for name in node.output}
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}

    def node(self, name: str) -> Any:
        return self._makers[name]

    def kind(self, name: str) -> str:
        return str(self._makers[name].op_type) if name in self._makers else "the input"

    def attributes(self, name: str) -> Mapping[str, Any]:
        return {entry.name: self._attribute(entry) for entry in self._makers[name].attribute}

    def before(self, name: str, *kinds: str) -> str:
        """The tensor before all operators of some kinds."""
        while name in self._makers and self.kind(name) in kinds:
            name = self._makers[name].input[0]
        return name

    def constant(self, name: str) -> npt.NDArray[Any] | None:
        """The values of a tensor that no image changes."""
        name = self.before(name, "Identity")
        if name in self._weights:
            found: npt.NDArray[Any] = self._array(self._weights[name])
            return found
        if self.kind(name) == "Constant" and "value" in (values := self.attributes(name)):
            found = self._array(values["value"])
            return found
        if self.kind(name) == "Transpose" and (inner := self.constant(self._makers[name].input[0])) is not None:
            return np.transpose(inner, self.attributes(name).get("perm"))
        return None

    def linear(self, name: str) -> tuple[str, Array, Array]:
        """The tensor before a linear layer, its weight ``(K, C)`` and its bias ``(K,)``."""
        bias: npt.NDArray[Any] | None = None
        if self.kind(name) == "Add":
            first, second = self._makers[name].input
            if (bias := self.constant(second)) is None:
                first, second, bias = second, first, self.constant(first)
            name = first
        kind = self.kind(name)
        if kind not in ("MatMul", "Gemm"):
            raise GraphError(f"before the output stands {kind}, not a linear layer")
        node, said = self._makers[name], self.attributes(name)
        weight = self.constant(node.input[1])
        if weight is None or weight.ndim != 2 or said.get("transA"):
            raise GraphError("the weights of the last layer depend on the image")
        if not said.get("transB"):
            weight = weight.T
        weight = weight * said.get("alpha", 1.0)
        if kind == "Gemm" and len(node.input) > 2 and node.input[2]:
            added = self.constant(node.input[2])
            if added is None:
                raise GraphError("the bias of the last layer depends on the image")
            bias = added * said.get("beta", 1.0) + (0 if bias is None else bias)
        return node.input[0], weight, np.broadcast_to(0.0 if bias is None else bias.reshape(-1), (len(weight),))

    def pooling(self, name: str) -> str:
        """The tensor that is averaged over its places."""
        kind = self.kind(name)
        if kind == "GlobalAveragePool":
            return str(self._makers[name].input[0])
        if kind == "ReduceMean":
            node = self._makers[name]
            axes = self.attributes(name).get("axes")
            if axes is None and len(node.input) > 1:
                axes = self.constant(node.input[1])
            if axes is not None and {int(axis) % 4 for axis in np.asarray(axes).ravel()} == {2, 3}:
                return str(node.input[0])
        raise GraphError(f"between the last feature map and the linear layer stands {kind}, not the mean over places alone")
