"""How many small faces of a large photo are found, and what looking for them costs."""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import resources
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from emotion_core.data.drawing.expressions import express
from emotion_core.data.drawing.person import draw_person
from emotion_core.data.drawing.picture import View, draw_picture
from emotion_core.data.schematic import face_truth
from emotion_core.faces import Detection, Face, FaceDetector, load_detector
from emotion_core.faces.loading import MODEL_NAME
from emotion_core.images import read_image

Array = npt.NDArray[np.uint8]
SIZE = (4000, 3000)
SIZES = (250, 120, 80, 60)
PEOPLE = (
    4, 5, 8, 11, 13, 15, 17, 19, 22, 24, 25, 29, 30, 32, 33, 36, 39, 40, 42, 43, 45, 46, 47, 48, 49, 51, 54, 55,
    56, 57, 61, 64, 67, 69, 73, 75, 77, 78, 79, 81, 83, 85, 86, 87, 89, 94, 97, 98, 101, 105, 106, 109, 110, 112,
    113, 117, 120, 121, 125, 126,
)  # fmt: skip
"""Drawn people whom YuNet takes for faces when they are alone, of 60, 80 and 250 px, upright and tilted by 20°."""

FACE = 0.64
"""Longer side of a detector's box, in sides of a drawn picture."""


class Scene(NamedTuple):
    """A composed photo, and the middle of each face in it."""

    photo: Array
    middles: list[tuple[float, float]]


