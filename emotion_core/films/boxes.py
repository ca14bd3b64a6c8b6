"""A frame with its faces drawn in."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from PIL import Image, ImageDraw, ImageFont

WIDTH = 960
"""Larger frames are reduced to this width, px."""


def draw_boxes(image: npt.NDArray[np.uint8], faces: pd.DataFrame, colours: dict[str, str]) -> npt.NDArray[np.uint8]:
    """Boxes with track and expression.

    Args:
        image: the frame, RGB.
        faces: ``track``, ``left``, ``top``, ``width``, ``height`` and ``shown``, a row a face.
        colours: by expression; others are grey.

    Returns:
        A new picture, at most :data:`WIDTH` px wide.
    """
    scale = min(1.0, WIDTH / image.shape[1])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    picture = Image.fromarray(image).resize(size) if scale < 1 else Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=max(12, picture.width // 45))
    line = max(2, picture.width // 320)
    for track, shown, *place in faces[["track", "shown", "left", "top", "width", "height"]].to_numpy().tolist():
        left, top, width, height = (float(value) * scale for value in place)
        colour = colours.get(str(shown), "#808080")
        draw.rectangle((left, top, left + width, top + height), outline=colour, width=line)
        words = f"{track}: {shown}" if shown else str(track)
        box = draw.textbbox((0, 0), words, font=font)
        at = max(0.0, top - box[3] - 6)
        draw.rectangle((left, at, left + box[2] + 8, at + box[3] + 6), fill="black", outline=colour)
        draw.text((left + 4, at + 2), words, font=font, fill="white")
    return np.asarray(picture, dtype=np.uint8).copy()
