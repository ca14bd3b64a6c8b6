"""Two pictures that act in the browser: a photo with boxes to click, and a face under its heat map."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from emotion_core.explain import colourise
from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.predict import Prediction
from emotion_core.predict.heat import Heat
from emotion_core.texts import shorten
from pages.shared.assets import read_beside

SIDE = 304
"""Side of a face under its heat map, px: twice what the page shows, for fine screens."""

_PHOTO = '<svg role="group"></svg>'
_HEAT = """<div class="pictures"><img><img></div>
<label><span>Opacity</span><input type="range" min="0" max="1" step="0.01" aria-label="Opacity of the heat map"></label>
<label><span>Covers</span><input type="range" min="0" max="1" step="0.01" value="1" aria-label="How much of the face it covers">
</label>"""


_photo = st.components.v2.component(
    "photo_view", html=_PHOTO, css=read_beside(__file__, "photo_view.css"), js=read_beside(__file__, "photo_view.js")
)
_heat = st.components.v2.component(
    "heat_view", html=_HEAT, css=read_beside(__file__, "heat_view.css"), js=read_beside(__file__, "heat_view.js")
)


def show_photo(prediction: Prediction, words: Sequence[str], opened: int, on_open: Callable[[str], None], *, key: str) -> None:
    """The photo with a numbered box for each face, in the colour of its expression.

    Args:
        prediction: of the photo, with its preview.
        words: what is said of each face, shown on hover and read aloud.
        opened: the face whose card is open, from 0.
        on_open: called with ``key`` when another box is chosen.
        key: unique on the page.
    """
    photo = prediction.photo
    faces = [
        {
            "box": list(found.face.box),
            "colour": EXPRESSION_COLOURS.get(reading.expression or "", OTHER),
            "words": f"Face {number}: {said}",
        }
        for number, (found, reading, said) in enumerate(zip(photo.faces, prediction.readings, words, strict=True), start=1)
    ]
    data = {
        "src": _url(photo.preview, "jpeg"),
        "width": photo.width,
        "height": photo.height,
        "faces": faces,
        "open": opened,
        "tall": len(faces) > 1,
        "alt": f"{shorten(photo.name)} with a box for each of {len(faces)} faces",
    }
    _photo(data=data, key=key, on_face_change=lambda: on_open(key))


def chosen_face(key: str) -> int | None:
    """Which box of the photo with this key was chosen just now, from 0."""
    state: Any = st.session_state.get(key)
    number = None if state is None else state.get("face")
    return number if isinstance(number, int) else None


def show_heat(crop: npt.NDArray[np.uint8], heat: Heat, *, alt: str, key: str) -> None:
    """A face under its heat map; how opaque it is, and how much it covers, is up to the browser."""
    _heat(data={"face": _png(_square(crop)), "heat": _png(heat_picture(heat)), "alt": alt}, key=key)


def heat_picture(heat: Heat) -> npt.NDArray[np.uint8]:
    """The map alone, in colours."""
    enlarged = np.asarray(Image.fromarray(heat.values).resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return colourise(enlarged.clip(-1 if heat.signed else 0, 1), signed=heat.signed)


def _square(crop: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.asarray(Image.fromarray(crop).resize((SIDE, SIDE), Image.Resampling.BILINEAR))


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG", compress_level=1)
    return _url(stream.getvalue(), "png")


def _url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
