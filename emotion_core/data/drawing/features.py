"""Eyes, brows, nose, mouth and cheeks: the parts that express."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from emotion_core.data.drawing.expressions import Muscles
from emotion_core.data.drawing.person import INK, Person
from emotion_core.data.drawing.shapes import SPAN, Colour, Points, Shape, dot, ellipse, line, mix, moved, ribbon

WINE: Colour = (104, 26, 46)
TEETH: Colour = (255, 250, 242)
TONGUE: Colour = (236, 104, 118)
SCLERA: Colour = (255, 252, 247)

_TIP = np.linspace(-0.1, 2.6, 9)
"""Angles along the tip of a long nose."""

_RADIUS = 1.05
"""The features lie on a ball of this radius, which turns with the head."""


class Mouth(NamedTuple):
    """The two edges of the opening between the lips, from the left corner to the right one, each of shape ``(25, 2)``."""

    upper: Points
    lower: Points


def mouth(muscles: Muscles, size: float = 1.0) -> Mouth:
    """Where the lips part, around (0, 0)."""
    x = SPAN
    # Both corners rise by half and the middle sinks by half, so that the mouth stays where it is.
    middle = muscles.lift * (0.5 - x**2) * 1.15 - muscles.skew * (np.maximum(x + 0.3, 0.0) ** 2 / 1.69 - 0.2)
    bulge = (1 - x**2) ** (0.75 - 0.5 * muscles.square)
    across = size * muscles.width * x
    opening = muscles.opening + 0.012
    return Mouth(
        line(across, middle - muscles.upper * opening * bulge),
        line(across, middle + (1 - muscles.upper) * opening * bulge),
    )


def features(person: Person, muscles: Muscles, yaw: float, nod: float) -> list[Shape]:
    """Everything that expresses, from the back to the front.

    Args:
        person: whose features they are.
        muscles: what they do.
        yaw: how far the head is turned to the right, radians.
        nod: how far it looks down, radians.
    """
    down = nod + muscles.nod
    cheeks = moved(_cheeks(person, muscles), lambda points: _held(person, turn(points, yaw, down)))
    eyes = [shape for side in (-1.0, 1.0) for shape in _eye(person, muscles, side)]
    shapes = [*_nose(person, muscles), *_mouth(person, muscles), *eyes, *_glasses(person)]
    return cheeks + moved(shapes, lambda points: turn(points, yaw, down))


def brows(person: Person, muscles: Muscles, yaw: float, nod: float) -> list[Shape]:
    """Both brows; they show through the hair."""
    shapes = []
    for side in (-1.0, 1.0):
        along = SPAN * 0.5 + 0.5
        x = person.eye_gap - 0.165 - muscles.pinch + (0.36 + 0.5 * muscles.pinch) * along
        height = muscles.brow + (muscles.one_brow if side > 0 else -0.35 * muscles.one_brow)
        rise = muscles.inner * (1 - along) ** 1.3 + muscles.outer * along + 0.055 * np.sin(np.pi * along**0.8)
        path = line(side * x, person.eye_line - 0.235 - height - rise)
        shapes.append(Shape(person.brow, ribbon(path, person.brow_width, start=0.9, end=0.25)))
    if muscles.furrow:
        for side in (-1.0, 1.0):
            y = person.eye_line - 0.2 - 0.07 * SPAN[::3] - 0.5 * muscles.brow
            path = line(side * (0.035 + 0.02 * SPAN[::3] ** 2), y)
            shapes.append(Shape(mix(person.skin, person.line, 0.75 * muscles.furrow), ribbon(path, 0.022, start=0.3, end=0.3)))
    return moved(shapes, lambda points: turn(points, yaw, nod + muscles.nod))


def turn(points: Points, yaw: float, nod: float) -> Points:
    """Where points of the face are seen when the head turns."""
    x, y = points[:, 0], points[:, 1]
    depth = np.sqrt(np.maximum(_RADIUS**2 - x**2 - y**2, 0.04))
    return line(x * np.cos(yaw) + depth * np.sin(yaw), y * np.cos(nod) + depth * np.sin(nod))


def _held(person: Person, points: Points) -> Points:
    """Points moved in from beyond the side of the face."""
    share = np.clip(points[:, 1] / person.chin, 0.0, 0.95)
    side = 0.985 * person.width * (1 - share**2) ** 0.46 * (1 - person.jaw * share**2)
    return line(np.clip(points[:, 0], -side, side), points[:, 1])


def _cheeks(person: Person, muscles: Muscles) -> list[Shape]:
    shapes = []
    for side in (-1.0, 1.0):
        x, y = side * (person.eye_gap + 0.1), person.eye_line + 0.27 - 0.03 * muscles.squint
        soft, strong = (mix(person.skin, person.rose, share * min(muscles.flush, 1.2)) for share in (0.3, 0.5))
        shapes += [Shape(soft, ellipse(x, y, 0.15, 0.095)), Shape(strong, ellipse(x, y, 0.105, 0.062))]
        if person.freckles:
            spots = ((-0.07, -0.02), (0.0, -0.05), (0.06, -0.01), (-0.02, 0.03))
            shapes += [Shape(mix(person.skin, person.line, 0.35), dot(x + dx, y + dy, 0.014)) for dx, dy in spots]
    return shapes


def _nose(person: Person, muscles: Muscles) -> list[Shape]:
    y = person.eye_line + person.nose_length - 0.025 * muscles.wrinkle
    colour = mix(person.shade, person.line, 0.35)
    path = line(0.1 * SPAN, y + 0.02 * (1 - np.abs(SPAN) ** 3))
    if person.nose == 0:
        path = line(0.08 * SPAN, y + 0.05 * np.sqrt(1 - 0.9 * SPAN**2) - 0.02)
    elif person.nose == 1:
        bridge = line(0.03 - 0.02 * SPAN[::2], y - 0.085 + 0.07 * SPAN[::2])
        path = np.concatenate([bridge - (0.0, 0.02), line(0.045 * np.cos(_TIP), y - 0.005 + 0.04 * np.sin(_TIP))])
    shapes = [Shape(colour, ribbon(path, 0.034, start=0.5, end=0.5))]
    if muscles.wrinkle:
        for side in (-1.0, 1.0):
            for step in (0.0, 1.0):
                x = side * (0.06 + 0.05 * (SPAN[::3] * 0.5 + 0.5) + 0.012 * step)
                path = line(x, y - 0.155 + 0.055 * step + 0.03 * SPAN[::3])
                shapes.append(Shape(mix(person.skin, person.line, 0.6), ribbon(path, 0.02, start=0.3, end=0.3)))
    return shapes


def _mouth(person: Person, muscles: Muscles) -> list[Shape]:
    edges = mouth(muscles, person.mouth_size)
    upper, lower = (edge + np.array([0.0, person.mouth_line]) for edge in edges)
    thick = person.lips * np.sqrt(1 - SPAN**2)
    shapes = [
        Shape(person.rose, np.concatenate([upper - line(0, thick * 0.8 + 0.012), (lower + line(0, thick + 0.012))[::-1]]))
    ]
    gap = lower[:, 1] - upper[:, 1]
    shapes.append(Shape(WINE, np.concatenate([upper, lower[::-1]])))
    wide = slice(2, -2)
    if muscles.tongue and muscles.opening > 0.03:
        shapes.append(Shape(TONGUE, _tongue(muscles, upper, lower)))
    if muscles.teeth:
        # Each end of the teeth tapers with the opening.
        edge = upper + line(0, np.minimum(gap * (0.35 + 0.65 * muscles.teeth) * 0.96, 0.3 * muscles.teeth + 0.02))
        shapes.append(Shape(TEETH, np.concatenate([upper[wide] + (0, 0.004), edge[wide][::-1]])))
        if muscles.teeth > 0.8:
            shapes.append(Shape(mix(WINE, TEETH, 0.35), ribbon(0.5 * (upper + lower)[3:-3], 0.014)))
    shapes.append(Shape(mix(person.line, WINE, 0.4), ribbon(upper, 0.034, start=0.75, end=0.75)))
    if muscles.skew > 0.05:
        x, y = upper[-1]
        dimple = line(x + 0.045 + 0.02 * (1 - SPAN[::3] ** 2), y - 0.005 + 0.05 * SPAN[::3])
        shapes.append(Shape(person.line, ribbon(dimple, 0.024, start=0.3, end=0.3)))
    return shapes


def _tongue(muscles: Muscles, upper: Points, lower: Points) -> Points:
    half = slice(6, 19)
    bulge = np.sqrt(np.maximum(1 - (SPAN[half] / 0.56) ** 2, 0))
    if muscles.tongue < 1:
        top = np.maximum(lower[half, 1] - 0.55 * muscles.tongue * (lower - upper)[12, 1] * bulge, upper[half, 1])
        return np.concatenate([line(lower[half, 0], top), lower[half][::-1]])
    top = lower[half, 1] - 0.4 * (lower - upper)[half, 1]
    return np.concatenate([line(lower[half, 0], top), line(lower[half, 0], lower[half, 1] + 0.12 * bulge)[::-1]])


def _eye(person: Person, muscles: Muscles, side: float) -> list[Shape]:
    middle_x, middle_y = side * person.eye_gap, person.eye_line
    x = SPAN  # from the inner corner (-1) to the outer one (1)
    arch = (1 - x**2) ** 0.62
    # The lid falls towards the inner corner in anger and towards the outer one in sadness.
    slope = 1 + 0.75 * muscles.slant * x * np.abs(x) ** 0.3
    upper = -person.eye_height * muscles.eye * arch * np.clip(slope, 0.15, 1.7)
    lower = person.eye_height * (0.86 - 0.75 * muscles.squint) * (0.82 + 0.18 * min(muscles.eye, 1.4)) * arch
    across = middle_x + side * person.eye_width * x
    lid, floor = line(across, middle_y + upper), line(across, middle_y + lower)
    fold = -person.eye_height * max(muscles.eye + 0.18, 1.08) * arch * np.clip(1 + 0.4 * muscles.slant * x, 0.4, 1.5)
    shapes = [
        Shape(mix(person.skin, person.shade, 0.75), np.concatenate([line(across, middle_y + fold), floor[::-1]])),
        Shape(SCLERA, np.concatenate([lid, floor[::-1]])),
    ]
    centre = (middle_x + 0.055 * muscles.gaze[0], middle_y + 0.045 * muscles.gaze[1] - 0.005)
    iris = 0.092 * muscles.iris

    def within(points: Points) -> Points:
        at = np.clip((points[:, 0] - middle_x) * side / person.eye_width, -1, 1)
        return line(points[:, 0], np.clip(points[:, 1], middle_y + np.interp(at, x, upper), middle_y + np.interp(at, x, lower)))

    shapes += [
        Shape(person.iris, within(ellipse(*centre, iris, iris))),
        Shape(INK, within(ellipse(*centre, iris * 0.58, iris * 0.58))),
        Shape(SCLERA, within(dot(centre[0] - 0.03, centre[1] - 0.035, 0.026))),
        Shape(person.line, ribbon(lid, 0.036, start=0.4, end=0.9)),
        Shape(mix(person.skin, person.line, 0.45), ribbon(floor[2:-2], 0.014 + 0.012 * muscles.squint, start=0.3, end=0.6)),
    ]
    return shapes


def _glasses(person: Person) -> list[Shape]:
    if not person.glasses:
        return []
    shapes = []
    frame = mix(person.clothes, INK, 0.6)
    rim = 0.225 if person.glasses == 1 else 0.215
    for side in (-1.0, 1.0):
        ring = ellipse(0.0, 0.0, 1.0, 1.0)
        if person.glasses == 2:
            ring = np.sign(ring) * np.abs(ring) ** 0.55
        centre = (side * person.eye_gap * 1.02, person.eye_line + 0.02)
        outer, inner = ring * rim + centre, ring * (rim - 0.026) + centre
        shapes.append(Shape(frame, np.concatenate([outer, outer[:1], inner[:1], inner[::-1]])))
    bridge = line(0.05 * SPAN, person.eye_line - 0.01 - 0.02 * (1 - SPAN**2))
    shapes.append(Shape(frame, ribbon(bridge, 0.028)))
    return shapes
