"""What is known of a run's explanations on one split: mean heat maps, and whether heat maps can be believed.

Two files beside the predictions: ``explanations.npz`` with means over many faces, in which no single face can be recognised,
and ``faithfulness.json``. Both name the weights that they were made with, and count for no others.
"""

from __future__ import annotations

import functools
import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import CheckpointError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.checked import open_arrays, parse_json, read_json
from emotion_core.results.files import DAMAGED_ARCHIVE, strict_json, write_bytes, write_text
from emotion_core.results.run import Run
from emotion_core.texts import signed

VERSION = 1
MAPS, FAITHFULNESS = "explanations.npz", "faithfulness.json"
LARGEST = 56
"""Side of a kept map, at most, px."""


@dataclass(frozen=True, kw_only=True)
class MeanMaps:
    """Mean Grad-CAM over the images of a split, each image's map in [0, 1], at the feature map's resolution.

    Attributes:
        expression: by true expression, by wrong (0) or right (1), and by the output that is explained: the predicted
            expression (0) or the true one (1); shape ``(8, 2, 2, h, w)``, 0 where there is no such image.
        counts: images by true expression, and by wrong or right, shape ``(8, 2)``.
        affect: of valence and arousal over all images, shape ``(2, h, w)``; ``(0, h, w)`` where it is not trained on them.
        num_images: ``N`` of ``affect``; those without an expression are among them.
    """

    expression: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int64]
    affect: npt.NDArray[np.float32]
    num_images: int


@dataclass(frozen=True, kw_only=True)
class Explanations:
    """What is stored for one evaluation.

    Attributes:
        about: ``dataset``, ``split``, ``fingerprint`` of the images, and ``weights``, the digest of the network's file.
        maps: mean maps.
        faithfulness: content of ``faithfulness.json``.
    """

    about: dict[str, Any]
    maps: MeanMaps
    faithfulness: dict[str, Any]


def write_explanations(
    run: Run, dataset: str, split: str, fingerprint: str, maps: MeanMaps, faithfulness: Mapping[str, Any]
) -> Path:
    """Store explanations beside an evaluation.

    Args:
        run: with the weights that were explained.
        dataset: name of the dataset.
        split: name of the split.
        fingerprint: of the images.
        maps: mean maps.
        faithfulness: plain data; NaN becomes ``null``.

    Returns:
        The folder that was written.

    Raises:
        CheckpointError: the run has no such evaluation, or the maps are larger than 56 px.
    """
    folder = evaluation_folder(run, dataset, split)
    if max(maps.expression.shape[-2:]) > LARGEST:
        raise CheckpointError(f"Mean maps are kept at {LARGEST} px at most, not {maps.expression.shape[-2:]}. Resize them.")
    about = {"version": VERSION, "dataset": dataset, "split": split, "fingerprint": fingerprint, "weights": weights_digest(run),
             "num_images": maps.num_images}  # fmt: skip
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        about=np.array(strict_json(about)),
        expression=maps.expression.astype(np.float16),
        counts=maps.counts.astype(np.int32),
        affect=maps.affect.astype(np.float16),
    )
    text = strict_json({**about, **faithfulness}, indent=1, ensure_ascii=False) + "\n"
    write_bytes(folder / MAPS, stream.getvalue())
    write_text(folder / FAITHFULNESS, text)
    return folder


def evaluation_folder(run: Run, dataset: str, split: str) -> Path:
    """Where explanations of an evaluation are kept.

    Raises:
        CheckpointError: the run has no such evaluation.
    """
    stored = run.evaluation(f"{dataset}-{split}")
    if not stored.exists:
        raise CheckpointError(
            f"'{run.name}' has not been evaluated on the {split} split of '{dataset}'. Run "
            f"'python -m emotion_core evaluate {run.name} --dataset {dataset} --split {split}' first."
        )
    return stored.folder


