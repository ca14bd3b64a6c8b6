"""What distinguishes the images of a split beside their labels, measured once for all runs and kept beside them."""

from __future__ import annotations

import io
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emotion_core.data.identity import is_name
from emotion_core.errors import CheckpointError
from emotion_core.results.checked import LARGEST_TEXT, read_bytes
from emotion_core.results.files import write_bytes
from emotion_core.results.find import checkpoints_folder, checkpoints_folders

MOST_COLUMNS = 200
MOST_TEXTS = 100
"""Different texts in a column."""

LARGEST = 8 * LARGEST_TEXT
"""Bytes of the file, and of what it unpacks to: ten attributes of some 3 million images."""


def attributes_path(dataset: str, split: str, folder: Path | None = None) -> Path:
    """Where the attributes of a split are kept, or would be.

    Args:
        dataset: its name.
        split: name of the split.
        folder: of the runs; by default the first that has them, or the one for new runs.

    Raises:
        CheckpointError: a name would lead out of the folder.
    """
    if not (is_name(dataset) and is_name(split)):
        raise CheckpointError(f"'{dataset}-{split}' cannot name attributes: letters, digits, '.', '_', '-' and '@' only.")
    folders = checkpoints_folders() if folder is None else (folder,)
    paths = [root / f"attributes-{dataset}-{split}.parquet" for root in folders]
    return next((path for path in paths if path.is_file()), paths[0])


def write_attributes(dataset: str, split: str, attributes: pd.DataFrame) -> Path:
    """Keep attributes beside the runs; what was kept before is replaced.

    Args:
        dataset: name of the dataset.
        split: name of the split.
        attributes: a row an image with its id as index: numbers, NaN where there is none, or text.

    Raises:
        CheckpointError: they cannot be written, or a name would lead out of the folder.
    """
    path = attributes_path(dataset, split, checkpoints_folder())
    table = attributes.rename_axis("sample_id").reset_index()
    try:
        write_bytes(path, table.to_parquet(None, index=False))
    except OSError as error:
        raise CheckpointError(
            f"'{path}' cannot be written ({error.strerror}). Make its folder writable, or set EMOTION_CHECKPOINTS."
        ) from error
    return path


def read_attributes(dataset: str, split: str) -> pd.DataFrame | None:
    """The stored attributes of a split, as :func:`write_attributes` took them; ``None`` where there are none.

    Raises:
        CheckpointError: they are damaged, or a name would lead out of the folder.
    """
    path = attributes_path(dataset, split)
    if not path.exists():
        return None
    try:
        file = pq.ParquetFile(io.BytesIO(read_bytes(path, largest=LARGEST)))
        declared = sum(file.metadata.row_group(index).total_byte_size for index in range(file.metadata.num_row_groups))
        if max(declared, file.metadata.num_rows * 8) > LARGEST or file.metadata.num_columns > MOST_COLUMNS:
            raise ValueError(f"it holds {file.metadata.num_rows:,} rows, more than are read")
        table = file.read()
        _check(table)
        frame: pd.DataFrame = table.to_pandas().set_index("sample_id")
    except Exception as error:  # damaged bytes lead the parquet reader to whatever it raises: no list of types is complete
        raise CheckpointError(
            f"'{path}' cannot be read ({error}). Measure them again: python -m emotion_core slices RUN --dataset {dataset} "
            f"--split {split}"
        ) from error
    return frame


def _check(table: pa.Table) -> None:
    ids = table.column("sample_id")
    if ids.null_count or len(ids.unique()) != len(ids):
        raise ValueError("an image has no 'sample_id', or stands in it twice")
    for name in table.column_names:
        kind = table.column(name).type
        text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
        number = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)
        if not (text or (number and name != "sample_id")):
            raise ValueError(f"the column '{name}' holds neither numbers nor text")
        if text and name != "sample_id" and len(table.column(name).unique()) > MOST_TEXTS:
            raise ValueError(f"the column '{name}' holds more than {MOST_TEXTS} different texts")
