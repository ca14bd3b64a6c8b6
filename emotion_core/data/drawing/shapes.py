"""Outlines as arrays of points, and the fixed-point polygons that OpenCV fills.

Points have shape ``(N, 2)``. One unit is a little more than half a head; x grows to the right and y downwards, and (0, 0) is
the middle of the face.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Colour = tuple[int, int, int]
"""Red, green, blue, each 0..255."""

SPAN: Points = np.linspace(-1.0, 1.0, 25)
"""Positions along a stroke, from its left end to its right."""

_TURN = np.linspace(0.0, 2 * math.pi, 48, endpoint=False)
CIRCLE: Points = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)
"""A circle of radius 1."""
_DOT = CIRCLE[::3]

_ASIDE = np.array([-1.0, 1.0])
_BEND = np.linspace(math.pi / 2, -math.pi / 2, 7)[1:-1]
_CAP = np.stack([np.cos(_BEND), np.sin(_BEND)], axis=1)
"""Round end of a stroke: shares along it and aside."""

_BITS = 5
"""Binary places of a polygon's corners: 1/32 of a pixel."""

SUPERSAMPLING = 2
"""Pictures are filled, antialiased, at so many times their size, then reduced."""


class Shape(NamedTuple):
    """One filled outline."""

    colour: Colour
    points: Points


def mix(one: Colour, other: Colour, share: float) -> Colour:
    """``share`` of the second colour in the first."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def ellipse(x: float, y: float, width: float, height: float) -> Points:
    """An ellipse by its centre and half axes."""
    return CIRCLE * (width, height) + (x, y)


def dot(x: float, y: float, radius: float) -> Points:
    """A small circle, of fewer points."""
    return _DOT * radius + (x, y)


def line(x: Points | float, y: Points | float) -> Points:
    """Points from their two coordinates; a single number stands for all."""
    points = np.empty((max(np.size(x), np.size(y)), 2))
    points[:, 0] = x
    points[:, 1] = y
    return points


@cache
def _rises(count: int) -> Points:
    """From 0 at both ends to 1 in the middle, shape ``(count,)``."""
    rises = np.sin(np.linspace(0.0, math.pi, count))
    rises.setflags(write=False)
    return rises


def ribbon(path: Points, width: float, *, start: float = 1.0, end: float = 1.0) -> Points:
    """A stroke along a path, as an outline.

    Args:
        path: its middle line, shape ``(N, 2)``.
        width: of the stroke in the middle.
        start: share of the width where it begins; ends are rounded.
        end: share of the width where it ends.
    """
    steps = np.empty_like(path)
    steps[1:-1] = path[2:] - path[:-2]
    steps[0], steps[-1] = path[1] - path[0], path[-1] - path[-2]
    steps /= np.sqrt((steps**2).sum(axis=1) + 1e-12)[:, None]
    normals = steps[:, ::-1] * _ASIDE
    taper = _rises(len(path)).copy()
    middle = len(path) // 2
    taper[:middle] = start + (1 - start) * taper[:middle]
    taper[middle:] = end + (1 - end) * taper[middle:]
    half = (0.5 * width * taper)[:, None]
    last = path[-1] + half[-1] * (_CAP[:, :1] * steps[-1] + _CAP[:, 1:] * normals[-1])
    first = path[0] - half[0] * (_CAP[:, :1] * steps[0] + _CAP[:, 1:] * normals[0])
    side = half * normals
    return np.concatenate([path + side, last, (path - side)[::-1], first])


def moved(shapes: Sequence[Shape], move: Callable[[Points], Points]) -> list[Shape]:
    """The same shapes with all their points moved at once."""
    points = move(np.concatenate([shape.points for shape in shapes]))
    ends = np.cumsum([len(shape.points) for shape in shapes]).tolist()
    begins = [0, *ends[:-1]]
    return [Shape(shape.colour, points[begin:end]) for shape, begin, end in zip(shapes, begins, ends, strict=True)]


def fill(shapes: Sequence[Shape], background: Colour, matrix: Points, size: int) -> npt.NDArray[np.uint8]:
    """Fill outlines one over the other.

    Args:
        shapes: from the back to the front.
        background: colour below all of them.
        matrix: from units to pixels of the picture, shape ``(2, 3)``.
        size: side of the picture, px.

    Returns:
        RGB, shape ``(size, size, 3)``.
    """
    side = size * SUPERSAMPLING
    canvas = np.empty((side, side, 3), dtype=np.uint8)
    cv2.rectangle(canvas, (0, 0), (side, side), background, cv2.FILLED)
    points = np.concatenate([shape.points for shape in shapes])
    placed = (points @ matrix[:, :2].T + matrix[:, 2]) * SUPERSAMPLING - 0.5
    # Whole numbers from here on: the same picture on every machine.
    corners = np.rint(placed * (1 << _BITS)).astype(np.int32)
    begin = 0
    for colour, outline in shapes:
        end = begin + len(outline)
        cv2.fillPoly(canvas, [corners[begin:end]], colour, cv2.LINE_AA, _BITS)
        begin = end
    return np.asarray(cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA), dtype=np.uint8)
