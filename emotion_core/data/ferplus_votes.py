"""The ten votes of FER+, and what follows from them.

Layout: ``FER2013Train``, ``FER2013Valid`` and ``FER2013Test`` with 48 × 48 grey PNG files, and ``fer2013new.csv`` (usage, image
name, then ten columns of votes). Without the folders the pictures come from ``fer2013.csv``, row by row beside the votes; ids
are the same.

E. Barsoum et al. (2016), Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label Distribution, ICMI.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.data.fer2013_csv import PIXELS_FILE, find_pixels, read_pixel_rows
from emotion_core.data.source import Source, find_file, find_source, places
from emotion_core.data.table import OnError, Problem, settle
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import FERPLUS_VOTES, expression_index

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
        read_bytes: gives the encoded picture for a sample id.
        others: pictures that no row of votes names, and the split of each.
    """

    sample_ids: list[str]
    split: list[str]
    votes: npt.NDArray[np.int64]
    read_bytes: Callable[[str], bytes]
    others: dict[str, str]


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


def find_votes(data_root: str | Path, *, on_error: OnError = "raise") -> tuple[VoteTable, tuple[Problem, ...]]:
    """Read FER+ in whichever layout is there: its folders, or ``fer2013.csv`` with ``fer2013new.csv``.

    Raises:
        DatasetNotFoundError: neither is there.
        DataError: as in :func:`read_votes`, or the two files do not have as many rows.
    """
    folders = find_source("ferplus", data_root)
    pixels = find_pixels(data_root)
    votes = find_file(VOTES_FILE, data_root, "ferplus", "fer2013")
    if pixels is not None and votes is not None and not (folders is not None and pictures_of(folders)):
        return _read_pair(*pixels, votes, on_error)
    if folders is None:
        root = Path(data_root)
        raise DatasetNotFoundError("ferplus", [*places("ferplus", root), root / PIXELS_FILE, root / VOTES_FILE])
    return read_votes(folders, on_error=on_error)


def read_votes(source: Source, *, on_error: OnError = "raise") -> tuple[VoteTable, tuple[Problem, ...]]:
    """Read ``fer2013new.csv`` and check that each image it names is there.

    Rows without an image name are pictures that FER+ itself left out. Where an image is named twice (four are), its first row
    counts. The ``label.csv`` beside the pictures is not read: for pictures that occur several times it repeats the votes of one
    of them.

    Raises:
        DataError: ``fer2013new.csv`` is missing or not what it should be, or there are broken rows and ``on_error`` is
            ``"raise"``.
    """
    frame = _read_vote_frame(source)
    problems: list[Problem] = []
    rows = _vote_rows(frame, source.names, problems)
    kept = settle(problems, on_error, "ferplus")
    if not rows:
        raise DataError(f"'{source.path}' has no usable image.")
    others = {sample_id: split for sample_id, split in pictures_of(source).items() if sample_id not in rows}
    return _vote_table(rows, source.read, others), kept


def _read_pair(pixels: Source, file: str, votes: Source, on_error: OnError) -> tuple[VoteTable, tuple[Problem, ...]]:
    """The same from ``fer2013.csv``: row by row, picture and votes."""
    frame = _read_vote_frame(votes)
    usable, problems = read_pixel_rows(pixels, file)
    if usable.count != len(frame):
        raise DataError(
            f"'{file}' in '{pixels.path}' has {usable.count:,} rows, '{VOTES_FILE}' in '{votes.path}' {len(frame):,}: "
            "row by row they do not belong together."
        )
    named = frame["Image name"].to_numpy(dtype=object)[usable.rows]
    usages = frame["Usage"].to_numpy(dtype=object)[usable.rows]
    ids = [f"{FOLDERS[usage][0]}/{image}" for usage, image in zip(usable.usages, named, strict=True)]
    agree = np.array(usable.usages, dtype=object) == usages
    for row, usage in zip(np.array(usable.rows)[~agree], usages[~agree], strict=True):
        problems.append(Problem(path=f"{VOTES_FILE}:{row + 2}", reason=f"usage '{usage}' is not that of '{file}'"))
    rows = _vote_rows(frame.iloc[np.array(usable.rows, dtype=np.intp)[agree]], frozenset(ids), problems)
    kept = settle(problems, on_error, "ferplus")
    if not rows:
        raise DataError(f"'{file}' in '{pixels.path}' has no usable image.")
    return _vote_table(rows, usable.reader(ids), {}), kept


def _read_vote_frame(source: Source) -> pd.DataFrame:
    if not source.has(VOTES_FILE):
        raise DataError(f"'{source.path}' has no '{VOTES_FILE}', so it is not FER+'s layout.")
    try:
        content = source.read(VOTES_FILE)
    except OSError as error:
        raise DataError(f"'{VOTES_FILE}' in '{source.path}' cannot be read ({error}). Fetch it again.") from error
    frame = read_text_table(content, f"'{VOTES_FILE}' in '{source.path}'")
    if tuple(frame.columns) != ("Usage", "Image name", *FERPLUS_VOTES):
        raise DataError(f"'{VOTES_FILE}' in '{source.path}' has the columns {', '.join(frame.columns)}; expected Usage, "
                        f"Image name, {', '.join(FERPLUS_VOTES)}.")  # fmt: skip
    return frame


def _vote_rows(frame: pd.DataFrame, there: Collection[str], problems: list[Problem]) -> dict[str, tuple[str, list[int]]]:
    """Split and votes by id, of images that are there."""
    rows: dict[str, tuple[str, list[int]]] = {}
    for row, (usage, image, *cells) in zip(frame.index, frame.to_numpy(dtype=object), strict=True):
        if not image:
            continue
        if usage not in FOLDERS or not all(cell.isdecimal() for cell in cells):
            problems.append(Problem(path=f"{VOTES_FILE}:{row + 2}", reason="not a usage, an image and ten counts of votes"))
            continue
        folder, split = FOLDERS[usage]
        sample_id = f"{folder}/{image}"
        if sample_id in rows:
            continue
        if sample_id not in there:
            problems.append(Problem(path=sample_id, reason="missing"))
            continue
        rows[sample_id] = split, [int(cell) for cell in cells]
    return rows


def _vote_table(
    rows: dict[str, tuple[str, list[int]]], read_bytes: Callable[[str], bytes], others: dict[str, str]
) -> VoteTable:
    return VoteTable(
        sample_ids=list(rows),
        split=[split for split, _ in rows.values()],
        votes=np.array([votes for _, votes in rows.values()], dtype=np.int64),
        read_bytes=read_bytes,
        others=others,
    )


def pictures_of(source: Source) -> dict[str, str]:
    """Every picture in FER+'s folders, and its split."""
    return {
        entry: split for folder, split in FOLDERS.values() for entry in source.folder(folder) if entry.lower().endswith(".png")
    }


def read_text_table(content: bytes, subject: str) -> pd.DataFrame:
    """A table of text."""
    try:
        return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding_errors="replace")
    except ValueError as error:  # pandas' parser errors are ValueErrors
        raise DataError(
            f"{subject} is not a table of comma-separated values ({str(error).strip()}). Fetch it again."
        ) from error
