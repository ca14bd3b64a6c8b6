"""Explain a run on a whole split: where it looks, and whether its heat maps can be believed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from emotion_core.data.datasets import dataset_spec, load_dataset
from emotion_core.data.table import OnError
from emotion_core.data.transforms import decode_table
from emotion_core.errors import ConfigError
from emotion_core.explain.faithfulness import CONTROLS, Judged, judge_methods, stratified_rows, sum_up
from emotion_core.explain.mean_maps import mean_maps
from emotion_core.explain.methods import METHODS
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.network import EmotionNetwork
from emotion_core.models.runtimes import expect, open_runtime
from emotion_core.results.explanations import Explanations, evaluation_folder, read_explanations, write_explanations
from emotion_core.results.run import Run

NUM_IMAGES = 200
"""Faces on which methods are judged; an interval is then a few hundredths wide."""

FEWER: Mapping[str, int] = MappingProxyType({"scorecam": 16})
"""Methods that are judged on fewer faces: Score-CAM takes a pass for each of a thousand channels."""


def explain_split(
    run: Run,
    dataset: str,
    data_root: str | Path | None,
    *,
    split: str = "test",
    num_images: int = NUM_IMAGES,
    methods: Sequence[str] = tuple(METHODS),
    device: str = "auto",
    runtime: str = "auto",
    seed: int = 0,
    on_error: OnError = "raise",
    progress: Callable[[str, int, int], object] | None = None,
) -> Explanations:
    """Mean heat maps over the split, and every method judged on a sample of it; stored with the run.

    Args:
        run: with weights, trained on expressions, and evaluated on this split.
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows.
        data_root: where datasets lie; ``None`` will do for one that needs none.
        split: ``"train"``, ``"val"`` or ``"test"``.
        num_images: size of the sample that methods are judged on, in which expressions are equally frequent; at least 8.
        methods: keys of :data:`~emotion_core.explain.METHODS`.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        runtime: of the mean maps, as in :func:`~emotion_core.models.runtimes.open_runtime`; methods are judged by torch, whose
            gradients they need.
        seed: of the sample and of random maps.
        on_error: what to do with broken samples.
        progress: called with what is being done, how many images of it are done now, and how many there are in all.

    Raises:
        ConfigError: unknown dataset or method, too few images, or a run without expressions.
        DataError: the dataset is not there or broken.
        CheckpointError: the run has no usable weights, or was not evaluated on this split.
    """
    _check(run, methods, num_images)
    network = load_network(run.info.network, run.weights).to(resolve_device(device)).eval()
    computed = open_runtime(network, runtime)
    table = load_dataset(dataset, data_root, on_error=on_error).split(split)
    # A missing evaluation is found here, before the heat maps are computed, which takes long.
    evaluation_folder(run, table.name, split)
    table, pixels = decode_table(table, run.info.input_size, on_error=on_error)

    def tell(what: str, total: int) -> Callable[[int], object] | None:
        return None if progress is None else lambda done: progress(what, done, total)

    labels = table.expression_indices
    classes = dataset_spec(dataset).expressions
    expect(computed, len(pixels))
    maps, predicted = mean_maps(
        network,
        pixels,
        labels,
        classes=classes,
        affect="affect" in run.info.outputs,
        forward=computed,
        progress=tell("mean maps", len(pixels)),
    )
    started = time.perf_counter()
    rows = stratified_rows(labels, num_images, seed)
    judged = _judge(network, pixels, predicted, rows, methods, classes, run.info.temperature, seed, tell)
    faithfulness = {
        **sum_up(judged),
        "images": len(rows),
        "of": int((labels >= 0).sum()),
        "seed": seed,
        "runtime": computed.name,
        "seconds": round(time.perf_counter() - started, 1),
    }
    folder = write_explanations(run, table.name, split, table.fingerprint(), maps, faithfulness)
    stored = read_explanations(run, folder.name)
    assert stored is not None  # noqa: S101 - it was written a line above
    return stored


def _judge(
    network: EmotionNetwork,
    pixels: npt.NDArray[np.uint8],
    predicted: npt.NDArray[np.int64],
    rows: npt.NDArray[np.int64],
    methods: Sequence[str],
    classes: Sequence[str],
    temperature: float,
    seed: int,
    tell: Callable[[str, int], Callable[[int], object] | None],
) -> dict[str, Judged]:
    """Every method on the sample, the controls too; methods of :data:`FEWER` on its first faces alone."""
    sizes = {name: min(FEWER.get(name, len(rows)), len(rows)) for name in methods}
    judged: dict[str, Judged] = {}
    for size in sorted({*sizes.values(), len(rows)}):
        names = [name for name in methods if sizes[name] == size] + (list(CONTROLS) if size == len(rows) else [])
        judged |= judge_methods(
            network,
            pixels[rows[:size]],
            predicted[rows[:size]],
            names,
            classes=classes,
            temperature=temperature,
            seed=seed,
            progress=tell(", ".join(names), size * len(names)),
        )
    return {name: judged[name] for name in (*methods, *CONTROLS)}


def _check(run: Run, methods: Sequence[str], num_images: int) -> None:
    if "expression" not in run.info.outputs:
        raise ConfigError(f"'{run.name}' is not trained on expressions, so there is no predicted one to explain.")
    for name in methods:
        if name not in METHODS:
            raise ConfigError(f"There is no CAM method '{name}'. Known: {', '.join(METHODS)}.")
    if num_images < 8:
        raise ConfigError(f"Methods are judged on at least 8 images, one an expression, not on {num_images}.")
