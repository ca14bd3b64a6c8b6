"""Anybody's faces: a CSV file with columns ``image, expression, valence, arousal, split``, beside the pictures it names."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from emotion_core.data.rows import find_columns, read_affect, read_rows
from emotion_core.data.source import FolderSource, Source, ZipSource, leads_out
from emotion_core.data.splits import SPLIT_WORDS, stratified_split
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import AFFECT, expression_name

COLUMNS = ("image", "expression", *AFFECT, "split")
"""``image`` and one label are needed."""

_Row = tuple[str | None, float, float, str]


def load_plain_csv(
    file: str | Path, data_root: str | Path | None = None, *, seed: int = 42, on_error: OnError = "raise"
) -> FaceTable:
    """Read a CSV file of images and labels.

    Columns may stand in any order and case, others than :data:`COLUMNS` do not count. Expressions go by any usual word, such as
    ``Happy`` or ``happiness``; valence and arousal are numbers from -1 to 1; an empty cell means that there is none, but each
    row has one label at least. Splits are called ``train``, ``val`` (or ``valid``, ``validation``) and ``test``; an empty one
    means that the image belongs to none. Without that column a fifth becomes ``test`` and a fifth of the rest ``val``, every
    expression keeping its share. Paths of images are relative to the file's folder, and may not lead out of it.

    Args:
        file: the CSV file, relative to ``data_root`` or to the current folder. ``faces.csv`` may also stand in ``faces.zip``.
        data_root: where datasets lie.
        seed: of the split, where the file gives none.
        on_error: ``"raise"`` refuses a dataset with broken rows, ``"skip"`` leaves them out and lists them in ``problems``.

    Returns:
        A table whose ids are the paths in the file, and whose name is the file's without ending.

    Raises:
        DatasetNotFoundError: there is no such file.
        DataError: it is another table, holds too few images to be split, or has broken rows with ``on_error="raise"``.
    """
    source, file = _find(Path(os.path.expanduser(file)), data_root)
    problems: list[Problem] = []
    rows: dict[str, _Row] = {}
    columns: Mapping[str, int] = {}
    for line, cells in read_rows(source, file):
        if not columns:
            columns = _find_columns(source, file, cells)
            continue
        row = {name: cells[index].strip() if index < len(cells) else "" for name, index in columns.items()}
        try:
            image = _read_image(source, row["image"])
            if image in rows:
                raise ValueError(f"'{image}' is listed twice")
            rows[image] = _read_labels(row)
        except ValueError as error:
            problems.append(Problem(path=f"{file}:{line}", reason=str(error).rstrip(".")))
    name = safe_name(file)
    kept = settle(problems, on_error, name)
    if not rows:
        raise DataError(f"'{file}' in '{source.path}' has no usable row{f'; {kept[0]}' if kept else ''}.")
    expressions, valences, arousals, splits = zip(*rows.values(), strict=True)
    table = FaceTable(
        name=name,
        frame=build_frame(rows, expressions, valences, arousals, splits),
        read_bytes=source.read,
        problems=kept,
    )
    if "split" in columns:
        return table
    try:
        return stratified_split(table, seed=seed, missing=True)
    except DataError as error:
        raise DataError(f"{error} Add more images, or a column 'split' with train, val and test.") from error


def safe_name(file: str) -> str:
    """A name for the dataset that any file system takes: letters, digits, ``.``, ``_`` and ``-``.

    Example:
        >>> safe_name("My faces (2).csv"), safe_name("été.csv")
        ('My-faces-2', 't')
    """
    return re.sub(r"[^A-Za-z0-9._]+", "-", Path(file).stem).strip("-._")[:80] or "csv"


def _find(file: Path, data_root: str | Path | None) -> tuple[Source, str]:
    """The folder or archive that holds the file, and the file's name in it."""
    found = [file] if data_root is None or file.is_absolute() else [Path(os.path.expanduser(data_root)) / file, file]
    found = list(dict.fromkeys(found))
    archives = [path.with_suffix(".zip") for path in found]
    try:
        for path in found:
            if path.is_file():
                return FolderSource(path.parent), path.name
        for archive in archives:
            if archive.is_file() and (source := ZipSource(archive)).has(file.name):
                return source, file.name
    except (OSError, ValueError) as error:  # a name that is too long, or holds a NUL byte
        raise DataError(f"'{str(file)[:200]}' cannot name a file ({error}).") from error
    raise DatasetNotFoundError(file.name, [*found, *archives])


def _find_columns(source: Source, file: str, cells: list[str]) -> Mapping[str, int]:
    columns = find_columns(cells, COLUMNS)
    if "image" not in columns or not columns.keys() & {"expression", *AFFECT}:
        raise DataError(
            f"'{file}' in '{source.path}' has the columns {', '.join(cells)[:200]}; expected 'image' and at least one of "
            f"expression, {', '.join(AFFECT)}."
        )
    return columns


def _read_image(source: Source, image: str) -> str:
    image = image.replace("\\", "/")  # as Windows writes it
    if not image:
        raise ValueError("no image is named")
    if leads_out(image):
        raise ValueError(f"'{image[:200]}' leads out of the file's folder")
    if not source.has(image):
        raise ValueError(f"'{image[:200]}' is missing, or a link out of the file's folder")
    return image


def _read_labels(row: Mapping[str, str]) -> _Row:
    word = row.get("expression", "")
    expression = expression_name(word) if word else None
    valence, arousal = (read_affect(row.get(name, ""), name) for name in AFFECT)
    if expression is None and valence != valence and arousal != arousal:
        raise ValueError("there is neither an expression nor valence nor arousal")
    split = row.get("split", "").lower()
    if split and split not in SPLIT_WORDS:
        raise ValueError(f"split '{split[:40]}' is none of train, val and test")
    return expression, valence, arousal, SPLIT_WORDS.get(split, "")
