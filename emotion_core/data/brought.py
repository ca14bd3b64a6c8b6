"""Pictures with labels that somebody brings along: looked through, then kept as an archive that every command reads."""

from __future__ import annotations

import contextlib
import csv
import io
import os
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from emotion_core.apart import WORKERS, read_apart
from emotion_core.data.datasets import DATASETS
from emotion_core.data.folders import load_class_folders
from emotion_core.data.identity import content_fingerprint, content_name, is_name, safe_name
from emotion_core.data.plain_csv import COLUMNS, LABELS_FILE, labels_file, load_plain_csv, read_listed
from emotion_core.data.pool import reading_pool
from emotion_core.data.sent import SentSource, open_sent
from emotion_core.data.table import FaceTable, Problem
from emotion_core.durable import replace_durably
from emotion_core.errors import ConfigError, DataError, ImageError, write_remedy
from emotion_core.images import UNNAMED, is_picture
from emotion_core.labels import EXPRESSIONS
from emotion_core.texts import shorten

MOST_PICTURES = 5_000
"""More take longer to read than somebody waits in a browser."""

SPLITS = ("train", "val", "test")


@dataclass(frozen=True, kw_only=True)
class Brought:
    """Pictures that were looked through.

    Attributes:
        table: those that can be read, with their labels; its name is what they came as. A picture has no split where none is
            given.
        problems: what cannot be used, and why.
        passed_over: files that are neither pictures nor a list of them, and pictures that the list does not name.
    """

    table: FaceTable
    problems: tuple[Problem, ...] = ()
    passed_over: int = 0

    @property
    def has_splits(self) -> bool:
        """Whether pictures come in splits."""
        return bool((self.table.frame["split"] != "").any())

    def counts(self) -> dict[str, dict[str, int]]:
        """Pictures by expression, those without one as ``""``, and by split, those without one as ``""``."""
        splits = [*SPLITS, ""]
        frame = self.table.frame
        names = frame["expression"].where(frame["expression"].notna(), "")
        found = {
            name: {split: int(((names == name) & (frame["split"] == split)).sum()) for split in splits}
            for name in (*EXPRESSIONS, "")
        }
        return {name: row for name, row in found.items() if sum(row.values())}


def read_brought(files: Sequence[tuple[str, bytes]], *, progress: Callable[[int, int], object] | None = None) -> Brought:
    """Look through pictures that a stranger sends: each is decoded once, in a process with limits.

    Args:
        files: a ZIP archive, or all files of a folder, by name. A ``labels.csv`` at the top says what each picture shows, as
            :func:`~emotion_core.data.plain_csv.load_plain_csv` reads it; else the folders do, as
            :func:`~emotion_core.data.folders.load_class_folders` reads them.
        progress: called with the number of pictures looked at and of all.

    Raises:
        DataError: nothing of it can be used, or there is too much; see :func:`~emotion_core.data.sent.open_sent`.
    """
    source = open_sent(files)
    if not source.names:
        raise DataError(f"'{source.path}' has no file in it that can be read{_reason(source.refused)}.")
    table, listed = _labelled(source)
    if len(table) > MOST_PICTURES:
        raise DataError(
            f"'{source.path}' has {len(table):,} pictures, more than the {MOST_PICTURES:,} that are read in a browser: put "
            "it into the folder that EMOTION_DATA names, and use 'python -m emotion_core evaluate'."
        )
    readable, broken = _decode(table, progress)
    problems = (*source.refused, *table.problems, *broken)
    if not readable.any():
        raise DataError(f"No picture of '{source.path}' can be read{_reason(broken)}.")
    known = len(table) + sum(1 for name in source.names if name == listed)
    unused = len(source.names) - known if listed else sum(not is_picture(name) for name in source.names)
    return Brought(table=table.where(readable), problems=problems, passed_over=max(0, unused))


