"""Opens the page that predicts, gives it photos and reads it."""

from __future__ import annotations

import io
from pathlib import Path

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


def cards(app: AppTest) -> int:
    return sum("cut out" in alt for alt in images(app))


def captions(app: AppTest) -> list[str]:
    return [caption.value.replace("\\", "") for caption in app.caption]
