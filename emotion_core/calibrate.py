"""What do a run's probabilities mean, and which faces does it know? Fitted on validation images, stored with the run."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.data.datasets import DATASETS, dataset_spec, load_dataset
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.transforms import decode_table
from emotion_core.errors import ConfigError
from emotion_core.explain.neighbours import features_of
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.calibration import fit_temperature
from emotion_core.metrics.priors import BALANCED, EVERYDAY, class_weights
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.familiarity import describe_faces
from emotion_core.models.inference import infer
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.calibration import Calibration, JudgedFaces, read_calibration, write_calibration
from emotion_core.results.interpretation import Interpretation, interpret, trained_prior, usual_prior
from emotion_core.results.run import Run, read_run, write_info

log = logging.getLogger(__name__)

BENCHMARKS = ("affectnet-3999", "ferplus", "affectnet-96")
"""Of the other datasets that a run is trained on, those whose validation split nobody draws from what it is trained on."""

TRAINING_FACES = 1_500
"""Training faces of a dataset that are looked at: more change the description of what is familiar little."""


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """What one benchmark gives."""

    entry: dict[str, Any]
    faces: JudgedFaces
    training: npt.NDArray[np.float16]
    validation: npt.NDArray[np.float16]


def calibrate(
    run: Run,
    datasets: str | Sequence[str] | None,
    data_root: str | Path | None,
    *,
    split: str = "val",
    device: str = "auto",
    flip: bool = False,
    on_error: OnError = "raise",
) -> Run:
    """Fit what makes a run's probabilities mean what they say, and store it with the run.

    For each benchmark: the temperature, under the prior that the benchmark is judged by; and the logits of its validation
    images, from which the sets and the confidence from which on a verdict stands follow for any prior. For all of them
    together: what the faces of their training splits look like to the network. The run's own dataset is what photos go by;
    without it the first one. Earlier calibrations on other benchmarks stay. Stored evaluations keep the probabilities that they
    were made with: evaluate again afterwards.

    Args:
        run: a run with weights that is trained on expressions.
        datasets: names that :func:`~emotion_core.data.datasets.load_dataset` knows; the run's own by default.
        data_root: where datasets lie.
        split: images to fit on; never those that the run is judged by.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        flip: flip test-time augmentation, the mean over each picture and its mirror image.
        on_error: what to do with broken samples.

    Returns:
        The run with its calibration.

    Raises:
        ConfigError: unknown dataset, the test split, or a run without expressions.
        DataError: a dataset is not there or broken.
        CheckpointError: the run has no usable weights.
    """
    names = [datasets] if isinstance(datasets, str) else list(datasets or own_datasets(run))
    for name in names:
        dataset_spec(name)
    _check(run, split)
    network = load_network(run.info.network, run.weights).to(resolve_device(device)).eval()
    fitted = dict(_fit(run, network, name, data_root, split, flip, on_error) for name in names)
    kept = read_calibration(run)
    own = str(run.info.dataset.get("name", ""))
    faces = {**kept.faces, **{name: each.faces for name, each in fitted.items()}}
    entries = {**run.info.calibration, **{name: each.entry for name, each in fitted.items()}}
    entries = dict(sorted(entries.items(), key=lambda item: item[0] != own))
    training = [each.training for each in fitted.values() if len(each.training)]
    familiarity = kept.familiarity
    if training:
        familiarity = describe_faces(np.concatenate(training), np.concatenate([each.validation for each in fitted.values()]))
    write_calibration(run, Calibration(faces={name: faces[name] for name in entries if name in faces}, familiarity=familiarity))
    first = next(iter(entries.values()))
    write_info(run.path, replace(run.info, temperature=first["temperature"], calibration=entries))
    return read_run(run.path)


def own_datasets(run: Run) -> list[str]:
    """The datasets that a run is trained on and that can calibrate it: its own first, then others with a validation split.

    Raises:
        ConfigError: it names none that is known here.
    """
    sources = (source.get("dataset") for source in run.info.dataset.get("sources", ()))
    named = [run.info.dataset.get("name"), *(name for name in sources if name in BENCHMARKS)]
    known = [str(name) for name in dict.fromkeys(named) if name in DATASETS]
    if not known:
        raise ConfigError(f"'{run.name}' does not say what it is trained on. Name the datasets with --dataset.")
    return known


def _check(run: Run, split: str) -> None:
    if split == "test":
        raise ConfigError("The test split chooses nothing, the temperature neither. Calibrate on the validation split.")
    if split in run.info.training_splits:
        raise ConfigError(
            f"'{run.name}' learnt from the {split} split, so there it is surer than it may be elsewhere. Its temperature stays "
            f"{run.info.temperature:g}."
        )
    if "expression" not in run.info.outputs:
        raise ConfigError(f"'{run.name}' is not trained on expressions, so there is nothing to calibrate.")


def _fit(
    run: Run,
    network: EmotionNetwork,
    name: str,
    data_root: str | Path | None,
    split: str,
    flip: bool,
    on_error: OnError,
) -> tuple[str, _Fitted]:
    """The dataset's name, and what was fitted on it."""
    whole = load_dataset(name, data_root, on_error=on_error)
    table, pixels = decode_table(whole.split(split), run.info.input_size, on_error=on_error)
    log.info("%s: %d validation images", whole.name, len(table))
    outputs = features_of(network, pixels, batch_size=16)
    logits = infer(network, pixels, flip=True)[0] if flip else outputs.logits
    known = table.expression_indices >= 0
    if not known.any():
        raise ConfigError(f"No image of '{table.name}', {split}, has an expression to calibrate on.")
    faces = JudgedFaces(
        logits=logits[known].astype(np.float16), labels=table.expression_indices[known].astype(np.uint8)
    )  # fmt: skip
    prior = usual_prior(whole.name)
    classes = dataset_spec(name).expressions
    entry = {
        "split": split,
        "images": int(known.sum()),
        "fingerprint": table.fingerprint(),
        "flip": flip,
        "prior": prior.name,
        "temperature": best_temperature(run, logits[known], faces.labels, whole.name, classes),
    }
    described = replace(run, info=replace(run.info, calibration={whole.name: entry}))
    own = interpret(described, prior, classes=classes, calibration=Calibration(faces={whole.name: faces}))
    entry["verdicts"] = {each.name: _verdicts(own.under(each)) for each in (BALANCED, EVERYDAY)}
    training = _training_faces(whole)
    trained = np.zeros((0, outputs.pooled.shape[1]), np.float16)
    if training is not None:
        _, seen = decode_table(training, run.info.input_size, on_error="skip")
        log.info("%s: %d training faces", whole.name, len(seen))
        trained = features_of(network, seen, batch_size=16).pooled
    return whole.name, _Fitted(entry=entry, faces=faces, training=trained, validation=outputs.pooled)