def keep_brought(brought: Brought, folder: Path, title: str, *, splits: bool = False) -> str:
    """Keep pictures as ``<title>.zip`` with a ``labels.csv`` in it.

    Args:
        brought: the pictures.
        folder: where datasets lie; made if it is not there.
        title: what the dataset is to be called.
        splits: keep the splits that are given; without, every picture is a test picture.

    Returns:
        Name of the dataset, by which it is known everywhere: the title with a fingerprint.

    Raises:
        ConfigError: the title cannot be used, or another dataset has it.
        DataError: it cannot be written.
    """
    name = _check_title(title)
    table = brought.table if splits and brought.has_splits else brought.table.with_split(["test"] * len(brought.table))
    dataset = content_name(name, content_fingerprint(table))
    target = folder / f"{name}.zip"
    if target.exists():
        if _same(target, table, dataset):
            return dataset
        raise ConfigError(f"There are other pictures called '{name}' already: choose another name.")
    new = folder / f".{name}.zip.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with new.open("wb") as stream:
            write_archive(table, stream)
            stream.flush()
            os.fsync(stream.fileno())
        replace_durably(new, target)
    except OSError as error:
        raise DataError(
            f"'{target}' cannot be written ({error.strerror or error}). {write_remedy(error)}, then try again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            new.unlink()
    return dataset


def write_archive(table: FaceTable, stream: IO[bytes]) -> None:
    """Pictures of a table, and a ``labels.csv`` that says what each shows, as a ZIP archive."""
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(LABELS_FILE, _list_of(table))
        for sample_id in table.sample_ids:
            archive.writestr(sample_id, table.read_bytes(sample_id))


def _check_title(title: str) -> str:
    name = title.strip()
    if not is_name(name) or safe_name(f"{name}.zip") != name:
        raise ConfigError(f"'{shorten(title)}' cannot name pictures: letters, digits, '.', '_' and '-' only.")
    if name.lower() in DATASETS:
        raise ConfigError(f"'{name}' is the name of a published dataset: choose another name.")
    return name


def _same(path: Path, table: FaceTable, dataset: str) -> bool:
    """Whether an archive holds just these pictures in just these splits."""
    try:
        found = load_plain_csv(path)
    except (DataError, OSError):
        return False
    columns = ["sample_id", "split"]
    return found.name == dataset and sorted(map(tuple, found.frame[columns].to_numpy())) == sorted(
        map(tuple, table.frame[columns].to_numpy())
    )


def _labelled(source: SentSource) -> tuple[FaceTable, str]:
    """The pictures with what is said of them, and the file that says it; empty where the folders do."""
    name = str(source.path)
    lists = [file for file in source.names if file.count("/") < 2 and file.lower().endswith(".csv")]
    if any(file.rpartition("/")[2] == LABELS_FILE for file in lists):
        listed = labels_file(source)
    else:
        try:
            return load_class_folders(source, name=name), ""
        except DataError:
            if len(lists) != 1:
                raise
        # A list of another name is meant as well, where it is the only one and the folders say nothing.
        [listed] = lists
    return read_listed(source, listed, name, on_error="skip")[0], listed


def _decode(
    table: FaceTable, progress: Callable[[int, int], object] | None
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], list[Problem]]:
    """Which pictures can be read, and why the others cannot."""

    def look(sample_id: str) -> str:
        try:
            read_apart(table.read_bytes(sample_id))
        except (ImageError, OSError) as error:
            return str(error).removeprefix(UNNAMED).strip().rstrip(".") or type(error).__name__
        return ""

    readable = np.ones(len(table), dtype=bool)
    problems: list[Problem] = []
    with reading_pool(WORKERS) as pool:
        for place, reason in enumerate(pool.map(look, table.sample_ids)):
            if reason:
                readable[place] = False
                problems.append(Problem(path=table.sample_ids[place], reason=reason))
            if progress is not None:
                progress(place + 1, len(table))
    return readable, problems


def _list_of(table: FaceTable) -> str:
    """``labels.csv``, with the further columns that there are."""
    further = table.attributes.reindex(table.sample_ids)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*COLUMNS, *further.columns])
    rows = table.frame[["sample_id", "expression", "valence", "arousal", "split"]].to_numpy(dtype=object)
    for row, cells in zip(rows, further.to_numpy(dtype=object), strict=True):
        writer.writerow(["" if value is None or value != value else value for value in (*row, *cells)])
    return stream.getvalue()


def _reason(problems: Sequence[Problem]) -> str:
    return f"; {problems[0]}" if problems else ""
