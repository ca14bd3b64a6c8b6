"""How good is a run on a split? Measures and predictions, stored with the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from emotion_core.data.audit import leaked_ids
from emotion_core.data.audit_pictures import picture_digest
from emotion_core.data.audit_tables import add_unlabelled
from emotion_core.data.datasets import dataset_spec, load_dataset
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.transforms import decode_table
from emotion_core.errors import ConfigError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.calibration import fit_temperature
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import infer
from emotion_core.results.run import Run, read_run, write_evaluation, write_info
from emotion_core.results.summaries import keep_summary, summarise_predictions
from emotion_core.results.verdicts import corrected_labels, reviewed_out

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

    Where images of the split also stand in the training part of the same dataset, pixel for pixel, ``metrics`` has the
    measures without them too, as ``without_leaked``; with ``verdicts``, also what :func:`reviewed_measures` gives. Where a
    dataset tells fewer than eight expressions apart, the run decides between these alone: its other logits count as minus
    infinity, so that its probabilities sum to 1 over ``classes``.

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
    summary = summarise_predictions(predictions)
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
        "collapse": list(summary.collapse),
        "measures": summary.with_intervals(),
    }
    leaked = _leaked(_as_learnt(whole, run), split, digests) if split != "train" else frozenset()
    if (rest := measures_without(predictions, leaked)) is not None:
        metrics["without_leaked"] = rest
        log.info("%s of the images also stand in the training part, pixel for pixel", f"{rest['left_out']:,}")
    if verdicts is not None:
        metrics |= reviewed_measures(predictions, verdicts)
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


def _as_learnt(whole: FaceTable, run: Run) -> FaceTable:
    """The dataset with the images that this run learnt from as its training part."""
    if "val" not in run.info.taught_by:
        return whole
    return whole.with_split(whole.frame["split"].replace("val", "train").to_numpy())


def _leaked(whole: FaceTable, split: str, digests: Mapping[str, bytes]) -> frozenset[str]:
    """Images with one of ``digests`` that also stand in the training part."""
    everything = add_unlabelled(whole)
    # Any training picture may have been met, also one that has no label by the protocol.
    needed = (everything.frame["split"] == "train") | everything.frame["sample_id"].isin(list(digests))
    return leaked_ids(everything.where(needed), splits=(split,), digests=digests)


def measures_without(predictions: pd.DataFrame, ids: frozenset[str]) -> dict[str, Any] | None:
    """Measures over the images that are left.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        ids: of images to leave out; others than those in ``predictions`` do not count.

    Returns:
        ``images`` that are left, how many were ``left_out``, and their ``measures`` (none when no image is left); ``None`` when
        there is nothing to leave out.
    """
    rest = predictions[~predictions["sample_id"].isin(ids)].reset_index(drop=True)
    if len(rest) == len(predictions):
        return None
    return {
        "images": len(rest),
        "left_out": len(predictions) - len(rest),
        "measures": summarise_predictions(rest).with_intervals() if len(rest) else {},
    }


def reviewed_measures(predictions: pd.DataFrame, verdicts: pd.DataFrame) -> dict[str, Any]:
    """Measures as they would be if the reviewers had their way.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        verdicts: a row a reviewed image with the columns of :func:`~emotion_core.results.verdicts.combine_reviews`.

    Returns:
        ``reviewed``: how many of the images have a review, and in how many no verdict has more than half of the reviewers.
        ``without_reviewed_out``, as :func:`measures_without` gives it, where images have a verdict that excludes them.
        ``with_corrected_labels``, where reviewers agree on another expression: ``images``, how many were ``corrected``, and
        their ``measures``.
    """
    mine = verdicts[verdicts["sample_id"].isin(predictions["sample_id"])]
    found: dict[str, Any] = {"reviewed": {"images": len(mine), "undecided": int(mine["verdict"].isna().sum())}}
    if (rest := measures_without(predictions, reviewed_out(mine))) is not None:
        found["without_reviewed_out"] = rest
    given = predictions["expression"].tolist()
    right = corrected_labels(mine)
    labels = [right.get(sample_id, label) for sample_id, label in zip(predictions["sample_id"], given, strict=True)]
    # Two labels that are both missing are not different ones.
    changed = sum(new != old for new, old in zip(labels, given, strict=True) if isinstance(new, str))
    if changed:
        measures = summarise_predictions(predictions.assign(expression=labels)).with_intervals()
        found["with_corrected_labels"] = {"images": len(predictions), "corrected": changed, "measures": measures}
    return found
