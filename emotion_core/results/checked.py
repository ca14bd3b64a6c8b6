"""What is read from a run folder, checked: anybody may have written, damaged or replaced any file in it.

Files are ordinary ones of a bounded size, numbers fit into 64 bits, and every entry that something is done with has its type
and range. What is wrong is a :class:`~emotion_core.errors.CheckpointError` that names the file and the entry.
"""

from __future__ import annotations

import io
import json
import os
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, NoReturn

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from msgspec import Meta, Struct

from emotion_core.errors import CheckpointError
from emotion_core.labels import EXPRESSIONS

LARGEST_TEXT = 32 << 20
"""Bytes of a text file that are read: the history of 100,000 epochs."""

LARGEST_TABLE = 2 << 30
"""Bytes of predictions in memory: some 20 million images."""

LARGEST_ARRAYS = 1 << 30
"""Bytes of an archive of arrays, packed and unpacked."""

DIGITS = 18
"""Of a whole number: more do not fit into 64 bits."""

Number = Annotated[float, Meta(ge=-1e15, le=1e15)]
Count = Annotated[int, Meta(ge=0, le=10**15)]
Text = Annotated[str, Meta(max_length=20_000)]


class Value(Struct):
    """A measure with its interval; ``None`` where it is not defined."""

    value: Number | None
    low: Number | None = None
    high: Number | None = None


class Selection(Struct):
    """What chose the stored epoch."""

    measure: Text = ""
    split: Text = ""
    keep: Text = ""
    value: Number | None = None
    epoch: Count | None = None


class Rest(Struct):
    """Measures without the images that leaked."""

    images: Count
    left_out: Count
    measures: dict[Text, Value]
    ids: list[Text] = []


class Whole(Struct):
    """All images of a benchmark, of which an imported network may answer some."""

    fingerprint: Text
    images: Count = 0
    classes: list[Text] = []


class Imported(Struct):
    """How results of others were read."""

    rows: Count = 0
    matched: dict[Text, Count] = {}
    findings: list[Text] = []


class Metrics(Struct):
    """The entries of ``metrics.json`` that something is done with."""

    dataset: Text = ""
    split: Text = ""
    images: Count = 0
    left_out: Count = 0
    fingerprint: Text = ""
    num_classes: Annotated[int, Meta(ge=1, le=len(EXPRESSIONS))] = len(EXPRESSIONS)
    classes: list[Text] = []
    flip: bool = False
    temperature: Number | None = None
    seed: int = 0
    chosen_by: Selection | None = None
    measures: dict[Text, Value] = {}
    collapse: list[Text] = []
    members: list[Text] = []
    without_leaked: Rest | None = None
    benchmark: Whole | None = None
    imported: Imported | None = None
    predictions: Text = ""


class Images(Struct):
    """One split of a dataset."""

    images: Count = 0
    fingerprint: Text = ""


class TrainedFrom(Struct):
    """One of several datasets."""

    dataset: Text
    images: Count = 0
    left_out: Count = 0


class Trained(Struct):
    """What a run is trained on."""

    name: Text = ""
    learn_from: Text = ""
    train: Images | None = None
    val: Images | None = None
    sources: list[TrainedFrom] = []


class Stage(Struct):
    """One phase of a training."""

    name: Text
    epochs: Count


class Training(Struct):
    """The entries of a training's configuration that something is said of."""

    title: Text = ""
    reproduces: Text = ""
    select: Text = ""
    epochs: Count = 0
    phases: list[Stage] = []
    members: list[Text] = []
    averaged: list[Text] = []


class Fitted(Struct):
    """What was fitted on one benchmark; :mod:`~emotion_core.results.calibration` reads the rest."""

    temperature: Annotated[float, Meta(gt=0, le=1e6)]
    prior: Text = ""
    images: Count = 0


class Described(Struct):
    """The entries of ``run.json`` beside those whose type :class:`~emotion_core.results.run.RunInfo` says."""

    outputs: list[Text] = []
    training: Training = msgspec.field(default_factory=Training)
    dataset: Trained = msgspec.field(default_factory=Trained)
    selection: Selection = msgspec.field(default_factory=Selection)
    calibration: dict[Text, Fitted] = {}
    timings: dict[Text, Number | Text | bool | None] = {}
    versions: dict[Text, Text] = {}
    prior: dict[Text, Number] = {}
    num_params: Count = 0
    seconds: Annotated[float, Meta(ge=0, le=1e12)] = 0.0
    init: Text = ""
    device: Text = ""
    changed: Text = ""
    variant_of: Text = ""
    origin: dict[Text, Text] = {}


@contextmanager
def open_file(path: Path, *, largest: int = LARGEST_TEXT) -> Iterator[BinaryIO]:
    """An ordinary file, opened to be read.

    Args:
        path: of the file; a pipe is not waited for, a device is not read.
        largest: number of bytes.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is no ordinary file, or larger.
    """
    # Without O_NONBLOCK, opening a pipe waits for somebody to write into it.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as stream:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not an ordinary file")
        if status.st_size > largest:
            raise ValueError(f"it has {status.st_size:,} bytes, more than the {largest:,} that are read")
        yield stream


