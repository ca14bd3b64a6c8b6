"""Photos of people for tests, made of the sample portrait."""

from __future__ import annotations

import io

from matplotlib.cbook import get_sample_data
from PIL import Image


def two_faces() -> bytes:
    """Two portraits side by side, as PNG."""
    portrait = Image.open(str(get_sample_data("grace_hopper.jpg", asfileobj=False)))
    canvas = Image.new("RGB", (900, 600), "grey")
    canvas.paste(portrait, (0, 0))
    canvas.paste(portrait.resize((256, 300)), (600, 100))
    stream = io.BytesIO()
    canvas.save(stream, format="PNG")
    return stream.getvalue()
