"""Files that are written whole or not at all."""

from __future__ import annotations

import json
import math
import os
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from emotion_core.durable import replace_durably

DAMAGED_ARCHIVE = (
    *(OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, SyntaxError),
    *(tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
"""What reading a damaged archive of arrays raises: NumPy takes a header apart as if it were Python."""


def write_text(path: Path, text: str) -> None:
    """Write a file under a temporary name, then move it into place."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes | memoryview) -> None:
    """The same for a file that is no text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        replace_durably(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def strict_json(value: Any, **options: Any) -> str:
    """Plain data as JSON that every reader takes: NaN and infinities become ``null``, where Python writes words of its own.

    Args:
        value: as for :func:`json.dumps`.
        options: of :func:`json.dumps`.

    Example:
        >>> strict_json({"low": float("nan"), "high": 0.5})
        '{"low": null, "high": 0.5}'
    """
    return json.dumps(without_nan(value), allow_nan=False, **options)


def without_nan(value: Any) -> Any:
    """Plain data for JSON, which has no NaN and no infinity: both become ``None``."""
    if isinstance(value, Mapping):
        return {key: without_nan(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [without_nan(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
