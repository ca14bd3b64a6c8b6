"""How good is a run on a split? Measures and predictions, stored with the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.ferplus import load_ferplus
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.transforms import decode_table
from emotion_core.errors import ConfigError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.intervals import bootstrap_intervals
from emotion_core.metrics.summary import summarize
from emotion_core.models.checkpoint import load_weights
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import infer
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.run import Run, write_evaluation

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
    where = resolve_device(device)
    network = EmotionNetwork(NetworkConfig.from_dict(run.info.network))
    load_weights(network, run.weights)
    table = DATASETS[dataset](data_root, on_error=on_error).part(split)
    table, pixels = decode_table(table, run.info.input_size, on_error=on_error)
    logits, affect = infer(network.to(where), pixels, flip=flip, progress=progress)
    predictions = prediction_table(table, logits, affect, run)
    metrics = {
        "dataset": dataset,
        "split": split,
        "images": len(table),
        "left_out": len(table.problems),
        "fingerprint": table.fingerprint(),
        "flip": flip,
        "seed": run.info.seed,
        "chosen_by": run.info.selection,
        "measures": _with_intervals(predictions),
    }
    folder = write_evaluation(run.path, dataset, split, metrics, predictions) if store else None
    return Evaluation(metrics=metrics, predictions=predictions, folder=folder)


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


def _with_intervals(predictions: pd.DataFrame) -> dict[str, dict[str, float]]:
    values = summarize(predictions)
    intervals = bootstrap_intervals(predictions)
    return {
        name: {"value": value, "low": intervals[name][0], "high": intervals[name][1]} for name, value in values.items()
    }  # fmt: skip
