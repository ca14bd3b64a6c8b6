"""A frame with its faces drawn in: boxes, what they show, and heat maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

from emotion_core.explain.overlay import overlay
from emotion_core.faces import Face, crop_square
from emotion_core.predict.heat import Heat

WIDTH = 960
"""Larger frames are reduced to this width, px."""

GREY = "#808080"

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A face as it is drawn.

    Attributes:
        box: left, top, width, height in pixels of the frame.
        words: beside the box.
        colour: of the box.
        heat: laid over the face, half opaque; ``None`` for none.
    """

    box: tuple[float, float, float, float]
    words: str
    colour: str = GREY
    heat: Heat | None = None


def marks_of(faces: pd.DataFrame, colours: dict[str, str], heats: dict[int, Heat] | None = None) -> list[Mark]:
    """Faces of a film's table as they are drawn, with track and expression.

    Args:
        faces: ``track``, ``left``, ``top``, ``width``, ``height`` and ``shown``, a row a face.
        colours: by expression; others are grey.
        heats: by track.
    """
    rows = faces[["track", "shown", "left", "top", "width", "height"]].to_numpy().tolist()
    return [
        Mark(
            box=(left, top, width, height),
            words=f"{track}: {shown}" if shown else str(track),
            colour=colours.get(str(shown), GREY),
            heat=(heats or {}).get(track),
        )
        for track, shown, left, top, width, height in rows
    ]


def draw_marks(image: Picture, marks: Sequence[Mark]) -> Picture:
    """Draw faces in.

    Args:
        image: the frame, RGB.
        marks: its faces.

    Returns:
        A new picture, at most :data:`WIDTH` px wide.
    """
    scale = min(1.0, WIDTH / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA) if scale < 1 else image.copy()
    scaled = [(mark, tuple(float(value) * scale for value in mark.box)) for mark in marks]
    for mark, box in scaled:
        if mark.heat is not None and not mark.heat.faint:
            _lay_over(small, box, mark.heat)  # type: ignore[arg-type]
    picture = Image.fromarray(small)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(12, picture.width // 45))
    line = max(2, picture.width // 320)
    for mark, (left, top, width, height) in scaled:
        draw.rectangle((left, top, left + width, top + height), outline=mark.colour, width=line)
        right, bottom = draw.textbbox((0, 0), mark.words, font=font)[2:]
        x, y = max(0.0, min(left, picture.width - right - 9)), max(0.0, top - bottom - 6)
        draw.rectangle((x, y, x + right + 8, y + bottom + 6), fill="black", outline=mark.colour)
        draw.text((x + 4, y + 2), mark.words, font=font, fill="white")
    return np.asarray(picture, dtype=np.uint8).copy()


def _lay_over(picture: Picture, box: tuple[float, float, float, float], heat: Heat) -> None:
    """Half of the heat map's colours over the square that the network read, in place."""
    left, top, side = crop_square(Face((round(box[0]), round(box[1]), max(1, round(box[2])), max(1, round(box[3])))))
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + side, picture.shape[1]), min(top + side, picture.shape[0])
    if x0 >= x1 or y0 >= y1:
        return
    values = cv2.resize(heat.values, (side, side), interpolation=cv2.INTER_LINEAR)[y0 - top : y1 - top, x0 - left : x1 - left]
    picture[y0:y1, x0:x1] = overlay(picture[y0:y1, x0:x1], values.clip(-1 if heat.signed else 0, 1), signed=heat.signed)
