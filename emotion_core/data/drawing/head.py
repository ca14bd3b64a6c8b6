"""What is behind and around the features: head, neck, shoulders, hair and hats."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from emotion_core.data.drawing.person import INK, Person
from emotion_core.data.drawing.shapes import SPAN, Points, Shape, dot, ellipse, line, mix, ribbon

_ROUND = np.linspace(0.0, 2 * math.pi, 56, endpoint=False)
_OVER = np.linspace(math.pi, 2 * math.pi, 33)
"""From the left temple over the crown to the right one."""

WHITE = (255, 255, 255)


def outline(person: Person, angle: Points, grow: float = 0.0, crown: float = 0.0) -> Points:
    """Points of the head's outline at these angles (0 right, a quarter turn is the chin), larger by ``grow`` all round."""
    cosine, sine = np.cos(angle), np.sin(angle)
    below = np.maximum(sine, 0.0)
    x = (person.width + grow) * np.sign(cosine) * np.abs(cosine) ** 0.92 * (1 - person.jaw * below**2)
    y = np.where(sine > 0, person.chin + grow, person.crown + grow + crown) * sine
    return line(x, y)


def behind(person: Person, yaw: float) -> list[Shape]:
    """Everything behind the face."""
    shapes = [Shape(mix(person.background, WHITE, 0.28), ellipse(0.0, 0.06, 1.0, 1.0))]
    hair = mix(person.hair, (118, 44, 84), 0.2)
    back = _BACKS.get(person.style)
    if back is not None:
        shapes += [Shape(hair, points) for points in back(person, yaw)]
    if person.style == "scarf":
        cloth = np.concatenate([outline(person, _OVER, 0.14, 0.02), [(0.78, 0.9), (0.78, 1.5), (-0.78, 1.5), (-0.78, 0.9)]])
        shapes.append(Shape(mix(person.hat, INK, 0.12), cloth))
    return shapes + _body(person) + _ears(person, yaw)


def face(person: Person, yaw: float) -> list[Shape]:
    """The head itself, in the shade on one side."""
    whole = outline(person, _ROUND)
    arc = np.linspace(-0.35 * math.pi, 0.72 * math.pi, 25)
    edge = outline(person, arc)
    depth = 0.1 * np.sin(np.linspace(0.0, math.pi, 25)) ** 0.8
    inner = edge - line(depth * 0.9, depth * 0.45)
    return [Shape(person.skin, whole), Shape(mix(person.skin, person.shade, 0.55), np.concatenate([edge, inner[::-1]]))]


def over(person: Person, yaw: float) -> list[Shape]:
    """Hair and hats in front of the forehead."""
    if person.style == "bald":
        return []
    if person.style == "scarf":
        return _scarf(person)
    if person.style == "beanie":
        return _beanie(person, yaw)
    volume, crown, hairline = _FRONTS[person.style]
    angle = np.linspace(0.985 * math.pi, 2.015 * math.pi, 41)
    outer = outline(person, angle, volume, crown)
    if person.style == "curls":
        outer *= (1 + 0.035 * np.abs(np.sin(9 * angle)))[:, None]
    x = np.linspace(1.0, -1.0, 33)
    inside = line(person.width * 0.99 * x + 0.08 * yaw * (1 - x**2), hairline(x, person.parting))
    shapes = [Shape(person.hair, np.concatenate([outer, inside]))]
    if person.style == "quiff":
        shapes.append(Shape(person.hair, _quiff(person)))
    left = 1.2 if person.parting < 0 else 1.58
    glow = outline(person, np.linspace(left * math.pi, (left + 0.22) * math.pi, 13), volume - 0.1, crown)
    shapes.append(Shape(mix(person.hair, WHITE, 0.2), ribbon(glow, 0.055, start=0.1, end=0.1)))
    return shapes


