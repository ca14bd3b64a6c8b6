"""Uploads as a browser sends them, with small drawn pictures."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
from PIL import Image


def picture(seed: int = 0, side: int = 12, kind: str = "PNG") -> bytes:
    """A picture of coloured noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, kind)
    return stream.getvalue()


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """A ZIP archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def class_folders(each: int = 3, names: tuple[str, ...] = ("Happy", "sad", "anger")) -> dict[str, bytes]:
    """So many pictures in each of some folders."""
    return {
        f"mine/{name}/{number}.png": picture(100 * place + number) for place, name in enumerate(names) for number in range(each)
    }
