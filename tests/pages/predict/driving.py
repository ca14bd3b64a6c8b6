"""Opens the page that predicts, gives it photos and reads it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from matplotlib.cbook import get_sample_data
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.pages.opening import run

SAMPLE = Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False))).read_bytes()


def plain_png(level: int) -> bytes:
    """A picture without a face."""
    stream = io.BytesIO()
    Image.new("RGB", (64, 48), (level, 80, 120)).save(stream, format="PNG")
    return stream.getvalue()


def upload(app: AppTest, *files: tuple[str, bytes]) -> AppTest:
    app.file_uploader[0].set_value([(name, content, "image/jpeg") for name, content in files])
    return run(app)


def try_sample(app: AppTest) -> AppTest:
    run(app)
    next(button for button in app.button if "sample" in button.label).click()
    return run(app)


def images(app: AppTest) -> list[str]:
    """Alternative texts of all pictures on the page."""
    return [image.alt for element in app.image for image in element.proto.imgs]


def drawn(app: AppTest, name: str) -> list[dict[str, Any]]:
    """What the browser is given to draw: ``photo_view`` or ``heat_view``."""
    found = [element.proto for element in app.get("bidi_component") if element.proto.component_name == name]
    return [json.loads(proto.json or proto.mixed.json) for proto in found]


def heat_maps(app: AppTest) -> list[str]:
    """Alternative texts of the heat maps on the page."""
    return [each["alt"] for each in drawn(app, "heat_view")]


def cards(app: AppTest) -> int:
    return sum("cut out" in alt for alt in images(app))


def captions(app: AppTest) -> list[str]:
    return [caption.value.replace("\\", "") for caption in app.caption]