def _quiff(person: Person) -> Points:
    side = math.copysign(1.0, person.parting)
    path = line(side * (0.46 * SPAN + 0.04), -person.crown - 0.02 + 0.22 * SPAN**2 - 0.1 * SPAN)
    return ribbon(path, 0.36, start=0.35, end=0.75)


def _body(person: Person) -> list[Shape]:
    x = SPAN
    shoulders = line(1.02 * x, 1.4 - 0.44 * np.sqrt(np.maximum(1 - np.abs(x) ** 2.6, 0)))
    body = np.concatenate([shoulders, [(1.02, 2.0), (-1.02, 2.0)]])
    neck = np.array([(-0.24, 0.5), (0.24, 0.5), (0.25, 0.92), (0.34, 1.02), (0.0, 1.16), (-0.34, 1.02), (-0.25, 0.92)])
    chin = person.chin + 0.13
    shadow = line(0.25 * x, chin - 0.06 + 0.1 * np.sqrt(1 - x**2))
    below = np.concatenate([shadow, [(0.24, 0.5), (-0.24, 0.5)]])
    collar = line(0.38 * x, 0.98 + 0.2 * (1 - x**2))
    return [
        Shape(person.clothes, body),
        Shape(person.skin, neck),
        Shape(person.shade, below),
        Shape(mix(person.clothes, INK, 0.18), ribbon(collar, 0.06)),
    ]


def _ears(person: Person, yaw: float) -> list[Shape]:
    if person.style in ("scarf", "long", "bob", "wavy"):
        return []
    shapes = []
    for side in (-1.0, 1.0):
        x, y = side * (person.width - 0.005) - 0.1 * yaw, 0.06
        shapes.append(Shape(person.skin if side < 0 else mix(person.skin, person.shade, 0.5), ellipse(x, y, 0.12, 0.17)))
        shapes.append(Shape(person.shade, ellipse(x + 0.015 * side, y, 0.06, 0.1)))
        if person.earrings:
            shapes.append(Shape((247, 199, 92), dot(x + 0.03 * side, y + 0.2, 0.05)))
    return shapes


def _long(person: Person, yaw: float) -> list[Points]:
    x = SPAN[::-1]
    arch = outline(person, _OVER, 0.12, 0.02)
    sides = line(0.86 * x, 1.18 + 0.12 * np.sqrt(1 - x**2))
    return [np.concatenate([arch, sides])]


def _wavy(person: Person, yaw: float) -> list[Points]:
    down = np.linspace(0.0, 1.0, 25)
    wave = 0.06 * np.sin(down * 5.2 * math.pi)
    edge = person.width + 0.13 + 0.12 * down
    right = line(edge + wave, 1.15 * down)
    left = line(-edge - wave, 1.15 * down)[::-1]
    end = line(0.8 * SPAN[::-1], 1.16 + 0.12 * np.sqrt(1 - SPAN**2))
    return [np.concatenate([outline(person, _OVER, 0.13, 0.02), right, end, left])]


def _bob(person: Person, yaw: float) -> list[Points]:
    x = SPAN[::-1]
    side = person.width + 0.17
    ends = line(side * np.sign(x) * np.abs(x) ** 0.6, 0.66 + 0.14 * (1 - np.abs(x) ** 3) - 0.02)
    return [np.concatenate([outline(person, _OVER, 0.13, 0.02), ends])]


def _curls(person: Person, yaw: float) -> list[Points]:
    angle = np.linspace(0, 2 * math.pi, 120, endpoint=False)
    bumps = 1 + 0.05 * np.abs(np.sin(9 * angle))
    return [line((person.width + 0.3) * np.cos(angle) * bumps, -0.22 + (person.crown + 0.14) * np.sin(angle) * bumps)]


def _bun(person: Person, yaw: float) -> list[Points]:
    return [ellipse(0.1 * person.parting - 0.1 * yaw, -person.crown - 0.1, 0.3, 0.25)]


