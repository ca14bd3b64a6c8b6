"""Anybody's faces: a CSV file with columns ``image, expression, valence, arousal, split`` and the pictures that it names."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from emotion_core.data.identity import content_fingerprint, content_name, safe_name
from emotion_core.data.rows import find_columns, is_missing, read_affect, read_rows
from emotion_core.data.source import FolderSource, Source, ZipSource, leads_out, open_source
from emotion_core.data.splits import SPLIT_WORDS, stratified_split
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import AFFECT, expression_name

COLUMNS = ("image", "expression", *AFFECT, "split")
"""``image`` and one label are needed; further columns are kept as they are."""

LABELS_FILE = "labels.csv"
"""What the file is called in an archive, or in the folder of a dataset that goes by name."""

_Labels = tuple[str | None, float, float, str]


def load_plain_csv(
    file: str | Path, data_root: str | Path | None = None, *, seed: int = 42, on_error: OnError = "raise"
) -> FaceTable:
    """Read a CSV file of images and labels, or a ZIP archive with such a file, ``labels.csv``, in it.

    Columns may stand in any order and case. Expressions go by any usual word, such as
    ``Happy`` or ``happiness``; valence and arousal are numbers from -1 to 1; an empty cell means that there is none, but each
    row has one label at least. Splits are called ``train``, ``val`` (or ``valid``, ``validation``) and ``test``; an empty one
    means that the image belongs to none. Without that column a fifth becomes ``test`` and a fifth of the rest ``val``, every
    expression keeping its share. Paths of images are relative to the file's folder, and may not lead out of it. An image that
    is listed twice counts once; where its labels or splits differ, not at all. Further columns become ``attributes``.

    Args:
        file: the CSV file or archive, relative to ``data_root`` or to the current folder. ``faces.csv`` may also stand in
            ``faces.zip``; in ``faces.zip`` the file ``labels.csv`` lies at the top or in the only folder there.
        data_root: where datasets lie.
        seed: of the split, where the file gives none.
        on_error: ``"raise"`` refuses a dataset with broken rows, ``"skip"`` leaves them out and lists them in ``problems``.

    Returns:
        A table whose ids are the paths in the file, ``./faces/1.jpg`` as ``faces/1.jpg``, and whose name is the file's without
        ending and a fingerprint of labels and pictures, as :mod:`emotion_core.data.identity` gives it.

    Raises:
        DatasetNotFoundError: there is no such file.
        DataError: it is another table, holds too few images to be split, or has broken rows with ``on_error="raise"``.
    """
    source, inside = _find(Path(os.path.expanduser(file)), data_root)
    table = _read_table(source, inside, safe_name(str(file)), seed=seed, on_error=on_error)
    return replace(table, name=content_name(table.name, content_fingerprint(table)))


def load_labelled(name: str, data_root: str | Path, *, seed: int = 42, on_error: OnError = "raise") -> FaceTable:
    """Read the folder or ZIP archive of a dataset by name, with ``labels.csv`` in it; see :func:`load_plain_csv`.

    Args:
        name: the dataset's.
        data_root: folder that holds ``<name>/`` or ``<name>.zip``.
        seed: of the split, where the file gives none.
        on_error: as in :func:`load_plain_csv`.

    Raises:
        DatasetNotFoundError: there is no such dataset.
        DataError: as in :func:`load_plain_csv`.
    """
    source = open_source(name, data_root)
    return _read_table(source, labels_file(source), name, seed=seed, on_error=on_error)


def _read_table(source: Source, file: str, name: str, *, seed: int, on_error: OnError) -> FaceTable:
    table, split = read_listed(source, file, name, on_error=on_error)
    if split:
        return table
    try:
        return stratified_split(table, seed=seed, missing=True)
    except DataError as error:
        raise DataError(f"{error} Add more images, or a column 'split' with train, val and test.") from error


def read_listed(source: Source, file: str, name: str, *, on_error: OnError = "raise") -> tuple[FaceTable, bool]:
    """The images that a CSV file lists, in the splits that it gives, and whether it has a column of them.

    Args:
        source: where both lie.
        file: name of the CSV file there.
        name: of the dataset.
        on_error: as in :func:`load_plain_csv`.

    Raises:
        DataError: it is another table, has no usable row, or has broken ones with ``on_error="raise"``.
    """
    lines = read_rows(source, file)
    header = next((cells for _, cells in lines), [])
    columns = _find_columns(source, file, header) if header else {}
    folder = file.rpartition("/")[0]
    found = _Rows(source, f"{folder}/" if folder else "", columns)
    for line, cells in lines:
        found.add(line, [cell.strip() for cell in cells])
    kept = settle([Problem(path=f"{file}:{line}", reason=reason) for line, reason in found.problems], on_error, name)
    if not found.rows:
        raise DataError(f"'{file}' in '{source.path}' has no usable row{f'; {kept[0]}' if kept else ''}.")
    expressions, valences, arousals, splits = zip(*(row.labels for row in found.rows.values()), strict=True)
    further = [cell.strip() for cell in header if cell.strip() and cell.strip().lower() not in COLUMNS]
    table = FaceTable(
        name=name,
        frame=build_frame(found.rows, expressions, valences, arousals, splits),
        read_bytes=lambda image: source.read(found.folder + image),
        problems=kept,
        attributes=_attributes(found, header, further),
    )
    return table, "split" in columns


@dataclass(frozen=True, kw_only=True)
class _Row:
    line: int
    labels: _Labels
    cells: list[str]


class _Rows:
    """The usable rows by image, and what was wrong with the others by line."""

    def __init__(self, source: Source, folder: str, columns: Mapping[str, int]) -> None:
        self.folder = folder
        self.rows: dict[str, _Row] = {}
        self.problems: list[tuple[int, str]] = []
        self._source = source
        self._columns = columns
        self._refused: set[str] = set()

    def add(self, line: int, cells: list[str]) -> None:
        row = {name: cells[index] if index < len(cells) else "" for name, index in self._columns.items()}
        try:
            image = self._read_image(row["image"])
            labels = _read_labels(row)
            self._refuse_repeated(image, labels, line)
            self.rows[image] = _Row(line=line, labels=labels, cells=cells)
        except ValueError as error:
            self.problems.append((line, str(error).rstrip(".")))

    def _read_image(self, image: str) -> str:
        image = image.replace("\\", "/")  # as Windows writes it
        if not image:
            raise ValueError("no image is named")
        if leads_out(image):
            raise ValueError(f"'{image[:200]}' leads out of the file's folder")
        found = self._source.find(self.folder + posixpath.normpath(image))
        if found is None:
            raise ValueError(f"'{image[:200]}' is missing, or a link out of the file's folder")
        return found.removeprefix(self.folder)

    def _refuse_repeated(self, image: str, labels: _Labels, line: int) -> None:
        """An image counts once; where its labels or its splits differ, nobody knows which are right, so not at all."""
        if image in self._refused:
            raise ValueError(f"'{image[:200]}' is listed again, after rows that contradict each other")
        before = self.rows.get(image)
        if before is None:
            return
        if repr(before.labels) == repr(labels):  # not ==, to which no two missing numbers are the same
            raise ValueError(f"'{image[:200]}' is listed twice, the first time in line {before.line}; it counts once")
        self._refused.add(image)
        del self.rows[image]
        one, other = _words(before.labels), _words(labels)
        raise ValueError(f"'{image[:200]}' is listed twice, as {one} (line {before.line}) and as {other}: neither counts")


def _attributes(found: _Rows, header: list[str], names: list[str]) -> pd.DataFrame:
    """Cells of the further columns, a row an image."""
    positions = [[cell.strip() for cell in header].index(name) for name in names]
    cells = [[row.cells[at] if at < len(row.cells) else "" for at in positions] for row in found.rows.values()]
    return pd.DataFrame(cells, index=list(found.rows), columns=names, dtype=object)


def _find(file: Path, data_root: str | Path | None) -> tuple[Source, str]:
    """The folder or archive that holds the CSV file, and the file's name in it."""
    found = [file] if data_root is None or file.is_absolute() else [Path(os.path.expanduser(data_root)) / file, file]
    found = list(dict.fromkeys(found))
    packed = file.suffix.lower() == ".zip"
    archives = [] if packed else [path.with_suffix(".zip") for path in found]
    try:
        for path in found:
            if path.is_file():
                return _open_archive(path) if packed else (FolderSource(path.parent), path.name)
        for archive in archives:
            if archive.is_file() and (source := ZipSource(archive)).has(file.name):
                return source, file.name
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL byte
        raise DataError(f"'{str(file)[:200]}' cannot name a file ({error}).") from error
    raise DatasetNotFoundError(file.name, [*found, *archives])


