"""Looking at a photo more than once: smaller copies, windows and tiles of it, and one list of faces from all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import cv2

from emotion_core.faces.face import Face

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TILE = 800
"""Longest side of a tile, px: larger ones take more time a pixel, smaller ones overlap more."""

OVERLAP = 96
"""Pixels that neighbouring tiles share; a face up to this size lies whole in one of them."""

WELL_SEEN = 160
"""A face larger than this in a look is seen better in a coarser one."""

PLAIN = 3.0
"""A tile whose grey values differ less than this (standard deviation, of 255) shows no face."""


class View(NamedTuple):
    """A photo, or a part of it, at some resolution.

    Attributes:
        pixels: RGB, ``(h, w, 3)``.
        left: of its first column, in pixels of the photo.
        top: of its first row, in pixels of the photo.
        step: pixels of the photo for one of the view, (right, down).
    """

    pixels: NDArray[np.uint8]
    left: float = 0.0
    top: float = 0.0
    step: tuple[float, float] = (1.0, 1.0)


class Sighting(NamedTuple):
    """A face as one look shows it.

    Attributes:
        face: in pixels of the photo.
        pixels: longer side of its box in the look, px.
    """

    face: Face
    pixels: float

    @property
    def score(self) -> float:
        """The detector's, in [0, 1]."""
        return self.face.score or 0.0


def scale_to(image: NDArray[np.uint8], side: int) -> View:
    """A photo scaled to a longer side. Halving first costs a tenth of one large step, and no face.

    Args:
        image: RGB, ``(H, W, 3)``.
        side: px.
    """
    factor = 1
    while max(image.shape[:2]) >= 2 * side and min(image.shape[:2]) > 1:
        even = image[: image.shape[0] // 2 * 2, : image.shape[1] // 2 * 2]
        image = cv2.resize(even, (even.shape[1] // 2, even.shape[0] // 2), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
        factor *= 2
    height, width = image.shape[:2]
    scale = side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    if size != (width, height):
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)  # type: ignore[assignment]
    return View(image, step=(factor * width / size[0], factor * height / size[1]))


def window_around(image: NDArray[np.uint8], face: Face, *, times: float, seen: int) -> View:
    """The surroundings of a face, scaled so that it is ``seen`` pixels large.

    Args:
        image: the photo, RGB.
        face: in its middle, unless the photo ends before.
        times: side of the window, in sides of the face.
        seen: longer side of the face in the view, px.
    """
    x, y, width, height = face.box
    size = max(width, height)
    half = times * size / 2
    left, top = (max(0, round(middle - half)) for middle in (x + width / 2, y + height / 2))
    part = image[top : round(top + 2 * half), left : round(left + 2 * half)]
    return scale_to(part, max(1, round(max(part.shape[:2]) * seen / size)))._replace(left=left, top=top)


def tiles(view: View) -> Iterator[View]:
    """Overlapping parts of a view that together cover it, all about as large; those of one colour are left out."""
    height, width = view.pixels.shape[:2]
    for top, bottom in _cuts(height):
        for left, right in _cuts(width):
            pixels = view.pixels[top:bottom, left:right]
            if float(cv2.meanStdDev(pixels)[1].max()) >= PLAIN:
                yield View(pixels, view.left + left * view.step[0], view.top + top * view.step[1], view.step)


def is_cut(sighting: Sighting, tile: View, image: NDArray[np.uint8]) -> bool:
    """Whether a face reaches the edge of a tile where the photo goes on, so that the tile next to it shows it whole."""
    x, y, width, height = sighting.face.box
    right, bottom = (
        start + length * step
        for start, length, step in zip((tile.left, tile.top), tile.pixels.shape[1::-1], tile.step, strict=True)
    )
    return sighting.pixels <= OVERLAP and (
        0 < tile.left >= x
        or 0 < tile.top >= y
        or x + width >= right < image.shape[1] - 1
        or y + height >= bottom < image.shape[0] - 1
    )


def _cuts(length: int) -> list[tuple[int, int]]:
    number = max(1, -(-(length - OVERLAP) // (TILE - OVERLAP)))
    side = -(-(length + (number - 1) * OVERLAP) // number)
    starts = [round(index * (length - side) / max(number - 1, 1)) for index in range(number)]
    return [(start, start + side) for start in starts]


def merge(sightings: Sequence[Sighting]) -> list[Face]:
    """Every face once, as the look that shows it best has it: with most pixels, up to :data:`WELL_SEEN`.

    Two sightings are one face where the middle of either box lies in the other and neither is twice as large. Of a face far
    smaller inside another's box, as a detector sees some in hair and collars, the one with the higher score is kept.
    """
    best: list[Sighting] = []
    for sighting in sorted(sightings, key=_clarity, reverse=True):
        if not any(_touch(sighting.face, other.face) and _alike(sighting.face, other.face) for other in best):
            best.append(sighting)
    faces: list[Face] = []
    for face in (each.face for each in by_score(best)):
        if not any(_touch(face, other) for other in faces):
            faces.append(face)
    return faces


def by_score(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The highest score first."""
    return sorted(sightings, key=lambda each: each.score, reverse=True)


def overlaps(sighting: Sighting, other: Sighting) -> bool:
    """Whether the middle of either box lies in the other."""
    return _touch(sighting.face, other.face)


def _clarity(sighting: Sighting) -> tuple[float, float]:
    pixels = sighting.pixels
    return (pixels if pixels <= WELL_SEEN else WELL_SEEN - pixels), sighting.score


def _alike(face: Face, other: Face) -> bool:
    one, two = max(face.box[2:]), max(other.box[2:])
    return max(one, two) < 2 * min(one, two)


def _touch(face: Face, other: Face) -> bool:
    """Whether the middle of either box lies in the other."""
    return _holds(face.box, other.box) or _holds(other.box, face.box)


def _holds(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    x, y = other[0] + other[2] / 2, other[1] + other[3] / 2
    return box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]
