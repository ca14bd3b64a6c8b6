"""Somebody's network on a benchmark: its predictions, joined with the truth and checked as imported ones are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.data.datasets import dataset_spec, load_dataset
from emotion_core.data.table import FaceTable, OnError, Problem, settle
from emotion_core.errors import ImageError, ResultsError
from emotion_core.faces import crop_main_face, load_detector
from emotion_core.images import read_image
from emotion_core.importing.columns import Columns
from emotion_core.importing.networks.given import rows_are_shares, softmax
from emotion_core.importing.networks.mix import under_prior
from emotion_core.importing.networks.network import OwnNetwork, Said
from emotion_core.importing.outputs import Finding
from emotion_core.importing.prepare import Prepared, prepare
from emotion_core.importing.truth import Truth, find_truth, fingerprint
from emotion_core.labels import AFFECT
from emotion_core.metrics.priors import Prior
from emotion_core.results.interpretation import usual_prior

BATCH = 16
"""Images a pass: few fit a processor's caches best, and memory follows them alone."""
Image = npt.NDArray[np.uint8]


def measure_network(
    network: OwnNetwork,
    dataset: str,
    data_root: str | Path | None,
    *,
    split: str = "test",
    flip: bool = False,
    prior: Prior | str | None = None,
    faces: Literal["given", "found"] | None = None,
    on_error: OnError = "raise",
    affect_range: tuple[float, float] = (-1.0, 1.0),
    progress: Callable[[int], object] | None = None,
) -> Prepared:
    """Let a network read every picture of a split.

    Args:
        network: that is open.
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows.
        data_root: where datasets lie.
        split: of the dataset.
        flip: the mean over each picture and its mirror image.
        prior: that probabilities are to hold under; by default the :func:`usual one
            <emotion_core.results.interpretation.usual_prior>` of the benchmark where it is known which one they hold under,
            else they stay as they are.
        faces: as in :func:`~emotion_core.evaluate.evaluate`.
        on_error: what to do with broken pictures.
        affect_range: of its valence and arousal.
        progress: called with the number of images done.

    Returns:
        What :func:`~emotion_core.importing.store_results` stores.

    Raises:
        ConfigError: the prior cannot be had.
        DataError: the dataset is not there or broken.
        ResultsError: the network answers with what cannot be used.
    """
    spec = dataset_spec(dataset)
    faces = faces or ("given" if spec.cut else "found")
    whole = load_dataset(dataset, data_root, on_error=on_error)
    table = whole.split(split)
    frame = None if faces == "given" else partial(crop_main_face, detector=load_detector())
    problems: list[Problem] = []
    ids: list[str] = []
    scores, affect = [], []
    for names, pictures in _pictures(table, network, frame, problems):
        said = read_mirrored(network, pictures) if flip else network.compute(pictures)
        ids += names
        scores.append(said.scores)
        affect.append(np.full((len(names), 2), np.nan) if said.affect is None else said.affect)
        if progress is not None:
            progress(len(names))
    settle(problems, on_error, table.name)
    if not ids:
        raise ResultsError(f"None of the {len(table):,} pictures of '{table.name}' can be read.")
    said = Said(np.concatenate(scores), np.concatenate(affect))
    chosen = usual_prior(whole.name) if prior is None and network.prior is not None else prior
    answers, columns, words = answers_of(network, said, ids, chosen)
    truth = _truth(whole, table, spec.expressions, data_root)
    share = len(ids) / len(table)
    prepared = prepare(answers, columns, truth, min_share=min(1.0, share), affect_range=affect_range)
    return replace(prepared, findings=(*prepared.findings, Finding(words))) if words else prepared


def answers_of(
    network: OwnNetwork, said: Said, ids: Sequence[str], prior: Prior | str | None = None
) -> tuple[pd.DataFrame, Columns, str]:
    """What a network says as a table of results, what its columns mean, and how its numbers were read.

    Args:
        network: that said it.
        said: of ``N`` images.
        ids: their names.
        prior: that probabilities are to hold under; ``None`` leaves them as they are.

    Raises:
        ConfigError: the prior cannot be had.
    """
    table = pd.DataFrame({"image": list(ids)})
    classes = network.classes
    words = ""
    if classes:
        shares = network.scores == "probabilities" or (not network.scores and rows_are_shares(said.scores))
        if not shares:
            shift = [network.shift[network.outputs.index(name)] for name in classes] if network.shift else ()
            values = softmax(said.scores, network.temperature, shift)
        else:
            values = said.scores
        if not network.scores:
            words = f"Its scores are taken for {'probabilities' if shares else 'logits'}."
        if prior is not None:
            values, moved = under_prior(network, values, prior)
            words = f"{words} {moved}".strip()
        for place, name in enumerate(classes):
            table[f"prob_{name}"] = values[:, place]
    columns = Columns(image="image", scores={name: f"prob_{name}" for name in classes})
    if said.affect is not None:
        known = {name: said.affect[:, place] for place, name in enumerate(AFFECT) if not np.isnan(said.affect[:, place]).all()}
        for name, values in known.items():
            table[f"pred_{name}"] = values
        columns = Columns(image="image", scores=columns.scores, affect={name: f"pred_{name}" for name in known})
    return table, columns, words


def read_mirrored(network: OwnNetwork, pictures: npt.NDArray[np.float32]) -> Said:
    """The mean over images and their mirror images."""
    straight, mirrored = network.compute(pictures), network.compute(network.mirror(pictures))
    affect = None if straight.affect is None or mirrored.affect is None else (straight.affect + mirrored.affect) / 2
    return Said((straight.scores + mirrored.scores) / 2, affect)


def _pictures(
    table: FaceTable, network: OwnNetwork, frame: Callable[[Image], Image] | None, problems: list[Problem]
) -> Iterator[tuple[list[str], npt.NDArray[np.float32]]]:
    """Ids and prepared images, a batch at a time; what cannot be read is noted."""

    def read(sample_id: str) -> npt.NDArray[np.float32] | Problem:
        try:
            image = read_image(table.read_bytes(sample_id))
        except (ImageError, OSError) as error:
            return Problem(path=sample_id, reason=str(error))
        return network.prepare(image if frame is None else frame(image))

    with ThreadPoolExecutor(2) as pool:
        for start in range(0, len(table), BATCH):
            names = list(table.sample_ids[start : start + BATCH])
            done = list(zip(names, pool.map(read, names), strict=True))
            problems += [image for _, image in done if isinstance(image, Problem)]
            good = [(name, image) for name, image in done if not isinstance(image, Problem)]
            if good:
                yield [name for name, _ in good], np.stack([image for _, image in good])


def _truth(whole: FaceTable, table: FaceTable, classes: tuple[str, ...], data_root: str | Path | None) -> Truth:
    """What is true of the images; with what runs on the same ones know of pictures that stand in the training split too."""
    frame = table.frame[["sample_id", "expression", *AFFECT]]
    split = str(table.frame["split"].iloc[0])
    try:
        known = find_truth(f"{whole.name}-{split}", data_root)
        if known.fingerprint() == fingerprint(frame):
            return known
    except ResultsError:
        pass
    return Truth(dataset=whole.name, split=split, frame=frame, classes=classes)
