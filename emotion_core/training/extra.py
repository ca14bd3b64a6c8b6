"""Further training pictures from another dataset, labelled by its own labels or by what another run says of them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotion_core.data.audit_pictures import picture_digest
from emotion_core.data.cache import decode_cached
from emotion_core.data.datasets import load_dataset
from emotion_core.data.table import FaceTable, OnError
from emotion_core.errors import ConfigError, ImageError
from emotion_core.images import read_image
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.find import find_run
from emotion_core.results.run import Run
from emotion_core.results.summaries import read_predictions
from emotion_core.training.config import Extra

log = logging.getLogger(__name__)


def load_extra(
    extra: Extra,
    whole: FaceTable,
    size: int,
    data_root: str | Path | None,
    *,
    on_error: OnError = "raise",
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[FaceTable, npt.NDArray[np.uint8]]:
    """Training pictures of another dataset with the labels that they teach, decoded.

    A picture that is also a validation or test picture of ``whole``, pixel for pixel, is left out. Expressions that ``whole``
    does not have in training are left out of the labels; what remains sums to 1, and a picture of which nothing remains is
    left out.

    Args:
        extra: which pictures, and who labels them.
        whole: the dataset that they are added to, with all its splits.
        size: side of the decoded pictures, px.
        data_root: where datasets lie.
        on_error: what to do with broken samples.
        cache: folder for decoded pictures.
        progress: called with the number of pictures decoded.

    Returns:
        ``N`` rows with label distributions, and pixels, uint8, shape ``(N, 1 or 3, size, size)``.

    Raises:
        ConfigError: the teacher has not looked at these pictures yet; the message gives the command.
        DataError: the dataset is not there or broken.
        CheckpointError: the teacher's predictions cannot be read.
    """
    table = load_dataset(extra.dataset, data_root, labels="distribution", on_error=on_error).part("train")
    if extra.teacher:
        table = _as_taught(table, extra)
    table = _within(table, whole.part("train").targets.sum(axis=0) > 0)
    table = _unseen(table, whole)
    log.info("extra, %s, labelled by %s", table.describe(), extra.teacher or "its own labels")
    return decode_cached(table, size, folder=cache, on_error=on_error, progress=progress)


def _as_taught(table: FaceTable, extra: Extra) -> FaceTable:
    """The pictures that the teacher has looked at, with what it says of them."""
    run = find_run(extra.teacher)
    key = f"{table.name}-train"
    if key not in run.evaluations:
        raise ConfigError(
            f"'{run.name}' has not looked at the training pictures of '{extra.dataset}', so it cannot label them. First: "
            f"{_how_to_look(run, extra.dataset)}"
        )
    said = read_predictions(run, key).set_index("sample_id")
    table = table.where(table.frame["sample_id"].isin(said.index))
    said = said.loc[table.sample_ids]
    probs = said[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float32)
    affect = {name: said[f"pred_{name}"].to_numpy(dtype=float) for name in AFFECT}
    # A teacher that says nothing of expressions leaves rows of zeros: no label.
    return replace(table, frame=table.frame.assign(**affect), distributions=np.nan_to_num(probs))


def _how_to_look(run: Run, dataset: str) -> str:
    """The commands that make a run look at training pictures; an ensemble looks through its members."""
    members = run.info.parts("members")
    looks = [f"python -m emotion_core evaluate {name} --dataset {dataset} --split train" for name in members or [run.name]]
    again = [f"python -m emotion_core ensemble {' '.join(members)} --out {run.name}"] if members else []
    return "; ".join([*looks, *again])


def _within(table: FaceTable, taught: npt.NDArray[np.bool_]) -> FaceTable:
    """Labels among the expressions that are taught."""
    targets = table.targets
    had = targets.sum(axis=1) > 0
    targets = np.where(taught, targets, 0)
    left = targets.sum(axis=1)
    keep = (left > 0) | (~had & np.isfinite(table.affect).any(axis=1))
    shares = (targets / np.where(left > 0, left, 1)[:, None]).astype(np.float32)
    return replace(table, distributions=shares).where(keep)


def _unseen(table: FaceTable, whole: FaceTable) -> FaceTable:
    """Without the pictures that judge."""
    judging = whole.where((whole.frame["split"] != "train").to_numpy())
    digests = {digest for sample_id in judging.sample_ids if (digest := _digest(judging, sample_id)) is not None}
    new = [_digest(table, sample_id) not in digests for sample_id in table.sample_ids]
    if not all(new):
        log.info("%s of the extra pictures are left out: they also judge", f"{len(new) - sum(new):,}")
    return table.where(new)


def _digest(table: FaceTable, sample_id: str) -> bytes | None:
    """Hash of a picture's pixels; ``None`` for one that cannot be read, which decoding refuses or skips, as was asked."""
    try:
        return picture_digest(read_image(table.read_bytes(sample_id)))
    except (ImageError, OSError):
        return None