def read_explanations(run: Run, evaluation: str) -> Explanations | None:
    """Stored explanations of one evaluation.

    Args:
        run: which run.
        evaluation: ``<dataset>-<split>``.

    Returns:
        ``None`` when there are none, or they were made with other weights or by another version of the program.

    Raises:
        CheckpointError: they are damaged.
    """
    folder = run.evaluation(evaluation).folder
    if not ((folder / MAPS).is_file() and (folder / FAITHFULNESS).is_file()):
        return None
    try:
        faithfulness = read_json(folder / FAITHFULNESS)
        with open_arrays(folder / MAPS) as file:
            about = parse_json(str(file["about"]))
            if about["version"] != VERSION or any(faithfulness[key] != about[key] for key in ("version", "weights")):
                return None
            maps = MeanMaps(
                expression=file["expression"].astype(np.float32),
                counts=file["counts"].astype(np.int64),
                affect=file["affect"].astype(np.float32),
                num_images=int(about["num_images"]),
            )
        _check(maps, faithfulness)
    except DAMAGED_ARCHIVE as error:
        raise CheckpointError(f"The explanations in '{folder}' cannot be read ({error}). Explain the run again.") from error
    if run.has_weights and about["weights"] != weights_digest(run):
        return None
    return Explanations(about=about, maps=maps, faithfulness=faithfulness)


def findings(faithfulness: Mapping[str, Any]) -> tuple[str, ...]:
    """What follows from ``faithfulness.json``, in sentences.

    Example:
        >>> findings({"best": None, "methods": {}})
        ('No method was judged.',)
    """
    methods, best = faithfulness["methods"], faithfulness["best"]
    if best is None:
        return ("No method was judged.",)
    title = methods[best]["title"]
    like = [methods[name]["title"] for name in faithfulness["like_best"]]
    first = f"{title} explains this run best"
    if like:
        first += f", but {_listed(like)} {'is' if len(like) == 1 else 'are'} not significantly different"
    sentences = [f"{first}."]
    against = methods[best]["score"]["against"]
    words = {
        "random": ("a random map", "so it shows something of what the network relies on"),
        "centre": ("the centre of the picture", "so it knows more than where faces are"),
    }
    for control, (what, so) in words.items():
        found = against[control]
        shown = f"{signed(found['value'])} [{signed(found['low'])}, {signed(found['high'])}]"
        if found["low"] > 0:
            sentences.append(f"It beats {what} ({shown}), {so}.")
        elif found["high"] < 0:
            sentences.append(f"{what.capitalize()} beats it ({shown}) and knows nothing: do not take an overlay at its word.")
        else:
            sentences.append(f"It is not significantly different from {what} ({shown}): take overlays with care.")
    return tuple(sentences)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def weights_digest(run: Run) -> str:
    """Names a run's weights by their content.

    Raises:
        CheckpointError: there are none.
    """
    try:
        status = run.weights.stat()
        return _digest(run.weights, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise CheckpointError(f"'{run.weights}' cannot be read ({error.strerror}). Restore it.") from error


# Weights are megabytes; size and time of the file spare hashing them for every visitor.
@functools.lru_cache(maxsize=64)
def _digest(path: Path, _modified: int, _size: int) -> str:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()


def _check(maps: MeanMaps, faithfulness: dict[str, Any]) -> None:
    size = maps.expression.shape[-2:]
    if maps.expression.shape != (len(EXPRESSIONS), 2, 2, *size) or maps.counts.shape != (len(EXPRESSIONS), 2):
        raise ValueError(f"maps of shape {maps.expression.shape} with counts of shape {maps.counts.shape}")
    if maps.affect.shape not in ((len(AFFECT), *size), (0, *size)):
        raise ValueError(f"maps of valence and arousal of shape {maps.affect.shape}")
    if not all(isinstance(faithfulness[key], kind) for key, kind in (("methods", dict), ("fractions", list))):
        raise TypeError("faithfulness without methods or fractions")
