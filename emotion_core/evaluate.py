"""How good is a run on a split? Measures and predictions, stored with the run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.audit import leaked_ids
from emotion_core.data.audit_tables import add_unlabelled
from emotion_core.data.ferplus import load_ferplus
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.transforms import decode_table
from emotion_core.errors import ConfigError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.calibration import fit_temperature
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import infer
from emotion_core.results.run import Run, read_run, write_evaluation, write_info
from emotion_core.results.summaries import Summary, keep_summary, summarise_predictions

log = logging.getLogger(__name__)

DATASETS: dict[str, Callable[..., FaceTable]] = {"affectnet-3999": load_affectnet, "ferplus": load_ferplus}
"""Datasets that a run can be evaluated on, and their loaders."""


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
    data_root: str | Path,
    *,
    split: str = "test",
    device: str = "auto",
    flip: bool = False,
    on_error: OnError = "raise",
    store: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Measure a run on one split of a dataset.

    Where images of the split also stand in the training part of the same dataset, pixel for pixel, ``metrics`` has the
    measures without them too, as ``without_leaked``.

    Args:
        run: a run with weights.
        dataset: a key of :data:`DATASETS`.
        data_root: where datasets lie.
        split: ``"train"``, ``"val"`` or ``"test"``.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        flip: average over each picture and its mirror image; half as fast.
        on_error: what to do with broken samples.
        store: whether to write the result into the run folder.
        progress: called with the number of images done.

    Raises:
        ConfigError: unknown dataset.
        DataError: the dataset is not there or broken.
        CheckpointError: the run has no usable weights.
    """
    if dataset not in DATASETS:
        raise ConfigError(f"There is no dataset '{dataset}'. Known: {', '.join(DATASETS)}.")
    network = load_network(run.info.network, run.weights).to(resolve_device(device))
    whole = DATASETS[dataset](data_root, on_error=on_error)
    table = whole.part(split)
    log.info("%s, %s", split, table.describe())
    table, pixels = decode_table(table, run.info.input_size, on_error=on_error)
    logits, affect = infer(network, pixels, flip=flip, progress=progress)
    predictions = prediction_table(table, logits, affect, run)
    summary = summarise_predictions(predictions)
    metrics = {
        "dataset": dataset,
        "split": split,
        "images": len(table),
        "left_out": len(table.problems),
        "fingerprint": table.fingerprint(),
        "num_classes": len(EXPRESSIONS),
        "flip": flip,
        "temperature": run.info.temperature,
        "seed": run.info.seed,
        "chosen_by": run.info.selection,
        "collapse": list(summary.collapse),
        "measures": _with_intervals(summary),
    }
    # Any training picture may have been met, also one that has no label by the protocol.
    leaked = leaked_ids(add_unlabelled(whole, data_root), splits=(split,)) if split != "train" else frozenset()
    if (rest := without_leaked(predictions, leaked)) is not None:
        metrics["without_leaked"] = rest
        log.info("%s of the images also stand in the training part, pixel for pixel", f"{rest['left_out']:,}")
    folder = None
    if store:
        folder = write_evaluation(run.path, dataset, split, metrics, predictions)
        keep_summary(run, folder.name, summary)
    return Evaluation(metrics=metrics, predictions=predictions, folder=folder)


def calibrate(
    run: Run,
    dataset: str,
    data_root: str | Path,
    *,
    split: str = "val",
    device: str = "auto",
    on_error: OnError = "raise",
) -> Run:
    """Fit the temperature that makes a run's probabilities mean what they say, and store it in ``run.json``.

    Stored evaluations keep the probabilities that they were made with: evaluate again afterwards.

    Args:
        run: a run with weights that was taught expressions.
        dataset: a key of :data:`DATASETS`.
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
    if dataset not in DATASETS:
        raise ConfigError(f"There is no dataset '{dataset}'. Known: {', '.join(DATASETS)}.")
    if split == "test":
        raise ConfigError("The test split chooses nothing, the temperature neither. Calibrate on the validation split.")
    if "expression" not in run.info.outputs:
        raise ConfigError(f"'{run.name}' was not taught expressions, so there is nothing to calibrate.")
    network = load_network(run.info.network, run.weights).to(resolve_device(device))
    table, pixels = decode_table(
        DATASETS[dataset](data_root, on_error=on_error).part(split), run.info.input_size, on_error=on_error
    )
    logits, _ = infer(network, pixels)
    labels = table.expression_indices
    temperature = round(fit_temperature(logits[labels >= 0], labels[labels >= 0]), 4)
    write_info(run.path, replace(run.info, temperature=temperature))
    return read_run(run.path)


def prediction_table(
    table: FaceTable, logits: npt.NDArray[np.float32], affect: npt.NDArray[np.float32], run: Run
) -> pd.DataFrame:
    """Outputs of a network as the columns of ``predictions.parquet``; what the run was not taught is missing."""
    probs = torch.softmax(torch.from_numpy(logits) / run.info.temperature, dim=1).numpy()
    affect = np.clip(affect, -1, 1)
    columns: dict[str, Any] = {name: table.frame[name].to_numpy() for name in ("sample_id", "expression", *AFFECT)}
    for index, name in enumerate(EXPRESSIONS):
        columns[f"prob_{name}"] = probs[:, index] if "expression" in run.info.outputs else np.nan
    for index, name in enumerate(AFFECT):
        columns[f"pred_{name}"] = affect[:, index] if "affect" in run.info.outputs else np.nan
    return pd.DataFrame(columns)


def without_leaked(predictions: pd.DataFrame, leaked: frozenset[str]) -> dict[str, Any] | None:
    """Measures over the images that the training part does not hold.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        leaked: ids of images to leave out; others than those in ``predictions`` do not count.

    Returns:
        ``images`` that are left, how many were ``left_out``, and their ``measures`` (none when no image is left); ``None`` when
        there is nothing to leave out.
    """
    rest = predictions[~predictions["sample_id"].isin(leaked)].reset_index(drop=True)
    if len(rest) == len(predictions):
        return None
    return {
        "images": len(rest),
        "left_out": len(predictions) - len(rest),
        "measures": _with_intervals(summarise_predictions(rest)) if len(rest) else {},
    }


def _with_intervals(summary: Summary) -> dict[str, dict[str, float]]:
    measures = {}
    for name, value in summary.measures.items():
        low, high = summary.interval(name)
        measures[name] = {"value": value, "low": low, "high": high}
    return measures
