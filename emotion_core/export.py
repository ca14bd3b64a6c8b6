"""Predictions as files: CSV for spreadsheets, JSON for programs, photos with what was found drawn in."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.images import read_image
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.files import strict_json
from emotion_core.results.tables import no_formula

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotion_core.predict import Prediction

CSV_COLUMNS = (
    "image",
    "face",
    "left",
    "top",
    "width",
    "height",
    "score",
    "detector",
    "run",
    "expression",
    "stands",
    "set",
    "prior",
    *(f"prob_{name}" for name in EXPRESSIONS),
    *AFFECT,
    "warnings",
)
"""Columns of :func:`to_csv`. The box is in pixels of the upright photo, faces are numbered from 1; ``stands`` is true where the
expression is a verdict and ``set`` holds what else it may be, both empty where the run is not calibrated."""


def to_csv(predictions: Iterable[Prediction]) -> str:
    """A row a face and run. Photos that could not be read, or show no face, have no row.

    Text that a spreadsheet would take for a formula gets a leading apostrophe.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)  # lines end as RFC 4180 wants it, and names with either half of that are quoted
    writer.writerow(CSV_COLUMNS)
    for prediction in predictions:
        photo = prediction.photo
        for number, (found, reading) in enumerate(zip(photo.faces, prediction.readings, strict=True), start=1):
            writer.writerow(
                [
                    no_formula(photo.name),
                    number,
                    *found.face.box,
                    _decimals(found.face.score),
                    no_formula(photo.detector),
                    no_formula(prediction.run),
                    reading.expression or "",
                    "" if reading.stands is None else str(reading.stands).lower(),
                    " ".join(reading.possible),
                    "" if prediction.interpretation is None else prediction.interpretation.prior_dict()["name"],
                    *(_decimals(reading.probabilities.get(name)) for name in EXPRESSIONS),
                    _decimals(reading.valence),
                    _decimals(reading.arousal),
                    "; ".join(prediction.warnings(number - 1)),
                ]
            )
    return stream.getvalue()


def to_json(predictions: Iterable[Prediction]) -> str:
    """A list with one object a photo and run; photos that could not be read say why."""
    return strict_json([prediction.to_dict() for prediction in predictions], indent=2, ensure_ascii=False) + "\n"


def draw_faces(image: NDArray[np.uint8], predictions: Sequence[Prediction]) -> NDArray[np.uint8]:
    """Boxes, and above each what was read from the face.

    Args:
        image: the upright photo, RGB of shape ``(H, W, 3)``, uint8.
        predictions: of this photo, one a run. Boxes take the colour of the first run's expression.

    Returns:
        A new image of the same shape.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    unit = max(1, round(max(picture.size) / 400))
    font = ImageFont.load_default(size=max(12, 8 * unit))
    for number, found in enumerate(predictions[0].photo.faces if predictions else ()):
        left, top, width, height = found.face.box
        colour = EXPRESSION_COLOURS.get(predictions[0].readings[number].expression or "", OTHER)
        draw.rectangle((left, top, left + width - 1, top + height - 1), outline=colour, width=unit)
        words = "\n".join(_words(each, number, several=len(predictions) > 1) for each in predictions)
        pad = 3 * unit
        box = draw.multiline_textbbox((0, 0), words, font=font, spacing=unit)
        label_width, label_height = box[2] + 2 * pad, box[3] + 2 * pad
        x = max(0, min(left, picture.width - label_width))
        y = top - label_height if top >= label_height else min(top + height, picture.height - label_height)
        y = max(0, y)
        draw.rectangle((x, y, x + label_width, y + label_height), fill="black", outline=colour, width=unit)
        draw.multiline_text((x + pad, y + pad), words, font=font, fill="white", spacing=unit)
    return np.asarray(picture, dtype=np.uint8).copy()


def to_png(
    content: bytes,
    predictions: Sequence[Prediction],
    *,
    read: Callable[[bytes], NDArray[np.uint8]] = read_image,
) -> bytes:
    """A photo's file with its faces drawn in, as PNG. Nothing of the file's metadata is carried over.

    Args:
        content: of the file.
        predictions: for it, one a run.
        read: gives the pixels of a file; :func:`~emotion_core.apart.read_apart` for files from strangers.

    Raises:
        ImageError: the file cannot be read.
    """
    stream = io.BytesIO()
    Image.fromarray(draw_faces(read(content), predictions)).save(stream, format="PNG")
    return stream.getvalue()


def to_zip(
    photos: Iterable[tuple[bytes, Sequence[Prediction]]],
    *,
    read: Callable[[bytes], NDArray[np.uint8]] = read_image,
) -> bytes:
    """Several photos with their faces drawn in, as PNG files in a ZIP archive; those that cannot be read are left out.

    Args:
        photos: content of each file, and its predictions, one a run.
        read: as in :func:`to_png`.
    """
    stream = io.BytesIO()
    # PNG is compressed already.
    with zipfile.ZipFile(stream, "w", compression=zipfile.ZIP_STORED) as archive:
        for number, (content, predictions) in enumerate(photos, start=1):
            if predictions and predictions[0].photo.error is None:
                archive.writestr(f"{number:03d}-{png_name(predictions[0].photo.name)}", to_png(content, predictions, read=read))
    return stream.getvalue()


def png_name(name: str) -> str:
    """A file name for the drawn-in photo: no folders, no odd characters, not long.

    Example:
        >>> png_name("../Team <3>/photo 1.jpg")
        'photo_1-faces.png'
    """
    stem = re.sub(r"[^\w-]+", "_", PurePosixPath(name.replace("\\", "/")).stem).strip("_")
    return f"{stem[:60] or 'photo'}-faces.png"


def _words(prediction: Prediction, number: int, *, several: bool) -> str:
    reading = prediction.readings[number]
    if reading.expression is not None:
        words = f"{reading.verdict} {reading.probabilities[reading.expression]:.2f}"
        if reading.stands is False:
            words = reading.verdict
    elif reading.valence is not None and reading.arousal is not None:
        words = f"valence {reading.valence:.2f}, arousal {reading.arousal:.2f}"
    else:
        words = "face"
    return f"{prediction.run}: {words}" if several else words


def _decimals(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
