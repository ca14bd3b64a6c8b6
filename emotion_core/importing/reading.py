"""Results in any usual form as one plain table: CSV, JSON lines, Parquet or NumPy's NPZ, from anybody.

What a file claims to hold is bounded before it is read, nothing is unpickled, and every complaint names the file.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from emotion_core.errors import ResultsError
from emotion_core.results.files import DAMAGED_ARCHIVE
from emotion_core.texts import shorten

MAX_ROWS = 1_000_000
"""Twice as many as the largest collection of labelled faces has."""
MAX_COLUMNS = 1_000
MAX_CELLS = 32_000_000
"""Packed, a million rows of a thousand equal numbers are a small file; as numbers they take 8 GB."""
MAX_BYTES = 256 * 2**20
"""Of a file, as it lies there."""
MAX_UNPACKED = 512 * 2**20
"""Of what a packed file holds, as its own directory says."""
MAX_LINE = 2**20
"""Of a line of JSON, bytes."""

SCALARS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_decimal)


def read_results(content: Path | bytes, name: str = "") -> pd.DataFrame:
    """Read a file of results, whose content says in which form it is.

    Args:
        content: a file, or its bytes.
        name: of the file, for messages; that of the path by default.

    Returns:
        A row a prediction, a column a name: numbers as ``float64``, all else as text. A column of vectors, such as an array
        ``probs`` of shape ``(N, 7)``, becomes the columns ``probs.0`` to ``probs.6``, and an object in JSON likewise.

    Raises:
        ResultsError: the file is missing, empty, truncated, too large or of another form; the message says which.
    """
    name = shorten(name or (content.name if isinstance(content, Path) else "the file"))
    data = _load(content, name) if isinstance(content, Path) else content
    if len(data) > MAX_BYTES:
        raise ResultsError(f"'{name}' has {len(data) / 2**20:,.0f} MB; {MAX_BYTES // 2**20} MB are the most that is read.")
    if not data.strip():
        raise ResultsError(f"'{name}' is empty.")
    if data[:4] == b"PAR1":
        found = _parquet(data, name)
    elif data[:4] == b"PK\x03\x04":
        found = _npz(data, name)
    else:
        text = _text(data, name)
        found = _json_lines(text, name) if text.lstrip()[:1] in "{[" else _csv(text, name)
    if not len(found):
        raise ResultsError(f"'{name}' has no rows below the names of its columns.")
    return found


def as_text(values: pd.Series) -> npt.NDArray[np.object_]:
    """A column as text, whole numbers without decimals."""
    if pd.api.types.is_float_dtype(values):
        texts = ["" if value != value else f"{value:.0f}" if value == np.floor(value) else repr(value) for value in values]
        return np.array(texts, dtype=object)
    return values.astype(str).to_numpy(dtype=object)


def as_numbers(values: pd.Series, name: str) -> npt.NDArray[np.float64]:
    """A column as finite numbers.

    Raises:
        ResultsError: a cell is empty, no number, NaN or infinite; the message names the row, its index counted from 1.
    """
    if pd.api.types.is_float_dtype(values):
        numbers = values.to_numpy(dtype=np.float64)
    else:
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64)
    wrong = np.flatnonzero(~np.isfinite(numbers))
    if len(wrong):
        cell = values.iloc[wrong[0]]
        said = "is empty" if isinstance(cell, str) and not cell.strip() else f"holds '{shorten(str(cell), 40)}'"
        more = f" {len(wrong) - 1:,} others are not, either." if len(wrong) > 1 else ""
        raise ResultsError(
            f"Row {values.index[wrong[0]] + 1:,} of the column '{shorten(name)}' {said}, which is not a finite number.{more}"
        )
    return numbers


def _load(path: Path, name: str) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ResultsError(
                f"'{name}' has {path.stat().st_size / 2**20:,.0f} MB; {MAX_BYTES // 2**20} MB are the most that is read."
            )
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, ResultsError):
            raise
        raise ResultsError(f"'{name}' cannot be read ({reason}).") from error


def _text(data: bytes, name: str) -> str:
    coding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = data.decode(coding)
    except UnicodeDecodeError as error:
        raise ResultsError(
            f"'{name}' is neither text in UTF-8 nor Parquet nor NPZ. Save it as one of CSV, JSON lines, Parquet and NPZ; "
            "pickled files are not read, since opening one can run anything."
        ) from error
    if "\0" in text:
        raise ResultsError(f"'{name}' holds NUL characters: it is damaged, or no text.")
    return text


def _bound(rows: int, columns: int, name: str) -> None:
    if rows > MAX_ROWS:
        raise ResultsError(
            f"'{name}' has {rows:,} rows; {MAX_ROWS:,} are the most that is read. Send the benchmark's images alone."
        )
    if columns > MAX_COLUMNS:
        raise ResultsError(f"'{name}' has {columns:,} columns; {MAX_COLUMNS:,} are the most that is read.")
    if rows * columns > MAX_CELLS:
        raise ResultsError(
            f"'{name}' has {rows:,} rows of {columns:,} columns; {MAX_CELLS:,} cells are the most that is read. Leave out what "
            "is neither a name nor a prediction."
        )


def _csv(text: str, name: str) -> pd.DataFrame:
    head = text[: text.find("\n")] if "\n" in text else text
    separator = max(",;\t", key=head.count)
    _bound(text.count("\n"), head.count(separator) + 1, name)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True, strict=True) if row]
    except csv.Error as error:
        raise ResultsError(f"'{name}' is not a table ({error}).") from error
    header = [cell.strip() for cell in rows.pop(0)]
    _name_columns(header, name)
    wrong = next((number for number, row in enumerate(rows, start=1) if len(row) != len(header)), None)
    if wrong is not None:
        cut = " Was the file cut off?" if wrong == len(rows) else ""
        raise ResultsError(
            f"Row {wrong:,} of '{name}' has {len(rows[wrong - 1])} cells, and there are {len(header)} columns.{cut}"
        )
    table = pd.DataFrame(rows, columns=header, dtype=object)
    if separator == ";":
        # Where cells are separated by semicolons, numbers have a decimal comma.
        table = table.replace(r"^\s*([+-]?\d+),(\d+)\s*$", r"\1.\2", regex=True)
    return table


def _name_columns(header: list[str], name: str) -> None:
    """Refuse a first row that names no columns, or two alike."""
    if any(_is_number(cell) for cell in header):
        raise ResultsError(f"The first row of '{name}' holds numbers; it has to name the columns.")
    twice = [cell for cell in header if header.count(cell) > 1]
    if twice:
        raise ResultsError(f"'{name}' has two columns with the name '{shorten(twice[0])}'.")


def _is_number(cell: str) -> bool:
    # A column may be called by a class number; a header with a decimal point is none.
    try:
        float(cell)
    except ValueError:
        return False
    return not cell.isdigit()


def _json_lines(text: str, name: str) -> pd.DataFrame:
    lines = text.splitlines()
    _bound(len(lines), 0, name)
    rows: list[dict[str, Any]] = []
    columns: dict[str, None] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line) if len(line) <= MAX_LINE else None
        except (ValueError, RecursionError) as error:
            last = ", as the last line of a file that was cut off" if number == len(lines) else ""
            raise ResultsError(f"Line {number:,} of '{name}' is not JSON{last}: one object a line is read.") from error
        if not isinstance(entry, dict):
            raise ResultsError(
                f"Line {number:,} of '{name}' is not an object of at most {MAX_LINE // 2**20} MB, such as {{\"image\": …}}."
            )
        rows.append(dict(_flatten(entry)))
        columns |= dict.fromkeys(rows[-1])
        _bound(len(rows), len(columns), name)
    return pd.DataFrame({column: _column([row.get(column) for row in rows]) for column in columns})


def _flatten(entry: dict[str, Any], prefix: str = "", depth: int = 0) -> Iterable[tuple[str, Any]]:
    for key, value in entry.items():
        if isinstance(value, list):
            value = {str(index): item for index, item in enumerate(value[: MAX_COLUMNS + 1])}
        if isinstance(value, dict):
            if depth < 3:
                yield from _flatten(value, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", value


def _column(values: list[Any]) -> pd.Series:
    """Numbers as numbers, all else as text, nothing as an empty cell."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        try:
            return pd.Series(values, dtype=np.float64)
        except OverflowError:
            pass
    return pd.Series(["" if value is None else str(value) for value in values], dtype=object)


