"""Can heat maps be believed? Every method judged on the same faces, against maps that know nothing of the network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.explain.exact import resize_maps
from emotion_core.explain.mean_maps import rule_out
from emotion_core.explain.methods import METHODS, explain
from emotion_core.explain.perturbation import (
    PERCENTILES,
    area_under,
    blur,
    perturbation_curves,
    rank_pixels,
    road_scores,
    score_ends,
)
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.intervals import percentile_interval, resample_counts
from emotion_core.models.inference import to_input
from emotion_core.models.network import EmotionNetwork

Array = npt.NDArray[np.float64]

CONTROLS: Mapping[str, str] = MappingProxyType({"random": "Random map", "centre": "Centre of the picture"})
"""Maps that know nothing of the network: a random one as smooth as a heat map, and a bump in the middle, where faces are."""

STEPS = 10
"""Parts in which pixels are inserted and deleted."""

MEASURES = ("score", "insertion", "deletion", "road")
"""What is judged: insertion area minus deletion area, the two areas, and ROAD. Deletion is better lower, the others higher."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One method on ``N`` faces.

    Attributes:
        insertion: shape ``(N, steps + 1)``.
        deletion: shape ``(N, steps + 1)``.
        road: shape ``(N,)``.
    """

    insertion: Array
    deletion: Array
    road: Array

    def measure(self, name: str) -> Array:
        """One of :data:`MEASURES`, shape ``(N,)``."""
        if name == "road":
            return self.road
        if name == "score":
            score: Array = area_under(self.insertion) - area_under(self.deletion)
            return score
        return area_under(self.insertion if name == "insertion" else self.deletion)


def judge_methods(
    network: EmotionNetwork,
    pixels: npt.NDArray[np.uint8],
    predicted: npt.NDArray[np.int64],
    methods: Sequence[str],
    *,
    classes: Sequence[str] = EXPRESSIONS,
    temperature: float = 1.0,
    steps: int = STEPS,
    seed: int = 0,
    batch_size: int = 32,
    progress: Callable[[int], object] | None = None,
) -> dict[str, Judged]:
    """Insertion, deletion and ROAD of the predicted expression's probability.

    Args:
        network: in evaluation mode, trained on expressions.
        pixels: shape ``(N, 1 or 3, S, S)``.
        predicted: position of each face's predicted expression, shape ``(N,)``.
        methods: of :data:`~emotion_core.explain.METHODS` and :data:`CONTROLS`.
        classes: expressions that the network decides between.
        temperature: divides the logits before softmax.
        steps: parts in which pixels are inserted and deleted.
        seed: of random maps, of the order among equal values, and of ROAD's noise.
        batch_size: faces a pass.
        progress: called with the number of faces done, by each method.
    """

    def score(images: torch.Tensor) -> torch.Tensor:
        return torch.softmax(rule_out(network(images).logits, classes) / temperature, dim=1)

    parts: dict[str, list[Judged]] = {name: [] for name in methods}
    generator = torch.Generator().manual_seed(seed)
    for start in range(0, len(pixels), batch_size):
        images = to_input(network, torch.from_numpy(pixels[start : start + batch_size]))
        targets = torch.from_numpy(predicted[start : start + batch_size])
        blurred = blur(images)
        ends = score_ends(score, images, blurred, targets)
        for name in methods:
            ranks = rank_pixels(_maps(network, images, targets, name, generator), generator)
            curves = perturbation_curves(score, images, blurred, targets, ranks, ends, steps=steps)
            road = road_scores(score, images, targets, ranks, seed=seed + start)
            parts[name].append(Judged(insertion=curves.insertion, deletion=curves.deletion, road=road))
            if progress is not None:
                progress(len(images))
    return {name: _join(some) for name, some in parts.items()}


def sum_up(judged: Mapping[str, Judged], *, resamples: int = 2000) -> dict[str, Any]:
    """Means with 95 % bootstrap intervals over faces; each method against the controls and the best, on the same faces.

    A method that was judged on fewer faces than others was judged on the first of them, and is compared on those.

    Args:
        judged: from :func:`judge_methods`; both controls among them.
        resamples: of the bootstrap.

    Returns:
        Plain data: ``fractions``, ``best``, methods that are ``like_best``, and by method ``title``, ``control``, ``images``,
        mean curves, and for each of :data:`MEASURES` its mean and ``against`` other maps, each as ``value``, ``low``, ``high``.
    """
    most = max(len(each.road) for each in judged.values())
    whole = {name: each for name, each in judged.items() if name in METHODS and len(each.road) == most}
    means = {name: float(each.measure("score").mean()) for name, each in whole.items()}
    best = max(means, key=lambda name: means[name]) if means else None
    others = {**{name: judged[name] for name in CONTROLS}, **({best: judged[best]} if best else {})}
    methods = {name: _entry(name, each, others, resamples) for name, each in judged.items()}
    like = [
        name
        for name, entry in methods.items()
        if name in METHODS and best in entry["score"]["against"] and entry["score"]["against"][best]["high"] >= 0
    ]
    return {
        "fractions": _rounded(np.linspace(0, 1, judged["random"].insertion.shape[1])),
        "percentiles": list(PERCENTILES),
        "best": best,
        "like_best": like,
        "methods": methods,
    }


def _entry(name: str, each: Judged, others: Mapping[str, Judged], resamples: int) -> dict[str, Any]:
    counts = resample_counts(len(each.road), resamples)
    entry: dict[str, Any] = {
        "title": METHODS.get(name) or CONTROLS[name],
        "control": name in CONTROLS,
        "images": len(each.road),
        "insertion_curve": _rounded(each.insertion.mean(axis=0)),
        "deletion_curve": _rounded(each.deletion.mean(axis=0)),
    }
    for measure in MEASURES:
        values = each.measure(measure)
        against = {
            key: _interval(values - other.measure(measure)[: len(values)], counts)
            for key, other in others.items()
            if key != name
        }
        entry[measure] = {**_interval(values, counts), "against": against}
    return entry


def stratified_rows(labels: npt.NDArray[np.int64], num: int, seed: int = 0) -> npt.NDArray[np.int64]:
    """Rows of a sample in which all expressions are as frequent as the data allow.

    The first rows of the sample are such a sample too: classes take turns.

    Args:
        labels: positions of expressions, shape ``(N,)``; rows with -1 are left out.
        num: how many rows; all where there are fewer.
        seed: of the draw.
    """
    generator = np.random.default_rng(seed)
    turns = []
    for index in range(len(EXPRESSIONS)):
        rows = generator.permutation(np.flatnonzero(labels == index))
        turns += [(turn, index, int(row)) for turn, row in enumerate(rows)]
    return np.array([row for _, _, row in sorted(turns)[:num]], dtype=np.int64)


def _maps(
    network: EmotionNetwork, images: torch.Tensor, targets: torch.Tensor, name: str, generator: torch.Generator
) -> npt.NDArray[np.float32]:
    size = images.shape[-1]
    if name == "random":
        # As coarse as a feature map, because single pixels of noise would be another kind of damage.
        coarse = max(2, size // 32 + (size % 32 > 0))
        noise = torch.rand(len(images), coarse, coarse, generator=generator)
        random: npt.NDArray[np.float32] = resize_maps(noise, (size, size)).numpy()
        return random
    if name == "centre":
        line = (np.arange(size) - (size - 1) / 2) ** 2
        return np.tile(-(line[:, None] + line[None, :]), (len(images), 1, 1)).astype(np.float32)
    return explain(network, images, [EXPRESSIONS[target] for target in targets], method=name)


def _join(parts: Sequence[Judged]) -> Judged:
    return Judged(
        insertion=np.concatenate([part.insertion for part in parts]),
        deletion=np.concatenate([part.deletion for part in parts]),
        road=np.concatenate([part.road for part in parts]),
    )


def _interval(values: Array, counts: npt.NDArray[np.integer]) -> dict[str, Any]:
    low, high = percentile_interval(counts @ values / len(values))
    return {"value": round(float(values.mean()), 5), "low": round(low, 5), "high": round(high, 5)}


def _rounded(values: Array) -> list[float]:
    return [round(float(value), 5) for value in values]
