"""How good is a run on a split? Measures and predictions, stored with the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from emotion_core.data.audit_pictures import picture_digest
from emotion_core.data.datasets import dataset_spec, load_dataset
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.transforms import decode_table
from emotion_core.errors import ConfigError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.calibration import fit_temperature
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import infer
from emotion_core.results.measured import leaked_images, measure_predictions
from emotion_core.results.run import Run, read_run, write_evaluation, write_info
from emotion_core.results.summaries import keep_summary

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Result of one evaluation.

    Attributes:
        metrics: what was stored in ``metrics.json``.
        predictions: what was stored in ``predictions.parquet``.
        folder: where both were stored; ``None`` when they were not.
    """

    metrics: dict[str, Any]
    predictions: pd.DataFrame
    folder: Path | None


def evaluate(
    run: Run,
    dataset: str,
    data_root: str | Path | None,
    *,
    split: str = "test",
    device: str = "auto",
    flip: bool = False,
    on_error: OnError = "raise",
    store: bool = True,
    verdicts: pd.DataFrame | None = None,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Measure a run on one split of a dataset.

    ``metrics`` holds what :func:`~emotion_core.results.measured.measure_predictions` gives, beside what the run was measured
    on. Where a dataset tells fewer than eight expressions apart, the run decides between these alone: its other logits count
    as minus infinity, so that its probabilities sum to 1 over ``classes``.

    Args:
        run: a run with weights.
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows.
        data_root: where datasets lie.
        split: ``"train"``, ``"val"`` or ``"test"``.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        flip: average over each picture and its mirror image; half as fast.
        on_error: what to do with broken samples.
        store: whether to write the result into the run folder.
        verdicts: what reviewers say about images of this dataset, from
            :meth:`~emotion_core.results.reviews.ReviewStore.verdicts`.
        progress: called with the number of images done.

    Raises:
        ConfigError: unknown dataset.
        DataError: the dataset is not there or broken.
        CheckpointError: the run has no usable weights.
    """
    classes = dataset_spec(dataset).expressions
    network = load_network(run.info.network, run.weights).to(resolve_device(device))
    whole = load_dataset(dataset, data_root, on_error=on_error)
    table = whole.part(split)
    log.info("%s, %s", split, table.describe())
    digests: dict[str, bytes] = {}

    def note(sample_id: str, image: npt.NDArray[np.uint8]) -> None:
        digests[sample_id] = picture_digest(image)

    table, pixels = decode_table(table, run.info.input_size, on_error=on_error, look=None if split == "train" else note)
    logits, affect = infer(network, pixels, flip=flip, progress=progress)
    predictions = prediction_table(table, logits, affect, run, classes=classes)
    leaked = leaked_images(run, whole, split, digests)
    blocks, summary = measure_predictions(predictions, leaked=leaked, verdicts=verdicts)
    metrics = {
        "dataset": whole.name,
        "split": split,
        "images": len(table),
        "left_out": len(table.problems),
        "fingerprint": table.fingerprint(),
        "num_classes": len(classes),
        "classes": list(classes),
        "flip": flip,
        "temperature": run.info.temperature,
        "seed": run.info.seed,
        "chosen_by": run.info.selection,
        **blocks,
    }
    if "without_leaked" in metrics:
        log.info("%d of the images also stand in the training part, pixel for pixel", metrics["without_leaked"]["left_out"])
    folder = None
    if store:
        folder = write_evaluation(run.path, whole.name, split, metrics, predictions)
        keep_summary(run, folder.name, summary)
    return Evaluation(metrics=metrics, predictions=predictions, folder=folder)


def calibrate(
    run: Run,
    dataset: str,
    data_root: str | Path | None,
    *,
    split: str = "val",
    device: str = "auto",
    on_error: OnError = "raise",
) -> Run:
    """Fit the temperature that makes a run's probabilities mean what they say, and store it in ``run.json``.

    Stored evaluations keep the probabilities that they were made with: evaluate again afterwards.

    Args:
        run: a run with weights that was taught expressions.
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows.
        data_root: where datasets lie.
        split: images to fit on; never those that the run is judged by.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        on_error: what to do with broken samples.

    Returns:
        The run with its temperature.

    Raises:
        ConfigError: unknown dataset, the test split, or a run without expressions.
        DataError: the dataset is not there or broken.
        CheckpointError: the run has no usable weights.
    """
    classes = dataset_spec(dataset).expressions
    if split == "test":
        raise ConfigError("The test split chooses nothing, the temperature neither. Calibrate on the validation split.")
    if split in run.info.taught_by:
        raise ConfigError(
            f"'{run.name}' learnt from the {split} split, so there it is surer than it may be elsewhere. Its temperature stays "
            f"{run.info.temperature:g}."
        )
    if "expression" not in run.info.outputs:
        raise ConfigError(f"'{run.name}' was not taught expressions, so there is nothing to calibrate.")
    network = load_network(run.info.network, run.weights).to(resolve_device(device))
    table = load_dataset(dataset, data_root, on_error=on_error).part(split)
    table, pixels = decode_table(table, run.info.input_size, on_error=on_error)
    logits, _ = infer(network, pixels)
    labels = table.expression_indices
    known = labels >= 0
    if not known.any():
        raise ConfigError(f"No image of '{table.name}', {split}, has an expression to calibrate on.")
    columns = [EXPRESSIONS.index(name) for name in classes]
    temperature = round(fit_temperature(logits[known][:, columns], np.searchsorted(columns, labels[known])), 4)
    write_info(run.path, replace(run.info, temperature=temperature))
    return read_run(run.path)


def prediction_table(
    table: FaceTable,
    logits: npt.NDArray[np.float32],
    affect: npt.NDArray[np.float32],
    run: Run,
    *,
    classes: Sequence[str] = EXPRESSIONS,
) -> pd.DataFrame:
    """Outputs of a network as the columns of ``predictions.parquet``.

    What the run was not taught is missing. Expressions outside of ``classes`` have a probability of 0, the others sum to 1.
    """
    ruled_out = [name not in classes for name in EXPRESSIONS]
    logits = np.where(ruled_out, np.float32(-np.inf), logits)
    probs = torch.softmax(torch.from_numpy(logits) / run.info.temperature, dim=1).numpy()
    affect = np.clip(affect, -1, 1)
    columns: dict[str, Any] = {name: table.frame[name].to_numpy() for name in ("sample_id", "expression", *AFFECT)}
    for index, name in enumerate(EXPRESSIONS):
        columns[f"prob_{name}"] = probs[:, index] if "expression" in run.info.outputs else np.nan
    for index, name in enumerate(AFFECT):
        columns[f"pred_{name}"] = affect[:, index] if "affect" in run.info.outputs else np.nan
    return pd.DataFrame(columns)