@contextmanager
def open_arrays(path: Path) -> Iterator[Any]:
    """An archive of arrays as NumPy writes it, without pickles, that unpacks to a bounded size.

    Raises:
        OSError, ValueError, zipfile.BadZipFile: it cannot be read, or is larger.
    """
    with open_file(path, largest=LARGEST_ARRAYS) as stream:
        with zipfile.ZipFile(stream) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST_ARRAYS:
            raise ValueError(f"it unpacks to {size:,} bytes, more than the {LARGEST_ARRAYS:,} that are read")
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as arrays:
            yield arrays


def read_bytes(path: Path, *, largest: int = LARGEST_TEXT) -> bytes:
    """Content of an ordinary file; arguments and errors as in :func:`open_file`."""
    with open_file(path, largest=largest) as stream:
        return stream.read(largest)


def read_text(path: Path) -> str:
    """Text of an ordinary file; errors as in :func:`read_bytes`, and ``ValueError`` where it is not UTF-8."""
    return read_bytes(path).decode("utf-8")


def parse_json(text: str) -> Any:
    """JSON whose numbers fit into 64 bits and are finite, and whose text is Unicode.

    Raises:
        ValueError: it is not valid, nested too deeply, or holds other numbers or halves of characters.
    """
    try:
        content = json.loads(text, parse_int=_whole, parse_float=_real, parse_constant=_refuse)
        if "\\ud" in text.lower():
            json.dumps(content, ensure_ascii=False, allow_nan=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return content


def read_json(path: Path) -> Any:
    """JSON of an ordinary file; errors as in :func:`read_bytes` and :func:`parse_json`."""
    return parse_json(read_text(path))


def _whole(digits: str) -> int:
    if len(digits) > DIGITS + digits.startswith("-"):
        raise ValueError(f"a number has {len(digits)} digits")
    return int(digits)


def _real(digits: str) -> float:
    value = float(digits)
    if not np.isfinite(value):
        raise ValueError(f"the number {digits[:40]} is too large")
    return value


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")


def check_metrics(content: Any, path: Path) -> dict[str, Any]:
    """Content of ``metrics.json``, if every entry that something is done with is what it should be.

    Raises:
        CheckpointError: one is not; the message names it.
    """
    if not isinstance(content, dict):
        raise CheckpointError(f"'{path}' is not readable JSON. Evaluate again.")
    try:
        msgspec.convert(content, Metrics)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"'{path}' cannot be used: {_said(error)}. Evaluate again.") from error
    return content


def check_info(content: dict[str, Any], path: Path) -> None:
    """Refuse a ``run.json`` with an entry that is not what it should be.

    Raises:
        CheckpointError: the message names it.
    """
    try:
        msgspec.convert(content, Described)
    except msgspec.ValidationError as error:
        raise CheckpointError(f"'{path}' cannot be used: {_said(error)}. Restore it, or train the run again.") from error


def _said(error: msgspec.ValidationError) -> str:
    """What is wrong where, as 'expected `float`, got `str` at measures.accuracy.low'."""
    reason, _, place = str(error).partition(" - at `$")
    place = place.strip("`").removeprefix(".")
    return f"{reason[:1].lower()}{reason[1:]}" + (f" at {place}" if place else "")


def read_table(path: Path, columns: list[str]) -> pd.DataFrame:
    """Some columns of ``predictions.parquet``, checked by their names: text for ids and expressions, else numbers.

    Args:
        path: of the file.
        columns: which ones.

    Raises:
        CheckpointError: it cannot be read, would fill the memory, has no rows, or a column holds what it should not.
    """
    try:
        file = pq.ParquetFile(io.BytesIO(read_bytes(path, largest=LARGEST_TABLE)))
        size = file.metadata.num_rows * 8 * max(len(columns), 1)
        declared = sum(file.metadata.row_group(index).total_byte_size for index in range(file.metadata.num_row_groups))
        if max(size, declared) > LARGEST_TABLE:
            raise ValueError(f"it holds {file.metadata.num_rows:,} rows, more than fit into memory")
        if absent := [name for name in columns if name not in file.schema_arrow.names]:
            raise ValueError(f"it has no column '{absent[0]}'")
        table = file.read(columns=columns)
        _check_columns(table)
        frame: pd.DataFrame = table.to_pandas()
    except Exception as error:  # damaged bytes lead the parquet reader to whatever it raises: no list of types is complete
        raise CheckpointError(f"'{path}' cannot be read ({error}). Evaluate the run again.") from error
    return frame


def _check_columns(table: pa.Table) -> None:
    if not table.num_rows:
        raise ValueError("it has no rows")
    for name in table.column_names:
        column = table.column(name)
        kind = column.type
        if pa.types.is_dictionary(kind):
            kind = kind.value_type
        if name in ("sample_id", "expression"):
            unlabelled = name == "expression" and pa.types.is_null(kind)
            if not (unlabelled or pa.types.is_string(kind) or pa.types.is_large_string(kind)):
                raise ValueError(f"the column '{name}' is not text")
            if name == "sample_id" and column.null_count:
                raise ValueError("an image has no 'sample_id'")
        elif not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise ValueError(f"the column '{name}' does not hold numbers")
        elif name.startswith("prob_"):
            values = column.to_numpy().astype(np.float64)
            if ((values < -1e-3) | (values > 1 + 1e-3)).any():
                raise ValueError(f"the column '{name}' holds numbers outside [0, 1]")
        elif np.isinf(column.to_numpy().astype(np.float64)).any():
            raise ValueError(f"the column '{name}' holds infinities")
