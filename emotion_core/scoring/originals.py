"""Pictures behind a table's rows, for looking at: only from below one folder, whatever the table says."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotion_core.apart import read_apart
from emotion_core.errors import ImageError
from emotion_core.faces import Face, crop_face
from emotion_core.images import MAX_BYTES, is_picture
from emotion_core.scoring.plan import ARCHIVES, tar_members

MOST_MEMBERS = 20_000
"""Members of a tar archive that are gone through for one picture."""


def face_of(root: Path, source: str, key: str, box: tuple[int, int, int, int]) -> npt.NDArray[np.uint8]:
    """A face, cut out of its picture.

    Args:
        root: the data folder.
        source: the picture, or the archive that holds it.
        key: inside the archive; empty for a picture.
        box: left, top, width and height, px.

    Returns:
        Square RGB.

    Raises:
        ImageError: it does not lie below the folder, or cannot be read; one sentence says which.
    """
    image = read_apart(_content(_below(root, source), key))
    height, width = image.shape[:2]
    left, top = min(max(box[0], 0), width - 1), min(max(box[1], 0), height - 1)
    face = Face((left, top, min(max(box[2], 1), width - left), min(max(box[3], 1), height - top)))
    return crop_face(image, face)


def _below(root: Path, source: str) -> Path:
    """The file, by its real path below the real folder."""
    try:
        path = Path(os.path.realpath(root / source))
        inside = path.is_relative_to(os.path.realpath(root)) and path.is_file()
    except (OSError, ValueError):  # too long, or with a NUL byte
        inside = False
    if not inside:
        raise ImageError("The picture does not lie in the data folder.")
    return path


def _content(path: Path, key: str) -> bytes:
    name = path.name.lower()
    try:
        if not key:
            if not is_picture(path.name):
                raise ImageError("It is no picture.")
            return path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
        if name.endswith(".zip"):
            with zipfile.ZipFile(path) as archive, archive.open(key) as file:
                return file.read(MAX_BYTES + 1)
        if name.endswith(".tar"):
            return _member(path, key)
        if name.endswith(".parquet"):
            return _row(path, int(key))
    except ImageError:
        raise
    except Exception as error:  # damaged archives raise whatever their bytes lead to
        raise ImageError(f"The picture cannot be unpacked ({str(error) or type(error).__name__}).") from error
    known = ", ".join(each for each in ARCHIVES if each.count(".") == 1)
    raise ImageError(f"Pictures are shown of files and of archives that can be read at any place ({known}).")


def _member(path: Path, key: str) -> bytes:
    with path.open("rb") as file:
        for number, member in enumerate(tar_members(file)):
            if member.name == key and member.size <= MAX_BYTES:
                offset, size = member.offset_data, member.size
                break
            if number >= MOST_MEMBERS:
                raise ImageError("The picture lies too far back in its archive.")
        else:
            raise ImageError("The picture is no longer in its archive.")
        file.seek(offset)
        return file.read(size)


def _row(path: Path, row: int) -> bytes:
    import pyarrow.parquet as pq

    from emotion_core.scoring.plan import image_column

    with pq.ParquetFile(path) as table:
        column = image_column(table.schema_arrow, None)
        if column is None:
            raise ImageError("The Parquet file has no usual column of pictures.")
        for group in range(table.metadata.num_row_groups):
            about = table.metadata.row_group(group)
            if row < about.num_rows:
                break
            row -= about.num_rows
        else:
            raise ImageError("The picture is no longer in its file.")
        if about.total_byte_size > 20 * MAX_BYTES:
            raise ImageError("The picture lies in too large a part of its file.")
        for some in table.iter_batches(batch_size=64, row_groups=[group], columns=[column]):
            if row < some.num_rows:
                value = some.column(0)[row].as_py()
                content = value["bytes"] if isinstance(value, dict) else value
                return content if isinstance(content, bytes) else b""
            row -= some.num_rows
    raise ImageError("The picture is no longer in its file.")
