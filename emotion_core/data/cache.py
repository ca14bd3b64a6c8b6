"""Decoded pictures on disk, memory-mapped: decoded once for all trainings, and not bound by memory."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.data.table import FaceTable, OnError, Problem, settle
from emotion_core.data.transforms import decode_table
from emotion_core.errors import DataError, write_remedy

PROBED = 16
"""Pictures whose bytes go into the key of a cache, so that other pictures under the same names are noticed."""

PIECE_BYTES = 256 << 20
"""So much is decoded into memory at a time."""


def decode_cached(
    table: FaceTable,
    size: int,
    *,
    folder: Path | None = None,
    on_error: OnError = "raise",
    workers: int = 4,
    progress: Callable[[int], object] | None = None,
) -> tuple[FaceTable, npt.NDArray[np.uint8]]:
    """Like :func:`~emotion_core.data.transforms.decode_table`, kept in ``folder`` and memory-mapped from there.

    Args:
        table: ``N`` images.
        size: side of the square result, px.
        folder: where decoded pictures are kept; ``None`` decodes into memory.
        on_error: as in ``decode_table``.
        workers: threads that decode.
        progress: called with 1 after every picture, or once with ``N`` when nothing had to be decoded.

    Raises:
        DataError: as in ``decode_table``, or the folder cannot be written.
    """
    if folder is None:
        return decode_table(table, size, on_error=on_error, workers=workers, progress=progress)
    name = f"{table.name}-{size}-{_key(table, size)}"
    pixels_file, ids_file = folder / f"{name}.npy", folder / f"{name}.json"
    try:
        if not ids_file.is_file():
            _fill(table, size, pixels_file, ids_file, on_error=on_error, workers=workers, progress=progress)
        elif progress is not None:
            progress(len(table))
        kept = json.loads(ids_file.read_text(encoding="utf-8"))
        readable = set(kept["ids"])
        problems = [Problem(path=path, reason=reason) for path, reason in kept["problems"]]
        pixels = np.load(pixels_file, mmap_mode="r", allow_pickle=False)
        if len(pixels) != len(readable):
            raise ValueError(f"'{pixels_file.name}' has {len(pixels):,} pictures, its list {len(readable):,}")
    except (OSError, ValueError, LookupError, TypeError) as error:
        reason = getattr(error, "strerror", None) or error
        remedy = write_remedy(error) if isinstance(error, OSError) else "Empty that folder"
        raise DataError(
            f"Decoded pictures cannot be kept in '{folder}' ({reason}). {remedy}, name another folder with --cache, or leave "
            "--cache out to decode into memory."
        ) from error
    if not problems:
        return table, pixels
    # Whoever asks for whole data is refused as if it were decoded now.
    lost = settle(problems, on_error, table.name)
    some = table.where(table.frame["sample_id"].isin(readable))
    return replace(some, problems=table.problems + lost), pixels


def _key(table: FaceTable, size: int) -> str:
    digest = hashlib.sha256(f"{table.name}\0{size}".encode())
    ids = table.sample_ids
    for sample_id in ids:
        digest.update(sample_id.encode() + b"\0")
    for position in sorted({round(i) for i in np.linspace(0, len(ids) - 1, min(PROBED, len(ids)))}):
        try:
            digest.update(table.read_bytes(ids[position]))
        except OSError:
            digest.update(b"unreadable")
    return digest.hexdigest()[:16]


def _fill(
    table: FaceTable,
    size: int,
    pixels_file: Path,
    ids_file: Path,
    *,
    on_error: OnError,
    workers: int,
    progress: Callable[[int], object] | None,
) -> None:
    """Decode in pieces, so that memory never holds more than one, then name the files."""
    pixels_file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=pixels_file.parent, suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        # Grey pictures are kept with one channel, as in memory; the first colour one starts the file again.
        for channels in (1, 3):
            kept = _decode_into(temporary, table, size, channels, on_error=on_error, workers=workers, progress=progress)
            if kept is not None:
                break
        os.replace(temporary, pixels_file)
        written = ids_file.with_name(f"{ids_file.name}.{os.getpid()}.tmp")
        written.write_text(json.dumps(kept, allow_nan=False), encoding="utf-8")
        os.replace(written, ids_file)
    finally:
        temporary.unlink(missing_ok=True)


def _decode_into(
    path: Path,
    table: FaceTable,
    size: int,
    channels: int,
    *,
    on_error: OnError,
    workers: int,
    progress: Callable[[int], object] | None,
) -> dict[str, Any] | None:
    """``ids`` of the pictures that were written, and ``problems``; ``None`` when there are more channels than room for them."""
    piece = max(1, PIECE_BYTES // (3 * size * size))
    ids: list[str] = []
    problems: list[tuple[str, str]] = []
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(table), channels, size, size))
    for start in range(0, len(table), piece):
        rows = np.zeros(len(table), dtype=bool)
        rows[start : start + piece] = True
        part, pixels = decode_table(table.where(rows), size, on_error=on_error, workers=workers, progress=progress)
        if pixels.shape[1] > channels:
            if progress is not None:
                progress(-start - int(rows.sum()))
            return None
        array[len(ids) : len(ids) + len(pixels)] = pixels
        ids += part.sample_ids
        problems += [(problem.path, problem.reason) for problem in part.problems[len(table.problems) :]]
    array.flush()
    if len(ids) < len(table):
        _shorten(path, array, len(ids))
    return {"ids": ids, "problems": problems}


def _shorten(path: Path, array: npt.NDArray[np.uint8], count: int) -> None:
    """Write only the first ``count`` pictures again: an array's length stands in its header."""
    shorter = path.with_suffix(".short")
    try:
        copy = np.lib.format.open_memmap(shorter, mode="w+", dtype=np.uint8, shape=(count, *array.shape[1:]))
        copy[:] = array[:count]
        copy.flush()
        del copy
        os.replace(shorter, path)
    finally:
        shorter.unlink(missing_ok=True)
