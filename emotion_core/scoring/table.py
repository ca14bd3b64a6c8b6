"""The table that scoring makes: a row a face, one for a picture without any, one for what could not be read and why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from emotion_core.labels import AFFECT, EXPRESSIONS, OUTPUTS

if TYPE_CHECKING:
    from emotion_core.predict import Prediction

PROBS = tuple(f"prob_{name}" for name in EXPRESSIONS)
MAPS = "maps"
"""Column of ``--maps``: what every place adds to every output, ten maps of ``h * w`` values one after the other."""

_TEXT = pa.string()
_WORDS = pa.dictionary(pa.int32(), pa.string())

FIELDS: tuple[tuple[str, pa.DataType], ...] = (
    ("source", _TEXT), ("key", _TEXT), ("frame", pa.int32()), ("time", pa.float64()),
    ("width", pa.int32()), ("height", pa.int32()), ("face", pa.int16()), ("left_out", pa.int32()), ("track", pa.int32()),
    ("left", pa.int32()), ("top", pa.int32()), ("face_width", pa.int32()), ("face_height", pa.int32()),
    ("score", pa.float32()), ("sharpness", pa.float32()), ("yaw", pa.float32()), ("roll", pa.float32()),
    ("unfamiliar", pa.bool_()), ("expression", _WORDS), ("stands", pa.bool_()), ("set", pa.list_(_TEXT)),
    ("prob", pa.float32()),
    *((name, pa.float32()) for name in PROBS), *((name, pa.float32()) for name in AFFECT), ("error", _TEXT),
)  # fmt: skip
"""Columns and their types; ``docs/scale.md`` says what they hold."""

COLUMNS = tuple(name for name, _ in FIELDS)


def schema(*, maps: bool) -> pa.Schema:
    """The table's columns.

    Args:
        maps: whether heat maps are kept.
    """
    return pa.schema([*FIELDS, (MAPS, pa.list_(pa.float32()))] if maps else list(FIELDS))


def rows_of(
    prediction: Prediction,
    source: str,
    key: str,
    *,
    maps: bool,
    film: Mapping[str, Any] | None = None,
    tracks: tuple[int, ...] = (),
) -> list[dict[str, Any]]:
    """Rows of one picture, or of one frame of a film.

    Args:
        prediction: what was read from it.
        source: the file, or the container.
        key: inside the container; empty for a file.
        maps: whether heat maps are kept.
        film: ``frame`` and ``time`` of a film's frame.
        tracks: number of each face's track in a film.
    """
    photo = prediction.photo
    if photo.error is not None:
        return [unread(source, key, photo.error)]
    common = {
        "source": as_text(source), "key": as_text(key), "width": photo.width, "height": photo.height,
        "left_out": photo.left_out, **(film or {}),
    }  # fmt: skip
    rows = []
    for number, (found, reading) in enumerate(zip(photo.faces, prediction.readings, strict=True)):
        quality = found.quality
        left, top, width, height = found.face.box
        row = {
            **common, "face": number, "left": left, "top": top, "face_width": width, "face_height": height,
            "score": found.face.score, "sharpness": quality.sharpness, "yaw": quality.yaw, "roll": quality.roll,
            "unfamiliar": reading.unfamiliar, "expression": reading.expression, "stands": reading.stands,
            "set": list(reading.possible), **{f"prob_{name}": value for name, value in reading.probabilities.items()},
            "valence": reading.valence, "arousal": reading.arousal,
        }  # fmt: skip
        if reading.expression is not None:
            row["prob"] = reading.probabilities[reading.expression]
        if tracks:
            row["track"] = tracks[number]
        if maps:
            row[MAPS] = np.concatenate(
                [reading.contributions[name].ravel() for name in OUTPUTS if name in reading.contributions]
            )
        rows.append(row)
    return rows or [common]


def unread(source: str, key: str, reason: str) -> dict[str, Any]:
    """The row of what could not be read.

    Args:
        source: the file, or the container.
        key: inside the container.
        reason: a sentence.
    """
    return {"source": as_text(source), "key": as_text(key), "error": as_text(reason)}


def batch(rows: Iterable[Mapping[str, Any]], form: pa.Schema) -> pa.RecordBatch:
    """Rows as Arrow has them; what a row does not say is null."""
    rows = list(rows)
    return pa.RecordBatch.from_arrays([pa.array([row.get(each.name) for row in rows], each.type) for each in form], schema=form)


def as_text(name: str) -> str:
    """A name as Unicode: a file's name may be any bytes.

    Example:
        >>> as_text("caf\\udce9.jpg")
        'caf\\\\xe9.jpg'
    """
    return os.fsencode(name).decode("utf-8", "backslashreplace") if not name.isascii() else name
