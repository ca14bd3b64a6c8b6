"""How good is a run on a split? Measures and predictions, stored with the run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.data.audit_pictures import picture_digest
from emotion_core.data.datasets import dataset_spec, load_dataset
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.transforms import decode_table
from emotion_core.faces import crop_main_face, load_detector
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.columns import expression_columns
from emotion_core.metrics.conformal import prediction_sets
from emotion_core.metrics.intervals import wilson_interval
from emotion_core.metrics.priors import ESTIMATE, Prior
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import infer
from emotion_core.models.runtimes import expect, open_runtime
from emotion_core.results.interpretation import Interpretation, interpret, usual_prior
from emotion_core.results.measured import leaked_images, measure_predictions
from emotion_core.results.run import Run, refuse_other_content, write_evaluation
from emotion_core.results.summaries import keep_summary

Faces = Literal["given", "found"]

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
    runtime: str = "auto",
    flip: bool = False,
    prior: Prior | str | None = None,
    faces: Faces | None = None,
    on_error: OnError = "raise",
    store: bool = True,
    verdicts: Callable[[str], pd.DataFrame] | None = None,
    replace: bool = False,
    reading: Callable[[int], object] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Evaluation:
    """Measure a run on one split of a dataset.

    ``metrics`` holds what :func:`~emotion_core.results.measured.measure_predictions` gives, beside what the run was measured
    on. Where a dataset distinguishes fewer than eight expressions, the run decides between these alone: its other logits count
    as minus infinity, so that its probabilities sum to 1 over ``classes``.

    Args:
        run: a run with weights.
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows.
        data_root: where datasets lie.
        split: ``"train"``, ``"val"`` or ``"test"``.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        runtime: as in :func:`~emotion_core.models.runtimes.open_runtime`.
        flip: flip test-time augmentation, the mean over each picture and its mirror image; half as fast.
        prior: that probabilities are to hold under, as :func:`~emotion_core.metrics.priors.read_prior` gives it; the
            :func:`usual one <emotion_core.results.interpretation.usual_prior>` of the benchmark by default.
        faces: ``"given"`` reads each picture as it is, ``"found"`` looks for the face first and cuts it out as in a photo. By
            default what suits the dataset (:attr:`~emotion_core.data.datasets.DatasetSpec.cut`).
        on_error: what to do with broken samples.
        store: whether to write the result into the run folder.
        verdicts: gives what reviewers say about images of a dataset by its name, as
            :meth:`~emotion_core.results.reviews.ReviewStore.verdicts` does.
        replace: whether the result may take the place of one on other images or labels that has the same name.
        reading: called with 1 after every picture that was decoded.
        progress: called with the number of images done by the network.

    Raises:
        ConfigError: unknown dataset or runtime, or a prior that rules out all of its expressions.
        DataError: the dataset is not there or broken.
        CheckpointError: the run has no usable weights, or an evaluation of this name on other images or labels.
    """
    spec = dataset_spec(dataset)
    classes = spec.expressions
    faces = faces or ("given" if spec.cut else "found")
    network = load_network(run.info.network, run.weights).to(resolve_device(device)).eval()
    computed = open_runtime(network, runtime)
    whole = load_dataset(dataset, data_root, on_error=on_error)
    table = whole.split(split)
    log.info("%s, %s", split, table.describe())
    digests: dict[str, bytes] = {}

    def note(sample_id: str, image: npt.NDArray[np.uint8]) -> None:
        digests[sample_id] = picture_digest(image)

    frame = None if faces == "given" else partial(crop_main_face, detector=load_detector())
    look = None if split == "train" else note
    table, pixels = decode_table(table, run.info.input_size, on_error=on_error, look=look, frame=frame, progress=reading)
    fingerprint = table.fingerprint()
    if store and not replace:
        refuse_other_content(run.path, whole.name, split, fingerprint)
    expect(computed, len(pixels) * (2 if flip else 1))
    logits, affect = infer(network, pixels, flip=flip, forward=computed, progress=progress)
    chosen = usual_prior(whole.name) if prior is None else prior
    interpretation = interpret(run, chosen, benchmark=whole.name, classes=classes)
    if chosen == ESTIMATE:
        interpretation = interpretation.estimated(logits)
    predictions = prediction_table(table, interpretation.probabilities(logits), affect, run)
    leaked = leaked_images(run, whole, split, digests)
    blocks, summary = measure_predictions(predictions, leaked=leaked, verdicts=verdicts(whole.name) if verdicts else None)
    metrics = {
        "dataset": whole.name,
        "split": split,
        "images": len(table),
        "left_out": len(table.problems),
        "fingerprint": fingerprint,
        "num_classes": len(classes),
        "classes": list(classes),
        "flip": flip,
        "runtime": computed.name,
        "temperature": interpretation.temperature,
        "prior": interpretation.prior_dict(),
        "faces": faces,
        "seed": run.info.seed,
        "chosen_by": run.info.selection,
        **blocks,
    }
    if "without_leaked" in metrics:
        log.info("%d of the images also stand in the training split, pixel for pixel", metrics["without_leaked"]["left_out"])
    if (sets := set_measures(predictions, interpretation)) is not None:
        metrics["sets"] = sets
    folder = None
    if store:
        folder = write_evaluation(run.path, whole.name, split, metrics, predictions, replace=replace)
        keep_summary(run, folder.name, summary)
    return Evaluation(metrics=metrics, predictions=predictions, folder=folder)


def prediction_table(
    table: FaceTable, probs: npt.NDArray[np.floating[Any]], affect: npt.NDArray[np.float32], run: Run
) -> pd.DataFrame:
    """Outputs of a run as the columns of ``predictions.parquet``; what it is not trained on is missing.

    Args:
        table: ``N`` images.
        probs: of the expressions, shape ``(N, 8)``.
        affect: valence and arousal as the network gives them, shape ``(N, 2)``.
        run: says which of them count.
    """
    affect = np.clip(affect, -1, 1)
    columns: dict[str, Any] = {name: table.frame[name].to_numpy() for name in ("sample_id", "expression", *AFFECT)}
    for index, name in enumerate(EXPRESSIONS):
        columns[f"prob_{name}"] = probs[:, index].astype(np.float32) if "expression" in run.info.outputs else np.nan
    for index, name in enumerate(AFFECT):
        columns[f"pred_{name}"] = affect[:, index] if "affect" in run.info.outputs else np.nan
    return pd.DataFrame(columns)


def set_measures(predictions: pd.DataFrame, interpretation: Interpretation) -> dict[str, Any] | None:
    """How often the sets hold the truth, and how often a verdict stands and is right, each with a 95 % interval.

    Images count as they are, whatever prior the probabilities hold under.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        interpretation: that they were made with.

    Returns:
        ``asked`` (the coverage that was asked for), ``coverage``, ``mean_size``, ``verdict_from``, ``stands`` (share of
        verdicts that do) and ``accuracy_standing`` (theirs; ``None`` without any); ``None`` without sets or labels.
    """
    columns = expression_columns(predictions)
    if columns is None or interpretation.thresholds is None or interpretation.verdict_from is None:
        return None
    sets, total = prediction_sets(columns.probs, interpretation.thresholds), len(columns.target)
    stands = columns.probs.max(axis=1) >= interpretation.verdict_from
    right = columns.preds == columns.target
    return {
        "asked": interpretation.coverage,
        "coverage": _share(sets[np.arange(total), columns.target]),
        "mean_size": float(sets.sum(axis=1).mean()),
        "verdict_from": interpretation.verdict_from,
        "stands": _share(stands),
        "accuracy_standing": _share(right[stands]) if stands.any() else None,
    }


def _share(hits: npt.NDArray[np.bool_]) -> dict[str, float]:
    value = float(hits.mean())
    low, high = wilson_interval(value, len(hits))
    return {"value": value, "low": low, "high": high}