def _parquet(data: bytes, name: str) -> pd.DataFrame:
    try:
        about = pq.read_metadata(io.BytesIO(data))
        schema = about.schema.to_arrow_schema()
        _bound(about.num_rows, len(schema), name)
        unpacked = sum(about.row_group(index).total_byte_size for index in range(about.num_row_groups))
        if unpacked > MAX_UNPACKED:
            raise ResultsError(
                f"'{name}' unpacks to {unpacked / 2**20:,.0f} MB; {MAX_UNPACKED // 2**20} MB are the most that is read."
            )
        texts = [field.name for field in schema if _is_text(field.type)]
        wanted = [field.name for field in schema if _is_text(field.type) or _is_plain(field.type) or _is_vector(field.type)]
        # One long text that a million rows repeat stays one text.
        file = pq.ParquetFile(io.BytesIO(data), read_dictionary=texts)
        table = file.read(columns=wanted, use_threads=False)
        return pd.DataFrame(
            {key: column for field in table.schema for key, column in _arrow(field.name, table[field.name], name)}
        )
    except ResultsError:
        raise
    except Exception as error:  # damaged bytes lead the reader to whatever it raises: no list of types is complete
        raise ResultsError(f"'{name}' is not a whole Parquet file ({shorten(str(error), 120)}).") from error


