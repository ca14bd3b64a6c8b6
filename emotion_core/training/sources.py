"""The datasets that a network learns from: which pictures, whose labels, and what is left out because it judges."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotion_core.data.cache import decode_cached
from emotion_core.data.datasets import DATASETS, dataset_spec, load_dataset
from emotion_core.data.source import find_source
from emotion_core.data.table import FaceTable, OnError
from emotion_core.data.twins import near_twins, thumbnails
from emotion_core.errors import ConfigError, DataError
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.find import find_run
from emotion_core.results.run import Run
from emotion_core.results.summaries import read_predictions
from emotion_core.training.config import TrainingSource

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SourceData:
    """The pictures and labels of one source.

    Attributes:
        table: ``N`` rows with the labels that are learned.
        pixels: uint8, shape ``(N, 1 or 3, S, S)``.
        left_out: pictures that judge, or contradict another source.
    """

    table: FaceTable
    pixels: npt.NDArray[np.uint8]
    left_out: int = 0

    def where(self, keep: npt.NDArray[np.bool_]) -> SourceData:
        """Some of the pictures; the others count as left out."""
        left_out = self.left_out + int((~keep).sum())
        return self if keep.all() else SourceData(table=self.table.where(keep), pixels=self.pixels[keep], left_out=left_out)


def load_source(
    source: TrainingSource,
    table: FaceTable,
    size: int,
    *,
    judging: Sequence[npt.NDArray[np.uint8]] = (),
    on_error: OnError = "raise",
    cache: Path | None = None,
    progress: Callable[[int], object] | None = None,
) -> SourceData:
    """Training pictures of a source with the labels that it promises, decoded.

    Args:
        source: who labels them.
        table: the pictures.
        size: side of the decoded pictures, px.
        judging: from :func:`judging_thumbnails`; what shows the same photograph as any of them is left out.
        on_error: what to do with broken samples.
        cache: folder for decoded pictures.
        progress: called with the number of pictures decoded.

    Raises:
        ConfigError: the dataset lacks the promised labels, or the teacher has no predictions for these pictures; the
            message gives the command.
        DataError: a picture is broken.
        CheckpointError: the teacher's predictions cannot be read.
    """
    table = label(table, source)
    apart = ~near_twins(table, judging) if judging else np.ones(len(table), dtype=bool)
    left_out = int((~apart).sum())
    twins = f"; {left_out:,} left out that also judge" if left_out else ""
    table = table.where(apart)
    log.info("%s, labels: %s%s", table.describe(), _whose(source), twins)
    table, pixels = decode_cached(table, size, folder=cache, on_error=on_error, progress=progress)
    return SourceData(table=table, pixels=pixels, left_out=left_out)


def label(table: FaceTable, source: TrainingSource) -> FaceTable:
    """The labels that a source promises; pictures without any are left out.

    Raises:
        ConfigError: the dataset has no labels of this kind.
    """
    votes, affect = table.distributions is not None, bool(np.isfinite(table.affect).any())
    promised = {"votes": votes, "affect": affect}
    if not promised.get(source.labels, True):
        has = ", ".join(kind for kind, there in {"votes": votes, "expression": True, "affect": affect}.items() if there)
        raise ConfigError(f"data.{source.dataset}.labels = '{source.labels}', which this dataset does not have. It has: {has}.")
    if source.labels in ("votes", "expression"):
        table = replace(table, frame=table.frame.assign(**dict.fromkeys(AFFECT, np.nan)))
    if source.labels == "expression":
        table = replace(table, distributions=None)
    elif source.labels == "affect":
        table = replace(table, distributions=np.zeros((len(table), len(EXPRESSIONS)), dtype=np.float32))
    if source.teacher:
        table = _as_predicted(table, source)
    known = (table.targets.sum(axis=1) > 0) | np.isfinite(table.affect).any(axis=1)
    if not known.any():
        raise ConfigError(f"data.{source.dataset}: no training image has a label of the kind '{source.labels}'.")
    return table.where(known)


def load_tables(sources: Sequence[TrainingSource], data_root: str | Path | None, *, on_error: OnError) -> list[FaceTable]:
    """The datasets of a training, all splits of each.

    Raises:
        ConfigError: a source only measures.
        DataError: a dataset is not there or broken.
    """
    for source in sources:
        # For a single dataset, the loader's own message is clearer.
        if len(sources) > 1 and dataset_spec(source.dataset).measures_only:
            raise ConfigError(f"data.{source.dataset}: this dataset only measures. Leave it out of [[data]].")
    return [load_dataset(source.dataset, data_root, labels="distribution", on_error=on_error) for source in sources]


def judging_thumbnails(
    tables: Sequence[FaceTable], learnt: Sequence[str], data_root: str | Path | None, *, on_error: OnError
) -> list[npt.NDArray[np.uint8]]:
    """Every picture that validates or tests a training: its sources' own, and those of the sets that only measure.

    Args:
        tables: the datasets to train on; the one that judges first.
        learnt: splits of the first that are trained on; of the others it is ``"train"`` alone.
        data_root: where datasets lie; sets that only measure count where they are there.
        on_error: what to do with broken samples.

    Returns:
        Thumbnails of each dataset, as :func:`~emotion_core.data.twins.thumbnails` makes them.
    """
    judging = [
        table.where(~table.frame["split"].isin(learnt if number == 0 else ["train"])) for number, table in enumerate(tables)
    ]
    if data_root is not None:
        names = [name for name, spec in DATASETS.items() if spec.measures_only and find_source(name, data_root) is not None]
        measuring = [load_dataset(name, data_root, on_error=on_error) for name in names]
        judging += [table.where(table.frame["split"] != "train") for table in measuring]
    return [thumbnails(table) for table in judging if len(table)]


def agreeing(sources: list[SourceData], on_error: OnError) -> list[SourceData]:
    """The sources, if no picture stands in two of them with different expressions.

    Args:
        sources: decoded pictures of the same size.
        on_error: ``"skip"`` leaves out every such picture in all of them.

    Raises:
        DataError: there are such pictures and ``on_error`` is ``"raise"``.
    """
    if len(sources) < 2:
        return sources
    seen: dict[bytes, tuple[int, str, int]] = {}
    twice: dict[bytes, str] = {}
    digests = [digests_of(data.pixels) for data in sources]
    for number, (data, found) in enumerate(zip(sources, digests, strict=True)):
        targets, ids = data.table.targets, data.table.sample_ids
        for row in np.flatnonzero(targets.sum(axis=1) > 0):
            name, expression = f"{data.table.name}/{ids[row]}", int(targets[row].argmax())
            other, other_name, other_expression = seen.setdefault(found[row], (number, name, expression))
            if other != number and other_expression != expression:
                twice[found[row]] = f"{other_name} is {EXPRESSIONS[other_expression]}, {name} is {EXPRESSIONS[expression]}"
    if twice and on_error == "raise":
        shown = "; ".join(list(twice.values())[:3])
        raise DataError(
            f"{len(twice):,} pictures stand in two sources with different expressions: {shown}. Mend one of the datasets, or "
            "leave them out with --skip-broken."
        )
    kept = []
    for data, found in zip(sources, digests, strict=True):
        keep = np.array([digest not in twice for digest in found], dtype=bool)
        if not keep.all():
            log.warning("%s: left out %s pictures that another source labels otherwise", data.table.name, f"{(~keep).sum():,}")
        kept.append(data.where(keep))
    return kept


def digests_of(pixels: npt.NDArray[np.uint8]) -> list[bytes]:
    """A hash of every picture; grey ones agree with coloured ones of equal channels."""
    return [_digest(picture) for picture in pixels]


def _digest(picture: npt.NDArray[np.uint8]) -> bytes:
    grey = len(picture) == 1 or bool((picture[0] == picture[1]).all() and (picture[0] == picture[2]).all())
    return hashlib.blake2b((picture[0] if grey else picture).tobytes(), digest_size=16).digest()


def _whose(source: TrainingSource) -> str:
    return source.labels if not source.teacher else f"{source.labels}, teacher {source.teacher}"


def _as_predicted(table: FaceTable, source: TrainingSource) -> FaceTable:
    """The pictures for which the teacher has predictions, with these where the source has no label of its own."""
    run = find_run(source.teacher)
    key = f"{table.name}-train"
    if not run.evaluation(key).exists:
        raise ConfigError(
            f"'{run.name}' has no predictions for the training images of '{source.dataset}', so it cannot label them. First: "
            f"{_how_to_look(run, source.dataset)}"
        )
    predicted = read_predictions(run, key).set_index("sample_id")
    table = table.where(table.frame["sample_id"].isin(predicted.index))
    predicted = predicted.loc[table.sample_ids]
    affect = predicted[[f"pred_{name}" for name in AFFECT]].to_numpy(dtype=np.float32)
    if source.labels == "teacher":
        probs = predicted[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float32)
        # A teacher that predicts no expressions leaves rows of zeros: no label.
        table = replace(table, distributions=np.nan_to_num(probs))
    else:
        affect = np.where(np.isfinite(table.affect), table.affect, affect)
    return replace(table, frame=table.frame.assign(**dict(zip(AFFECT, affect.T.astype(float), strict=True))))


def _how_to_look(run: Run, dataset: str) -> str:
    """The commands that store a run's predictions for training images; those of an ensemble come from its members."""
    members = run.info.members
    looks = [f"python -m emotion_core evaluate {name} --dataset {dataset} --split train" for name in members or [run.name]]
    again = [f"python -m emotion_core ensemble {' '.join(members)} --out {run.name}"] if members else []
    return "; ".join([*looks, *again])
