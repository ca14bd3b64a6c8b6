"""Somebody's ONNX graph as a network that reads faces, with exact maps where its head is linear."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import GraphError, ResultsError
from emotion_core.importing.networks.given import Given, prepared_by, read_preprocess
from emotion_core.importing.networks.network import OwnNetwork, Said
from emotion_core.labels import AFFECT
from emotion_core.models.linear_heads import LinearHead, find_linear_head, give_too
from emotion_core.models.strange_graphs import GraphApart, ImageInput, image_input, read_graph
from emotion_core.texts import listing, shorten

Arrays = Mapping[str, npt.NDArray[Any]]

USUAL = ("logits", "probabilities", "probs", "expression", "expressions", "emotion", "emotions", "scores", "output")
"""Names of the output that counts where several fit, the likeliest first."""
BOTH = ("affect", "va", "valence_arousal")
FITS = 1e-3
"""Largest difference between an output and what follows from feature map and weights, relative to the largest output."""


class OnnxNetwork(OwnNetwork):
    """A graph, its outputs understood.

    Args:
        path: the file.
        given: what is said of it; what ``preprocess.json`` beside it says counts for the rest.

    Raises:
        GraphError: it is no graph that can be computed here.
        ResultsError: something about it has to be said.
    """

    def __init__(self, path: Path, given: Given) -> None:
        model, self.digest = read_graph(path)
        self.name, self.backbone = path.name, "ONNX graph"
        self.num_params = sum(int(np.prod(tensor.dims)) for tensor in model.graph.initializer)
        given = given.or_else(read_preprocess(path.parent))
        self._takes = image_input(model, layout=given.layout)
        self._prepare = prepared_by(
            given,
            size=self._takes.size,
            channels=self._takes.channels,
            name=path.name,
            layout=self._takes.layout,
            dtype=self._takes.dtype,
        )
        self.input_size = self._prepare.size[0]
        # Feature maps are asked for before it is known which output counts: opening a graph twice takes twice as long.
        self._heads, self._no_heads = _linear_heads(model)
        give_too(model, [name for head in self._heads.values() for name in (head.feature_map, head.scores)])
        self._outputs = [entry.name for entry in model.graph.output][: len(self._heads) + len(self._no_heads)]
        self._graph = GraphApart(model.SerializeToString(), path.name)
        try:
            self._understand(given)
        except BaseException:
            self._graph.close()
            raise

    def _understand(self, given: Given) -> None:
        """Which output is what, told by an image of random numbers."""
        every = self._compute(self._sample()[None])
        found = {name: every[name] for name in self._outputs if name in every}
        self._affect = _affect_outputs(found, given)
        self._scores = _expression_output(found, given, self._affect)
        width = found[self._scores].shape[1] if self._scores else 0
        self.set_classes(given, width, self._scores)
        used = [name for name in (self._scores, *self._affect) if name]
        reasons = [self._no_heads[name] for name in used if name in self._no_heads]
        self._heads = {name: head for name, head in self._heads.items() if name in used and self._follows(every, head)}
        if not self._heads:
            self.why_no_maps = (reasons or [f"'{used[0]}' does not follow from its feature map and the last weights"])[0]
        if len({head.feature_map for head in self._heads.values()}) > 1:
            self._heads, self.why_no_maps = {}, "its outputs read from several feature maps"

    def _sample(self) -> npt.NDArray[Any]:
        """One image of random numbers, as the graph takes it."""
        shape = (*self._prepare.size, 3)
        return self._prepare(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))

    @staticmethod
    def _follows(found: Arrays, head: LinearHead) -> bool:
        """Whether an output follows from feature map and weights, as it should."""
        features, scores = found[head.feature_map], found[head.scores]
        if features.ndim != 4 or features.shape[1] != head.weight.shape[1]:
            return False
        by_hand = features.mean(axis=(2, 3)) @ head.weight.T + head.bias
        return bool(np.abs(by_hand - scores).max() <= FITS * max(float(np.abs(scores).max()), 1e-6))

    def prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        return self._prepare(image)

    def mirror(self, images: npt.NDArray[Any]) -> npt.NDArray[Any]:
        return images[:, :, ::-1] if self._takes.layout == "nhwc" else images[..., ::-1]

    def compute(self, images: npt.NDArray[Any]) -> Said:
        found = self._compute(images)
        pairs = [found[name].reshape(len(images), -1) for name in self._affect]
        affect = np.concatenate(pairs, axis=1).astype(np.float64) if pairs else None
        scores = found[self._scores].astype(np.float64) if self._scores else np.zeros((len(images), 0))
        return self.take_apart(scores, affect)

    def _compute(self, images: npt.NDArray[Any]) -> Arrays:
        """All outputs, whatever number of images the graph takes at a time."""
        step = self._takes.batch or len(images)
        parts: list[dict[str, npt.NDArray[Any]]] = []
        for start in range(0, len(images), step):
            some = images[start : start + step]
            filled = np.concatenate([some, np.repeat(some[-1:], step - len(some), axis=0)]) if len(some) < step else some
            found = self._graph.run(np.ascontiguousarray(filled))
            parts.append({name: array[: len(some)] for name, array in found.items() if array.ndim and len(array) == step})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @property
    def has_maps(self) -> bool:
        return bool(self._heads)

    def contributions(self, images: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.float32]]:
        if not self._heads:
            raise ResultsError(f"'{self.name}' gives no exact maps: {self.why_no_maps}.")
        found = self._compute(images)
        maps: dict[str, npt.NDArray[np.float32]] = {}
        for name, head in self._heads.items():
            features = found[head.feature_map].astype(np.float32)
            places = features.shape[2] * features.shape[3]
            signed = np.einsum("kc,bchw->bkhw", head.weight, features) / places
            maps |= dict(zip(self._names(name, len(head.weight)), np.moveaxis(signed, 1, 0), strict=True))
        return {name: values for name, values in maps.items() if name}

    def _names(self, output: str, width: int) -> tuple[str, ...]:
        if output == self._scores:
            return self.outputs
        return AFFECT if width == 2 else (AFFECT[self._affect.index(output)],)

    def close(self) -> None:
        self._graph.close()


def _linear_heads(model: Any) -> tuple[dict[str, LinearHead], dict[str, str]]:
    """For every output of a graph how it follows from a feature map, or why it does not."""
    heads: dict[str, LinearHead] = {}
    reasons: dict[str, str] = {}
    for entry in model.graph.output:
        try:
            heads[entry.name] = find_linear_head(model, entry.name)
        except GraphError as error:
            reasons[entry.name] = str(error)
    return heads, reasons


def _affect_outputs(found: Arrays, given: Given) -> tuple[str, ...]:
    """Outputs with valence and arousal: one of two columns, two of one, or none."""
    by_name = {re.sub(r"\W+", "_", name.lower()): name for name in found}
    if given.affect:
        names = given.affect
    elif all(axis in by_name for axis in AFFECT):
        names = tuple(by_name[axis] for axis in AFFECT)
    else:
        names = tuple(by_name[name] for name in BOTH if name in by_name)[:1]
    for name in names:
        if name not in found:
            raise ResultsError(f"The graph has no output '{shorten(name, 40)}'. It has {_listed(found)}.")
        if found[name].size != 2 / len(names):
            raise ResultsError(f"The output '{shorten(name, 40)}' does not hold valence and arousal: {_listed(found)}.")
    return names


def _expression_output(found: Arrays, given: Given, affect: tuple[str, ...]) -> str:
    rows = {name: array for name, array in found.items() if array.ndim == 2 and name not in affect}
    if given.output:
        if given.output not in rows:
            raise ResultsError(f"The graph has no output '{shorten(given.output, 40)}' with a row an image: {_listed(found)}.")
        return given.output
    fitting = [name for name in rows if 2 <= rows[name].shape[1] <= 64]
    if given.classes:
        fitting = [name for name in fitting if rows[name].shape[1] == len(given.classes)]
    named = [name for word in USUAL for name in fitting if name.lower() == word]
    if len(fitting) == 1 or named:
        return (named or fitting)[0]
    if not fitting and affect:
        return ""
    asked = f"{len(given.classes)} classes" if given.classes else "the expressions"
    raise ResultsError(f"Which output holds {asked}? Say it with --output NAME. The graph gives {_listed(found)}.")


def _listed(found: Arrays) -> str:
    shapes = [f"'{shorten(name, 30)}' ({' × '.join(map(str, array.shape))})" for name, array in list(found.items())[:8]]
    return listing(shapes) or "nothing"


__all__ = ["ImageInput", "OnnxNetwork"]
