"""Films of drawn faces, made by the tests."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import lru_cache

import av
import cv2
import numpy as np

from emotion_core.data.schematic import SchematicSource, sample_id
from emotion_core.images import read_image

Array = np.ndarray
SIZE = (320, 180)


@lru_cache
def face(index: int, side: int = 128) -> Array:
    """A drawn face; eight in a row are one person."""
    return cv2.resize(read_image(SchematicSource().read(sample_id(0, index))), (side, side), interpolation=cv2.INTER_AREA)


def scene(*placed: tuple[int, int, int], size: tuple[int, int] = SIZE, side: int = 128, level: int = 90) -> Array:
    """A frame with drawn faces, each ``(index, left, top)``."""
    image = np.full((size[1], size[0], 3), level, np.uint8)
    for index, left, top in placed:
        image[top : top + side, left : left + side] = face(index, side)
    return image


def encode(
    frames: Iterable[Array],
    *,
    rate: int = 10,
    form: str = "mp4",
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    times: Sequence[float] | None = None,
) -> bytes:
    """A film as a file; ``times`` in s makes the rate variable."""
    stream = None
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=form) as container:
        for number, image in enumerate(frames):
            if stream is None:
                stream = container.add_stream(codec, rate=rate)
                stream.height, stream.width = image.shape[:2]
                stream.pix_fmt = pix_fmt
                stream.codec_context.time_base = Fraction(1, 1000 if times else rate)
                # Every tenth frame stands alone, and none waits for a later one.
                stream.codec_context.gop_size, stream.codec_context.max_b_frames = 10, 0
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts = number if times is None else round(1000 * times[number])
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode())
        else:
            stream = container.add_stream(codec, rate=rate)
            stream.width, stream.height, stream.pix_fmt = (*SIZE, pix_fmt)
            container.start_encoding()
    return buffer.getvalue()


def shades(count: int, size: tuple[int, int] = (64, 48)) -> list[Array]:
    """Frames that say which they are: each a little brighter, with a bright corner top left."""
    frames = []
    for number in range(count):
        image = np.full((size[1], size[0], 3), 20 + 4 * number, np.uint8)
        image[:16, :16] = (250, 20, 20)
        frames.append(image)
    return frames


def shade(image: Array) -> int:
    """Which of :func:`shades` it is."""
    return round((float(image[-8:, -8:].mean()) - 20) / 4)


def turned(film: bytes) -> bytes:
    """The same MP4 with the note that it is shown a quarter turn clockwise, as phones write it."""
    at = film.index(b"tkhd") + 4 + 4 + 20 + 16
    matrix = [0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30]
    return film[:at] + b"".join(value.to_bytes(4, "big", signed=True) for value in matrix) + film[at + 36 :]
