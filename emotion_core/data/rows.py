"""Rows of comma-separated text that nobody has checked, one at a time."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator

from emotion_core.data.source import Source
from emotion_core.errors import DataError

_AGAIN = "Save it again as UTF-8 ('CSV UTF-8' in Excel)."


def read_rows(source: Source, name: str) -> Iterator[tuple[int, list[str]]]:
    """Rows of one file with the numbers of the lines on which they end; empty lines are passed over.

    Raises:
        DataError: the file cannot be read or is not UTF-8, or a cell is longer than any real one (131,072 characters), as an
            opening quotation mark without a closing one makes it.
    """
    reader = csv.reader(_utf8_lines(source, name))
    try:
        for cells in reader:
            if any(cells):
                yield reader.line_num, cells
    except (csv.Error, OSError) as error:
        raise DataError(
            f"'{name}' in '{source.path}' cannot be read after line {reader.line_num} ({error}). Mend it, or fetch it again."
        ) from error


def _utf8_lines(source: Source, name: str) -> Iterator[str]:
    """Lines of text without a byte-order mark."""
    for number, line in enumerate(source.lines(name), start=1):
        if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise DataError(f"'{name}' in '{source.path}' is UTF-16 text, as Excel's 'Unicode text' is. {_AGAIN}")
        try:
            yield line.decode().removeprefix("\ufeff")
        except UnicodeDecodeError as error:
            raise DataError(
                f"'{name}' in '{source.path}' is not UTF-8 text: line {number} has the byte 0x{line[error.start]:02X}, as "
                f"Windows-1252 and other older encodings have it. {_AGAIN}"
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
        text: what the cell holds; see :func:`is_missing` for no value.
        name: ``"valence"`` or ``"arousal"``, for messages.
        missing: a number that stands for no value as well.

    Returns:
        In [-1, 1]; ``nan`` where there is no value.

    Raises:
        ValueError: it is not a number, or outside [-1, 1].
    """
    if is_missing(text):
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


def read_code(text: str) -> int | None:
    """A label's number, also as pandas writes it in a column with gaps; ``None`` for anything else.

    Example:
        >>> read_code(" 3"), read_code("3.0"), read_code("3.5"), read_code("nan")
        (3, 3, None, None)
    """
    whole, _, rest = text.strip().partition(".")
    return int(whole) if whole.isascii() and whole.isdecimal() and len(whole) < 10 and not rest.strip("0") else None


def is_missing(text: str) -> bool:
    """Whether a cell holds nothing, as people and programs write it.

    Example:
        >>> is_missing(" "), is_missing("NaN"), is_missing("<NA>"), is_missing("none"), is_missing("0")
        (True, True, True, True, False)
    """
    return text.strip().lower() in ("", "nan", "na", "n/a", "<na>", "null", "none")