def _buns(person: Person, yaw: float) -> list[Points]:
    return [ellipse(side * 0.5 - 0.1 * yaw, -person.crown + 0.06, 0.25, 0.25) for side in (-1.0, 1.0)]


def _ponytail(person: Person, yaw: float) -> list[Points]:
    side = math.copysign(1.0, person.parting)
    down = np.linspace(0.0, 1.0, 25)
    path = line(side * (0.45 + 0.52 * np.sin(down * 2.0)), -0.66 + 1.45 * down**1.3)
    return [ribbon(path, 0.42, start=0.5, end=0.25)]


_BACKS: dict[str, Callable[[Person, float], list[Points]]] = {
    "long": _long,
    "wavy": _wavy,
    "bob": _bob,
    "curls": _curls,
    "bun": _bun,
    "buns": _buns,
    "ponytail": _ponytail,
}


def _temples(x: Points, top: float, power: float) -> Points:
    return top + (-0.06 - top) * np.abs(x) ** power


def _straight(x: Points, parting: float) -> Points:
    return _temples(x, -0.47, 7.0)


def _swept(x: Points, parting: float) -> Points:
    side = math.copysign(1.0, parting)
    from_parting = (x * side - 0.42) / np.where(x * side > 0.42, 0.58, 1.42)
    return np.asarray(-0.66 + 0.52 * np.abs(from_parting) ** np.where(x * side > 0.42, 1.3, 2.0), dtype=np.float64)


def _parted(x: Points, parting: float) -> Points:
    middle = 0.25 * parting
    away: Points = np.abs(x - middle) / (1 + abs(middle))
    return np.asarray(-0.68 + 0.66 * away**1.7, dtype=np.float64)


def _high(x: Points, parting: float) -> Points:
    return _temples(x, -0.56, 4.0)


_FRONTS: dict[str, tuple[float, float, Callable[[Points, float], Points]]] = {
    "crop": (0.05, 0.02, _high),
    "sweep": (0.08, 0.05, _swept),
    "bob": (0.11, 0.02, _straight),
    "long": (0.1, 0.02, _parted),
    "curls": (0.1, 0.04, _high),
    "bun": (0.05, 0.02, _high),
    "buns": (0.06, 0.02, _parted),
    "quiff": (0.05, 0.03, _high),
    "wavy": (0.11, 0.03, _swept),
    "ponytail": (0.06, 0.02, _swept),
}
"""Volume all round, further height, and hairline over the forehead (from x in [-1, 1] and the parting)."""


def _scarf(person: Person) -> list[Shape]:
    ring, opening = outline(person, _ROUND, 0.13, 0.04), outline(person, _ROUND, -0.03)
    opening[:, 1] = np.where(opening[:, 1] < 0, opening[:, 1] * 0.74, opening[:, 1])
    # One outline with a slit: round the outside, then back round the opening.
    band = np.concatenate([ring, ring[:1], opening[:1], opening[::-1]])
    fold = line(0.5 * SPAN, person.chin + 0.18 + 0.16 * (1 - SPAN**2))
    return [
        Shape(person.hat, band),
        Shape(mix(person.hat, INK, 0.2), ribbon(fold, 0.035, start=0.1, end=0.1)),
    ]


def _beanie(person: Person, yaw: float) -> list[Shape]:
    cap = outline(person, np.linspace(1.16 * math.pi, 1.84 * math.pi, 29), 0.09, 0.1)
    brim = line((person.width + 0.06) * SPAN + 0.05 * yaw * (1 - SPAN**2), -0.44 - 0.12 * (1 - SPAN**2))
    cap = np.concatenate([cap, brim[::-1]])
    return [
        Shape(person.hat, cap),
        Shape(mix(person.hat, INK, 0.2), ribbon(brim, 0.2)),
        Shape(mix(person.hat, WHITE, 0.35), dot(-0.05 * yaw, -person.crown - 0.22, 0.13)),
    ]
