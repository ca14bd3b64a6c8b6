"""One face and what was read from it, as a picture to keep."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict import Reading
from emotion_core.texts import signed

WIDTH, HEIGHT, SIDE, PAD = 960, 420, 280, 24


def card_png(crop: NDArray[np.uint8], overlay: NDArray[np.uint8] | None, reading: Reading, below: str) -> bytes:
    """Face, overlay, verdict, probabilities, valence and arousal on white, 960 × 420 px.

    Args:
        crop: square RGB face.
        overlay: the same face under a heat map; ``None`` where there is none.
        reading: what was read from it.
        below: a line that says what the overlay shows and which run read the face.

    Returns:
        A PNG file.
    """
    card = Image.new("RGB", (WIDTH, HEIGHT), "white")
    draw = ImageDraw.Draw(card)
    large, usual = (ImageFont.load_default(size=size) for size in (28, 16))
    draw.text((PAD, PAD), reading.verdict.capitalize() or "Valence and arousal", font=large, fill="black")
    pictures = [crop] if overlay is None else [crop, overlay]
    for number, picture in enumerate(pictures):
        image = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        card.paste(image, (PAD + number * (SIDE + 12), 72))
    left = PAD + len(pictures) * (SIDE + 12) + 12
    for number, name in enumerate(each for each in EXPRESSIONS if each in reading.probabilities):
        value, y = reading.probabilities[name], 72 + number * 28
        draw.text((left, y), name, font=usual, fill="black")
        draw.rectangle((left + 92, y + 3, left + 92 + round(150 * value), y + 17), fill=EXPRESSION_COLOURS[name])
        draw.text((left + 98 + round(150 * value), y), f"{value:.2f}", font=usual, fill="black")
    if reading.valence is not None and reading.arousal is not None:
        words = f"valence {signed(reading.valence)}, arousal {signed(reading.arousal)}"
        draw.text((left, 72 + 8 * 28 + 8), words, font=usual, fill="black")
    draw.text((PAD, 72 + SIDE + 16), below, font=usual, fill="black")
    stream = io.BytesIO()
    card.save(stream, format="PNG")
    return stream.getvalue()