def _is_text(kind: pa.DataType) -> bool:
    inside = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(inside) or pa.types.is_large_string(inside))


def _is_plain(kind: pa.DataType) -> bool:
    return any(test(kind) for test in SCALARS)


def _is_vector(kind: pa.DataType) -> bool:
    lists = pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    return lists and _is_plain(kind.value_type)


def _arrow(key: str, column: pa.ChunkedArray, name: str) -> Iterable[tuple[str, pd.Series]]:
    if _is_vector(column.type):
        lengths = pc.unique(pc.list_value_length(column)).to_pylist()
        if len(lengths) != 1 or None in lengths:
            raise ResultsError(f"The column '{shorten(key)}' of '{name}' holds vectors of different lengths.")
        _bound(len(column), lengths[0], name)
        numbers = pc.list_flatten(column).cast(pa.float64(), safe=False).to_numpy()
        matrix = numbers.reshape(len(column), lengths[0])
        for index in range(matrix.shape[1]):
            yield f"{key}.{index}", pd.Series(matrix[:, index])
    elif _is_text(column.type):
        series = column.to_pandas()
        yield key, series.astype(object).where(series.notna(), "")
    elif pa.types.is_boolean(column.type):
        yield key, column.to_pandas().astype(str).astype(object)
    else:
        yield key, column.cast(pa.float64(), safe=False).to_pandas().astype(np.float64)


def _npz(data: bytes, name: str) -> pd.DataFrame:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
        if not any(member.filename.endswith(".npy") for member in members):
            raise ResultsError(f"'{name}' is an archive without arrays. A spreadsheet has to be saved as CSV.")
        unpacked = sum(member.file_size for member in members)
        if unpacked > MAX_UNPACKED or len(members) > MAX_COLUMNS:
            raise ResultsError(
                f"'{name}' unpacks to {unpacked / 2**20:,.0f} MB in {len(members):,} arrays; {MAX_UNPACKED // 2**20} MB in "
                f"{MAX_COLUMNS:,} are the most that is read."
            )
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {key: np.asarray(file[key]) for key in file.files}
    except ResultsError:
        raise
    except (*DAMAGED_ARCHIVE, MemoryError) as error:
        raise ResultsError(
            f"'{name}' is not a whole NPZ archive of plain arrays ({shorten(str(error), 120)}). Arrays of objects are not read."
        ) from error
    return _arrays(arrays, name)


def _arrays(arrays: dict[str, npt.NDArray[Any]], name: str) -> pd.DataFrame:
    """Arrays of one length as columns; one that names the columns of the others names them."""
    rows = max((len(array) for array in arrays.values() if array.ndim), default=0)
    _bound(rows, sum(array.shape[1] if array.ndim == 2 else 1 for array in arrays.values()), name)
    classes = next(
        (array for key, array in arrays.items() if "class" in key.lower() and array.ndim == 1 and len(array) != rows), None
    )
    columns: dict[str, pd.Series] = {}
    for key, array in arrays.items():
        if array.ndim not in (1, 2) or len(array) != rows:
            if array is classes or array.ndim == 0:
                continue
            raise ResultsError(
                f"The array '{shorten(key)}' of '{name}' has the shape {array.shape}; a row an image ({rows:,}) is read."
            )
        if array.ndim == 1:
            columns[key] = _column(array.tolist())
            continue
        _bound(rows, array.shape[1], name)
        named = classes is not None and len(classes) == array.shape[1] and classes.dtype.kind in "US"
        for index in range(array.shape[1]):
            columns[f"{key}.{classes[index] if named and classes is not None else index}"] = _column(array[:, index].tolist())
    return pd.DataFrame(columns)