def best_temperature(
    run: Run, logits: npt.NDArray[np.floating[Any]], labels: npt.NDArray[Any], dataset: str, classes: Sequence[str]
) -> float:
    """The most likely temperature under the prior that a benchmark is judged by, each image weighed so that they have its mix.

    Args:
        run: whose logits they are.
        logits: of validation images, shape ``(N, 8)``.
        labels: positions in ``EXPRESSIONS``, shape ``(N,)``, all among ``classes``.
        dataset: name of the benchmark.
        classes: the expressions that it decides between.
    """
    columns = np.array([EXPRESSIONS.index(name) for name in classes])
    target = np.searchsorted(columns, labels)
    trained, prior = trained_prior(run.info), usual_prior(dataset)
    if trained is None:
        return round(fit_temperature(logits[:, columns], target), 4)
    columns = columns[trained.array[columns] > 0]
    seen = np.isin(labels, columns)
    target = np.searchsorted(columns, labels[seen])
    offset = np.log(prior.array[columns] / trained.array[columns])
    shares = prior.array[columns] / prior.array[columns].sum()
    return round(fit_temperature(logits[seen][:, columns] + offset, target, class_weights(shares, target)[target]), 4)


def _verdicts(interpretation: Interpretation) -> dict[str, float | None]:
    """What follows for verdicts under one prior, for whoever reads ``run.json``; on the images that it was fitted on."""
    start = interpretation.verdict_from
    return {
        "coverage": interpretation.coverage,
        "accuracy": interpretation.accuracy,
        "from": round(start, 4) if start is not None and np.isfinite(start) else None,
    }


def _training_faces(whole: FaceTable) -> FaceTable | None:
    """Some training faces, drawn at random; ``None`` where the dataset has none."""
    if not (whole.frame["split"] == "train").any():
        return None
    table = whole.split("train")
    chosen = np.zeros(len(table), dtype=bool)
    chosen[np.random.default_rng(0).permutation(len(table))[:TRAINING_FACES]] = True
    return table.where(chosen)
