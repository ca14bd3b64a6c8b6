"""FER-2013's pictures with the ten votes of FER+, or with FER-2013's own labels.

Layout: ``FER2013Train``, ``FER2013Valid`` and ``FER2013Test`` with 48 × 48 grey PNG files, and ``fer2013new.csv`` (usage, image
name, then ten columns of votes); FER-2013's own labels come from ``fer2013_labels.csv`` (image, usage, emotion).

E. Barsoum et al. (2016), Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution, ICMI.
I. Goodfellow et al. (2013), Challenges in Representation Learning: A report on three machine learning contests, ICONIP.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.data.source import Source, open_source
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import EXPRESSIONS, FER2013, FERPLUS_VOTES, expression_index

VOTES_FILE = "fer2013new.csv"

FOLDERS = {
    "Training": ("FER2013Train", "train"),
    "PublicTest": ("FER2013Valid", "val"),
    "PrivateTest": ("FER2013Test", "test"),
}
"""Folder and split of each usage, as FER+ publishes them."""

_EXPRESSION_COLUMNS = [expression_index(name) for name in FERPLUS_VOTES[:8]]


@dataclass(frozen=True, kw_only=True)
class VoteTable:
    """All votes as they were cast.

    Attributes:
        sample_ids: ``N`` paths relative to the dataset's root.
        split: ``train``, ``val`` or ``test`` for each.
        votes: shape ``(N, 10)``, columns as in :data:`~emotion_core.labels.FERPLUS_VOTES`.
    """

    sample_ids: list[str]
    split: list[str]
    votes: npt.NDArray[np.int64]


def vote_distribution(votes: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Label distributions for training, by the protocol of FER+'s authors.

    Single votes are dropped first; the distribution is that of the remaining votes for the eight expressions.

    Args:
        votes: shape ``(N, 10)``, columns as in :data:`~emotion_core.labels.FERPLUS_VOTES`.

    Returns:
        Distributions in the order of ``EXPRESSIONS``, shape ``(N, 8)``, and whether each is usable, shape ``(N,)``: an image is
        not when no vote for an expression remains, or when "unknown" or "not a face" has the largest share.
    """
    kept = np.where(votes > 1, votes, 0)
    by_name = kept[:, :8].astype(np.float32)
    total = by_name.sum(axis=1)
    # A tie with "unknown" or "not a face" leaves an expression with the largest share as well: the image stays.
    usable = (total > 0) & (by_name.max(axis=1) >= kept[:, 8:].max(axis=1))
    ours = np.zeros_like(by_name)
    ours[:, _EXPRESSION_COLUMNS] = by_name
    return ours / np.maximum(total, 1.0)[:, None], usable


