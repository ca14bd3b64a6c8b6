"""Rows of comma-separated text that nobody has checked, one at a time."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from emotion_core.data.source import Source
from emotion_core.errors import DataError


def read_rows(source: Source, name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of one file with the numbers of the lines on which they end; empty lines are passed over.

    A byte-order mark is dropped, bytes that are not UTF-8 become replacement characters.

    Raises:
        DataError: the file cannot be read, or a cell is longer than any real one (131,072 characters), as an opening quotation
            mark without a closing one makes it.
    """
    reader = csv.reader(line.decode(errors="replace").removeprefix("\ufeff") for line in source.lines(name))
    try:
        for cells in reader:
            if any(cells):
                yield reader.line_num, cells
    except (csv.Error, OSError) as error:
        raise DataError(
            f"'{name}' in '{source.path}' cannot be read after line {reader.line_num} ({error}). Mend it, or fetch it again."
        ) from error


def find_columns(header: list[str], wanted: tuple[str, ...]) -> dict[str, int]:
    """Positions of the wanted columns that a header names, in any case and order; other columns do not count.

    Example:
        >>> find_columns(["Split", "image ", "age"], ("image", "split", "valence"))
        {'image': 1, 'split': 0}
    """
    found = [cell.strip().lower() for cell in header]
    return {name: found.index(name.lower()) for name in wanted if name.lower() in found}


def read_affect(text: str, name: str, *, missing: float | None = None) -> float:
    """Valence or arousal as a number.

    Args:
        text: what the cell holds; empty or ``nan`` for no value.
        name: ``"valence"`` or ``"arousal"``, for messages.
        missing: a number that stands for no value as well.

    Returns:
        In [-1, 1]; ``nan`` where there is no value.

    Raises:
        ValueError: it is not a number, or outside [-1, 1].
    """
    if text.strip().lower() in ("", "nan"):
        return float("nan")
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{name} '{text[:40]}' is not a number") from None
    if value == missing:
        return float("nan")
    if not -1.0 <= value <= 1.0:
        raise ValueError(f"{name} {value:g} is outside [-1, 1]")
    return value