def _open_archive(path: Path) -> tuple[Source, str]:
    source = ZipSource(path)
    return source, labels_file(source)


def labels_file(source: Source) -> str:
    """Where ``labels.csv`` lies: at the top, or in the only folder there that has one.

    Raises:
        DataError: there is none, or several.
    """
    if source.has(LABELS_FILE):
        return LABELS_FILE
    inside = [name for name in source.names if name.count("/") == 1 and name.endswith(f"/{LABELS_FILE}")]
    if len(inside) == 1:
        return inside[0]
    raise DataError(
        f"'{source.path}' has no '{LABELS_FILE}' in it, a list of its pictures with the columns {', '.join(COLUMNS)}."
    )


def _find_columns(source: Source, file: str, cells: list[str]) -> Mapping[str, int]:
    columns = find_columns(cells, COLUMNS)
    if "image" not in columns or not columns.keys() & {"expression", *AFFECT}:
        raise DataError(
            f"'{file}' in '{source.path}' has the columns {', '.join(cells)[:200]}; expected 'image' and at least one of "
            f"expression, {', '.join(AFFECT)}."
        )
    return columns


def _read_labels(row: Mapping[str, str]) -> _Labels:
    word = row.get("expression", "")
    expression = None if is_missing(word) else expression_name(word)
    valence, arousal = (read_affect(row.get(name, ""), name) for name in AFFECT)
    if expression is None and valence != valence and arousal != arousal:
        raise ValueError("there is neither an expression nor valence nor arousal")
    split = row.get("split", "").lower()
    if split and split not in SPLIT_WORDS:
        raise ValueError(f"split '{split[:40]}' is none of train, val and test")
    return expression, valence, arousal, SPLIT_WORDS.get(split, "")


def _words(labels: _Labels) -> str:
    """Labels and split of one row, for a message."""
    expression, *affect, split = labels
    numbers = (f"{name} {value:g}" for name, value in zip(AFFECT, affect, strict=True) if value == value)
    return ", ".join([*([expression] if expression else []), *numbers, *([split] if split else [])])
