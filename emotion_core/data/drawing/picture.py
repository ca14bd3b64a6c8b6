"""One picture: a person with an expression, seen from somewhere, in some light."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from emotion_core.data.drawing.expressions import Muscles
from emotion_core.data.drawing.features import brows, features
from emotion_core.data.drawing.head import behind, face, over
from emotion_core.data.drawing.person import Draws, Person
from emotion_core.data.drawing.shapes import Points, fill


@dataclass(frozen=True, kw_only=True)
class View:
    """Pose, light and noise of one picture; the defaults are upright, evenly lit and clean.

    Attributes:
        roll: rotation of the picture, degrees.
        yaw: how far the head is turned to the right, radians.
        nod: how far it looks down, radians.
        scale: size of the face, 1 is usual.
        shift: right and down, in units.
        light: change of brightness, 0 is none.
        gradient: further brightness on one side, and as much less on the other.
        direction: where the light comes from, radians.
        blur: standard deviation, as a share of the side.
        grain: standard deviation, 0..255.
    """

    roll: float = 0.0
    yaw: float = 0.0
    nod: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    light: float = 0.0
    gradient: float = 0.0
    direction: float = 0.0
    blur: float = 0.0
    grain: float = 0.0


def draw_view(draws: Draws) -> View:
    """Somewhere to look from, and some light."""
    return View(
        roll=draws.between(-8.0, 8.0),
        yaw=draws.between(-0.18, 0.18),
        nod=draws.between(-0.04, 0.04),
        scale=draws.between(0.93, 1.08),
        shift=(draws.between(-0.08, 0.08), draws.between(-0.06, 0.06)),
        light=draws.between(-0.08, 0.05),
        gradient=draws.between(0.0, 0.11),
        direction=draws.between(0.0, 2 * math.pi),
        blur=max(draws.between(-0.005, 0.004), 0.0),
        grain=max(draws.between(-5.0, 5.0), 0.0),
    )


def draw_picture(person: Person, muscles: Muscles, view: View, size: int, grain: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw a person.

    Args:
        person: who.
        muscles: what the face does.
        view: from where, in which light.
        size: side of the picture, px.
        grain: gives the noise, where ``view`` asks for any.

    Returns:
        RGB, shape ``(size, size, 3)``.
    """
    shapes = [
        *behind(person, view.yaw),
        *face(person, view.yaw),
        *features(person, muscles, view.yaw, view.nod),
        *over(person, view.yaw),
        *brows(person, muscles, view.yaw, view.nod),
    ]
    image = fill(shapes, person.background, _placement(view, muscles, size), size)
    return _develop(image, view, grain)


def _placement(view: View, muscles: Muscles, size: int) -> Points:
    angle = math.radians(view.roll + muscles.tilt)
    unit = view.scale * size / 2.18
    cosine, sine = unit * math.cos(angle), unit * math.sin(angle)
    middle = (size * 0.5 + unit * view.shift[0], size * 0.5 + unit * (view.shift[1] - 0.05))
    return np.array([[cosine, -sine, middle[0]], [sine, cosine, middle[1]]])


def _develop(image: npt.NDArray[np.uint8], view: View, grain: np.random.Generator) -> npt.NDArray[np.uint8]:
    size = image.shape[0]
    if view.blur * size > 0.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), view.blur * size), dtype=np.uint8)
    if not (view.light or view.gradient or view.grain):
        return image
    place = np.linspace(-1.0, 1.0, size, dtype=np.float32)
    slope = place[None, :] * math.cos(view.direction) + place[:, None] * math.sin(view.direction)
    gain = (1.0 + view.light + view.gradient * slope).astype(np.float32)
    developed = image.reshape(size, -1) * np.repeat(gain, 3, axis=1)
    if view.grain:
        # The difference of two uniform bytes is a triangle with a standard deviation of 104.
        two = np.frombuffer(grain.bytes(2 * size * size), dtype=np.uint8).reshape(2, size, size).astype(np.float32)
        developed += np.repeat((two[0] - two[1]) * np.float32(view.grain / 104.0), 3, axis=1)
    return np.asarray(np.clip(developed + 0.5, 0, 255), dtype=np.uint8).reshape(size, size, 3)