def vote_majority(votes: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Expression with more than half of the remaining votes, by the protocol of FER+'s authors.

    Single votes are dropped first; all ten columns count towards the whole.

    Args:
        votes: shape ``(N, 10)``, columns as in :data:`~emotion_core.labels.FERPLUS_VOTES`.

    Returns:
        Position in ``EXPRESSIONS``, shape ``(N,)``; -1 where no expression has a majority.
    """
    kept = np.where(votes > 1, votes, 0)
    winner = kept.argmax(axis=1)
    majority = 2 * kept.max(axis=1) > kept.sum(axis=1)
    ours = np.array([*_EXPRESSION_COLUMNS, -1, -1])[winner]
    return np.where(majority, ours, -1)


def read_votes(source: Source, *, on_error: OnError = "raise") -> tuple[VoteTable, tuple[Problem, ...]]:
    """Read ``fer2013new.csv`` and check that each image it names is there.

    Rows without an image name are pictures that FER+ itself left out. Where an image is named twice (four are), its first row
    counts. The ``label.csv`` beside the pictures is not read: for pictures that occur several times it repeats the votes of one
    of them.

    Raises:
        DataError: ``fer2013new.csv`` is missing or not what it should be, or there are broken rows and ``on_error`` is
            ``"raise"``.
    """
    if VOTES_FILE not in source.names:
        raise DataError(f"'{source.path}' has no '{VOTES_FILE}', so it is not FER+'s layout.")
    frame = _read_csv(source.read(VOTES_FILE), f"'{VOTES_FILE}' in '{source.path}'")
    if tuple(frame.columns) != ("Usage", "Image name", *FERPLUS_VOTES):
        raise DataError(f"'{VOTES_FILE}' in '{source.path}' has the columns {', '.join(frame.columns)}; expected Usage, "
                        f"Image name, {', '.join(FERPLUS_VOTES)}.")  # fmt: skip
    problems: list[Problem] = []
    ids: dict[str, list[int]] = {}
    splits: list[str] = []
    for line, (usage, image, *cells) in enumerate(frame.to_numpy(dtype=object), start=2):
        if not image:
            continue
        if usage not in FOLDERS or not all(cell.isdecimal() for cell in cells):
            problems.append(Problem(path=f"{VOTES_FILE}:{line}", reason="not a usage, an image and ten counts of votes"))
            continue
        folder, split = FOLDERS[usage]
        sample_id = f"{folder}/{image}"
        if sample_id in ids:
            continue
        if sample_id not in source.names:
            problems.append(Problem(path=sample_id, reason="missing"))
            continue
        ids[sample_id] = [int(cell) for cell in cells]
        splits.append(split)
    kept = settle(problems, on_error, "ferplus")
    if not ids:
        raise DataError(f"'{source.path}' has no usable image.")
    return VoteTable(sample_ids=list(ids), split=splits, votes=np.array(list(ids.values()), dtype=np.int64)), kept


def _read_csv(content: bytes, subject: str) -> pd.DataFrame:
    """A table of text."""
    try:
        return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding_errors="replace")
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise DataError(
            f"{subject} is not a table of comma-separated values ({str(error).strip()}). Fetch it again."
        ) from error


def load_ferplus(
    data_root: str | Path, *, labels: Literal["distribution", "majority"] = "majority", on_error: OnError = "raise"
) -> FaceTable:
    """Read FER+ by the protocol of its authors.

    Args:
        data_root: folder that holds ``ferplus/`` or ``ferplus.zip``.
        labels: ``"distribution"`` keeps every image with a usable distribution (for training), ``"majority"`` the images on
            which more than half of the votes agree (for testing). ``expression`` is the winner in both.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Returns:
        A table with ``split`` as published and label distributions; valence and arousal are missing.

    Raises:
        DatasetNotFoundError: there is no such dataset.
        DataError: it is not FER+, or has broken samples with ``on_error="raise"``.
    """
    source = open_source("ferplus", data_root)
    table, problems = read_votes(source, on_error=on_error)
    distributions, usable = vote_distribution(table.votes)
    majority = vote_majority(table.votes)
    winner = distributions.argmax(axis=1) if labels == "distribution" else majority
    chosen = usable if labels == "distribution" else majority >= 0
    everything = FaceTable(
        name="ferplus",
        frame=build_frame(table.sample_ids, [EXPRESSIONS[index] for index in winner], split=table.split),
        distributions=distributions,
        read_bytes=source.read,
        problems=problems,
    )
    return everything.where(chosen)


def load_fer2013(
    data_root: str | Path, *, expressions: tuple[str, ...] | None = None, on_error: OnError = "raise"
) -> FaceTable:
    """Read FER-2013's own labels for the pictures of FER+.

    ``Training`` becomes ``train``; ``PublicTest`` and ``PrivateTest`` together become ``test``. There is no validation part:
    take one out of ``train``.

    Args:
        data_root: folder that holds ``ferplus/`` or ``ferplus.zip``, and ``fer2013_labels.csv``.
        expressions: only these, such as ``("anger", "disgust", "fear", "happiness")``; all seven by default.
        on_error: ``"raise"`` refuses a dataset with broken samples, ``"skip"`` leaves them out and lists them in ``problems``.

    Raises:
        DatasetNotFoundError: pictures or labels are missing.
        DataError: the labels cannot be read, or there are broken samples and ``on_error`` is ``"raise"``.
    """
    source = open_source("ferplus", data_root)
    path = next(
        (place / "fer2013_labels.csv" for place in (source.path.parent, source.path)
         if (place / "fer2013_labels.csv").is_file()),
        None,
    )  # fmt: skip
    if path is None:
        raise DatasetNotFoundError("fer2013", [source.path.parent / "fer2013_labels.csv"])
    frame = _read_csv(path.read_bytes(), f"'{path}'")
    if list(frame.columns) != ["image", "usage", "emotion"]:
        raise DataError(f"'{path}' has the columns {', '.join(frame.columns)}; expected image, usage, emotion.")
    problems: list[Problem] = []
    rows: list[tuple[str, str, str]] = []
    for line, (image, usage, emotion) in enumerate(frame.to_numpy(dtype=object), start=2):
        if usage not in FOLDERS or not emotion.isdecimal() or int(emotion) not in FER2013:
            problems.append(Problem(path=f"{path.name}:{line}", reason=f"usage '{usage}' or emotion '{emotion}' is unknown"))
            continue
        folder = FOLDERS[usage][0]
        split = "train" if usage == "Training" else "test"
        if f"{folder}/{image}" not in source.names:
            problems.append(Problem(path=f"{folder}/{image}", reason="missing"))
            continue
        rows.append((f"{folder}/{image}", FER2013[int(emotion)], split))
    kept = settle(problems, on_error, "fer2013")
    if not rows:
        raise DataError(f"'{path}' has no usable row.")
    ids, names, splits = zip(*rows, strict=True)
    table = FaceTable(
        name="fer2013",
        frame=build_frame(ids, names, split=splits),
        read_bytes=source.read,
        problems=kept,
    )
    return table if expressions is None else table.where(table.frame["expression"].isin(expressions))