def compose(
    sizes: Sequence[float],
    places: Sequence[tuple[float, float]],
    *,
    rolls: Sequence[float] = (0.0,),
    size: tuple[int, int] = SIZE,
) -> Scene:
    """Drawn people in front of a wall of uneven light.

    Args:
        sizes: longer side of a detector's box, px, in turn.
        places: middle of each face, px.
        rolls: by how much heads are tilted, degrees, in turn.
        size: width and height of the photo, px.
    """
    width, height = size
    generator = np.random.default_rng(0)
    light = generator.integers(90, 180, (height // 500 + 2, width // 500 + 2, 3), dtype=np.uint8)
    grain = generator.integers(0, 16, (500, 500, 1), dtype=np.uint8)
    photo = cv2.resize(light, size, interpolation=cv2.INTER_LINEAR)
    photo += np.tile(grain, (height // 500 + 1, width // 500 + 1, 3))[:height, :width]
    for number, (x, y) in enumerate(places):
        side = round(sizes[number % len(sizes)] / FACE)
        left, top = round(x - side / 2), round(y - side / 2)
        colour = tuple(int(each) for each in photo[min(max(top, 0), height - 1), min(max(left, 0), width - 1)])
        picture = _draw(PEOPLE[number % len(PEOPLE)], side, rolls[number % len(rolls)], colour)
        x0, y0, x1, y1 = max(left, 0), max(top, 0), min(left + side, width), min(top + side, height)
        photo[y0:y1, x0:x1] = picture[y0 - top : y1 - top, x0 - left : x1 - left]
    return Scene(photo, list(places))


def grid(count: int, size: tuple[int, int] = SIZE, *, columns: int = 10) -> list[tuple[float, float]]:
    """Places in rows, not quite in line."""
    rows = -(-count // columns)
    generator = np.random.default_rng(1)
    shift = generator.uniform(-0.12, 0.12, (count, 2))
    return [
        ((n % columns + 0.5 + shift[n, 0]) * size[0] / columns, (n // columns + 0.5 + shift[n, 1]) * size[1] / rows)
        for n in range(count)
    ]


def _draw(index: int, side: int, roll: float, background: tuple[int, ...]) -> Array:
    person = replace(draw_person((0, index)), background=background)
    return draw_picture(person, express(*face_truth(0, index)), View(roll=roll), side, np.random.default_rng(0))


def found(scene: Scene, faces: Sequence[Face]) -> tuple[int, int]:
    """How many of the scene's faces are found, and how many boxes are doubles or no face."""
    hit = set()
    for face in faces:
        x, y, width, height = face.box
        hit |= {i for i, (a, b) in enumerate(scene.middles) if x <= a <= x + width and y <= b <= y + height}
    return len(hit), len(faces) - len(hit)


class OneLook(FaceDetector):
    """YuNet as it is mostly used, for comparison: OpenCV's network over a photo reduced to 640 pixels, and once more to 320
    where that finds nothing, or a large face. Until small faces were looked for, this was our detector.
    """

    name = "one look"

    def __init__(self) -> None:
        model = np.frombuffer((resources.files("emotion_core.faces") / "model" / MODEL_NAME).read_bytes(), dtype=np.uint8)
        self._network = cv2.FaceDetectorYN.create("onnx", model, np.empty(0, dtype=np.uint8), (320, 320), 0.6)

    def detect(self, image: Array) -> Detection:
        longer = max(image.shape[:2])
        faces = self._look(image, min(longer, 640))
        if max((max(face.box[2:]) for face in faces), default=longer) * 640 / longer > 160:
            faces += self._look(image, min(longer, 320))
        return Detection(tuple(faces), self.name)

    def _look(self, image: Array, side: int) -> list[Face]:
        scale = side / max(image.shape[:2])
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        self._network.setInputSize(size)
        rows = self._network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1]
        faces = [] if rows is None else (rows / scale).tolist()
        return [Face((round(row[0]), round(row[1]), round(row[2]), round(row[3]))) for row in faces]


def texture(size: tuple[int, int], seed: int = 0) -> Array:
    """A photo without a face in which much resembles one: noise with the spectrum of natural pictures, amplitudes as 1 / f."""
    width, height = size
    generator = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = 1
    noise = [np.fft.rfft2(generator.standard_normal((height, width))) for _ in range(3)]
    planes = [np.fft.irfft2(each / frequency, (height, width)) for each in noise]
    picture = np.stack([planes[0] + 0.3 * plane for plane in planes], axis=-1)
    return np.asarray((120 + 55 * (picture - picture.mean()) / picture.std()).clip(0, 255), dtype=np.uint8)


def scenes() -> dict[str, Scene]:
    """Photos by what they show, of 12 megapixels unless that says otherwise."""
    tilted = (-15.0, 0.0, 15.0)
    return {
        **{f"60 faces of {size} px": compose([size], grid(60)) for size in SIZES},
        "60 faces of 60 px, tilted": compose([60], grid(60), rolls=tilted),
        "60 faces, 250 and 60 px": compose([250, 60], grid(60)),
        "one face of 1,500 px": compose([1500], [(2000, 1500)]),
        "one face of 500 px": compose([500], [(2000, 1500)]),
        "no face": compose([500], []),
        "texture": Scene(texture(SIZE), []),
        "texture, 2 megapixels": Scene(texture((1632, 1224)), []),
        "one face of 300 px, 2 megapixels": compose([300], [(800, 600)], size=(1632, 1224)),
    }


def seconds(detectors: Sequence[FaceDetector], content: bytes, repeats: int, clock: Callable[[], float]) -> list[float]:
    """Median time of each to decode a photo and find its faces; they take turns."""
    times: list[list[float]] = [[] for _ in detectors]
    for _ in range(repeats):
        for mine, detector in zip(times, detectors, strict=True):
            started = clock()
            detector.detect(read_image(content))
            mine.append(clock() - started)
    return [statistics.median(mine) for mine in times]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faces", description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="measure time on the processor, for a busy machine")
    arguments = parser.parse_args(argv)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    ours = load_detector()
    once = OneLook()
    what = "processor" if arguments.cpu_time else "wall"
    print(f"Photos of {SIZE[0]:,} x {SIZE[1]:,} px, {what} time with decoding, median of {arguments.repeats} rounds")
    for title, scene in scenes().items():
        stream = io.BytesIO()
        Image.fromarray(scene.photo).save(stream, format="JPEG", quality=92)
        content = stream.getvalue()
        photo = read_image(content)
        hits, before = found(scene, ours.detect(photo).faces), found(scene, once.detect(photo).faces)
        times = seconds((once, ours), content, arguments.repeats, clock)
        print(
            f"{title}: found {hits[0]} ({hits[1]} wrong) in {times[1]:.3f} s; in one look {before[0]} in {times[0]:.3f} s; "
            f"{times[1] / times[0]:.2f} times as long",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
