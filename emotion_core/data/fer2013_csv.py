"""FER-2013 as it was published: ``fer2013.csv`` with a row an image, ``emotion, pixels, Usage``.

The contest's page also has it as ``icml_face_data.csv``: the same rows in the same order, with other columns first.

I. Goodfellow et al. (2013), Challenges in Representation Learning: A report on three machine learning contests, ICONIP.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from emotion_core.data.rows import find_columns
from emotion_core.data.source import Source, find_file, places
from emotion_core.data.table import FaceTable, OnError, Problem, build_frame, settle
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import FER2013

PIXELS_FILE = "fer2013.csv"
FILES = (PIXELS_FILE, "icml_face_data.csv")
SIDE = 48
"""Side of every picture, px."""

SPLITS = {"Training": "train", "PublicTest": "val", "PrivateTest": "test"}
"""Split of each usage."""

_COLUMNS = ("emotion", "pixels", "Usage")


@dataclass(frozen=True, kw_only=True)
class PixelRows:
    """Usable rows of ``fer2013.csv``.

    Attributes:
        count: rows of the file, usable or not.
        rows: their numbers, from 0; FER+ names its pictures after them.
        emotions: FER-2013's emotion number of each.
        usages: ``Training``, ``PublicTest`` or ``PrivateTest``.
        pixels: grey, 2,304 bytes an image, 83 MB for all of FER-2013; shape ``(N, 48, 48)``.
    """

    count: int
    rows: list[int]
    emotions: list[int]
    usages: list[str]
    pixels: npt.NDArray[np.uint8]

    def reader(self, sample_ids: Sequence[str]) -> Callable[[str], bytes]:
        """Gives the picture of a row as PNG, made when it is asked for.

        Args:
            sample_ids: of the usable rows, in order; where an id occurs twice, its first row counts.
        """
        positions = {sample_id: position for position, sample_id in reversed(list(enumerate(sample_ids)))}

        def read_bytes(sample_id: str) -> bytes:
            if sample_id not in positions:
                raise FileNotFoundError(f"'{PIXELS_FILE}' has no usable row '{sample_id}'")
            stream = io.BytesIO()
            Image.fromarray(self.pixels[positions[sample_id]]).save(stream, "PNG", compress_level=1)
            return stream.getvalue()

        return read_bytes


def read_pixel_rows(source: Source, file: str = PIXELS_FILE) -> tuple[PixelRows, list[Problem]]:
    """Read one of :data:`FILES` line by line and check every pixel; what is wrong with a row is a problem with its line number.

    Raises:
        DataError: the file cannot be read, or its first line does not name the columns.
    """
    problems: list[Problem] = []
    rows: list[int] = []
    labels: list[tuple[int, str]] = []
    pixels = bytearray()
    count = 0
    columns: Mapping[str, int] = {}
    try:
        for line, text in enumerate(source.lines(file), start=1):
            cells = text.removeprefix(b"\xef\xbb\xbf").replace(b'"', b"").split(b",")
            if not columns:
                columns = _find_columns(source, file, cells)
                continue
            if not text.strip():
                continue
            count += 1
            try:
                emotion, usage, values = _read_row(cells, columns)
            except ValueError as error:
                problems.append(Problem(path=f"{file}:{line}", reason=str(error)))
                continue
            rows.append(count - 1)
            labels.append((emotion, usage))
            pixels += values
    except OSError as error:
        raise DataError(f"'{file}' in '{source.path}' cannot be read ({error}). Fetch it again.") from error
    if not columns:
        _find_columns(source, file, [])
    usable = PixelRows(
        count=count,
        rows=rows,
        emotions=[emotion for emotion, _ in labels],
        usages=[usage for _, usage in labels],
        pixels=np.frombuffer(pixels, dtype=np.uint8).reshape(-1, SIDE, SIDE),
    )
    return usable, problems


def _find_columns(source: Source, file: str, cells: list[bytes]) -> Mapping[str, int]:
    header = [cell.decode(errors="replace").strip() for cell in cells]
    columns = find_columns(header, _COLUMNS)
    if len(columns) < len(_COLUMNS):
        raise DataError(
            f"'{file}' in '{source.path}' has the columns {', '.join(header)[:200] or 'of an empty file'}; expected "
            f"{', '.join(_COLUMNS)}."
        )
    return columns


def _read_row(cells: list[bytes], columns: Mapping[str, int]) -> tuple[int, str, bytes]:
    if len(cells) <= max(columns.values()):
        raise ValueError("a cell is missing")
    emotion, usage = (cells[columns[name]].strip().decode(errors="replace") for name in ("emotion", "Usage"))
    if usage not in SPLITS or not (emotion.isdecimal() and len(emotion) == 1 and int(emotion) in FER2013):
        raise ValueError(f"usage '{usage[:40]}' or emotion '{emotion[:40]}' is unknown")
    text = cells[columns["pixels"]].strip()  # the last cell of a line ends with the line
    # What is no digit would end numpy's reading early, with a warning.
    if text.translate(None, b"0123456789 "):
        raise ValueError("the pixels are not whole numbers from 0 to 255")
    values = np.fromstring(text, dtype=np.int64, sep=" ") if text else np.zeros(0, dtype=np.int64)
    if len(values) != SIDE * SIDE:
        raise ValueError(f"{len(values):,} pixels instead of {SIDE * SIDE:,}")
    if values.max() > 255:
        raise ValueError("the pixels are not whole numbers from 0 to 255")
    return int(emotion), usage, values.astype(np.uint8).tobytes()


def find_pixels(data_root: str | Path) -> tuple[Source, str] | None:
    """One of :data:`FILES`, in ``fer2013/``, ``fer2013.zip``, ``ferplus/``, ``ferplus.zip`` or the data folder itself."""
    for file in FILES:
        source = find_file(file, data_root, "fer2013", "ferplus")
        if source is not None:
            return source, file
    return None


def load_fer2013_csv(data_root: str | Path, *, joined: bool = False, on_error: OnError = "raise") -> FaceTable:
    """Read FER-2013's own CSV. Ids are ``fer2013.csv/000000`` and so on, by row, whatever the file is called.

    Args:
        data_root: folder that holds ``fer2013.csv``, or ``fer2013/`` or ``fer2013.zip`` with it.
        joined: ``False`` for the contest's own parts: ``Training`` is ``train``, ``PublicTest`` is ``val``, ``PrivateTest`` is
            ``test``. ``True`` when both tests together are ``test`` and there is no validation split.
        on_error: ``"raise"`` refuses a dataset with broken rows, ``"skip"`` leaves them out and lists them in ``problems``.

    Raises:
        DatasetNotFoundError: there is no such file.
        DataError: it is another table, or has broken rows with ``on_error="raise"``.
    """
    found = find_pixels(data_root)
    if found is None:
        raise DatasetNotFoundError("fer2013", [Path(data_root) / PIXELS_FILE, *places("fer2013", data_root)])
    source, file = found
    usable, problems = read_pixel_rows(source, file)
    kept = settle(problems, on_error, "fer2013")
    if not usable.rows:
        raise DataError(f"'{file}' in '{source.path}' has no usable row.")
    ids = [f"{PIXELS_FILE}/{row:06d}" for row in usable.rows]
    splits = ["test" if joined and usage == "PublicTest" else SPLITS[usage] for usage in usable.usages]
    return FaceTable(
        name="fer2013",
        frame=build_frame(ids, [FER2013[emotion] for emotion in usable.emotions], split=splits),
        read_bytes=usable.reader(ids),
        problems=kept,
    )
