"""Another picture of the same face: crop, light, blur, rotation and the like, and what makes an error go away."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter

Pixels = npt.NDArray[np.uint8]

COVER_GREY = 128
"""Grey value of the square that covers a part of the face."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """What is done to a picture; nothing by default.

    Attributes:
        zoom: how much closer, 1 to 2: 1 / zoom of each side is kept, around the middle.
        brightness: factor of all grey values, 0.2 to 2.
        blur: standard deviation in percent of the picture's side, 0 to 5.
        rotation: degrees, counter-clockwise, -45 to 45; the corners repeat the edge.
        mirror: left and right change places.
        grey: without colour.
        cover: side of a grey square as a share of the picture's, 0 to 0.6.
        cover_x: its middle, from left, 0 to 1.
        cover_y: its middle, from above, 0 to 1.
    """

    zoom: float = 1.0
    brightness: float = 1.0
    blur: float = 0.0
    rotation: float = 0.0
    mirror: bool = False
    grey: bool = False
    cover: float = 0.0
    cover_x: float = 0.5
    cover_y: float = 0.5

    def apply(self, picture: Pixels) -> Pixels:
        """The changed picture, of the same size.

        Args:
            picture: RGB, shape ``(H, W, 3)``.
        """
        height, width = picture.shape[:2]
        changed = Image.fromarray(self._covered(picture))
        if self.mirror:
            changed = changed.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.rotation:
            changed = _rotated(changed, self.rotation)
        if self.zoom > 1:
            across, down = width * (1 - 1 / self.zoom) / 2, height * (1 - 1 / self.zoom) / 2
            box = (across, down, width - across, height - down)
            changed = changed.resize((width, height), Image.Resampling.BICUBIC, box=box)
        if self.brightness != 1:
            changed = ImageEnhance.Brightness(changed).enhance(self.brightness)
        if self.grey:
            changed = changed.convert("L").convert("RGB")
        if self.blur > 0:
            changed = changed.filter(ImageFilter.GaussianBlur(self.blur / 100 * max(width, height)))
        return np.asarray(changed, dtype=np.uint8)

    def _covered(self, picture: Pixels) -> Pixels:
        if self.cover <= 0:
            return picture
        height, width = picture.shape[:2]
        covered = picture.copy()
        top, bottom = (round(height * (self.cover_y + sign * self.cover / 2)) for sign in (-1, 1))
        left, right = (round(width * (self.cover_x + sign * self.cover / 2)) for sign in (-1, 1))
        covered[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = COVER_GREY
        return covered


def _rotated(picture: Image.Image, degrees: float) -> Image.Image:
    """Turned around its middle; what comes in from outside repeats the edge."""
    pixels = np.asarray(picture)
    margin = max(picture.size) // 2
    wide = Image.fromarray(np.pad(pixels, ((margin, margin), (margin, margin), (0, 0)), mode="edge"))
    turned = wide.rotate(degrees, resample=Image.Resampling.BICUBIC)
    return turned.crop((margin, margin, margin + picture.width, margin + picture.height))


_PLACES = {0.2: ("left", "upper"), 0.5: ("middle", "middle"), 0.8: ("right", "lower")}


def _grid() -> dict[str, Change]:
    found = {f"zoom {value:g}": Change(zoom=value) for value in (1.1, 1.2, 1.35, 1.5)}
    found |= {f"brightness {value:g}": Change(brightness=value) for value in (0.5, 0.7, 0.85, 1.2, 1.5, 1.8)}
    found |= {f"blur of {value:g} %": Change(blur=value) for value in (0.5, 1.0, 2.0, 3.0)}
    found |= {
        f"a rotation of {abs(value)}° {'left' if value > 0 else 'right'}": Change(rotation=value)
        for value in (-20, -10, -5, 5, 10, 20)
    }
    found |= {"mirroring": Change(mirror=True), "taking the colour away": Change(grey=True)}
    for y, x in itertools.product(_PLACES, _PLACES):
        down, across = _PLACES[y][1], _PLACES[x][0]
        words = "the middle" if down == across else f"the {down} {across}"
        found[f"covering {words}"] = Change(cover=0.35, cover_x=x, cover_y=y)
    return found


GRID: Mapping[str, Change] = _grid()
"""Single changes that are tried one by one, by what they are called in a sentence."""


def what_helps(before: Mapping[str, float], after: Sequence[Mapping[str, float]], true: str) -> str:
    """Which single change makes a verdict right, in a sentence.

    Args:
        before: probabilities of the picture as it is.
        after: likewise after each change of :data:`GRID`, in its order.
        true: the label.

    Example:
        >>> before = {"fear": 0.4, "anger": 0.6}
        >>> after = [{"fear": 0.7, "anger": 0.3}, *[before] * (len(GRID) - 1)]
        >>> what_helps(before, after, "fear")
        'zoom 1.1 alone makes it right (fear 0.40 → 0.70), and no other of 31 changes does.'
    """
    right = [(name, probs) for name, probs in zip(GRID, after, strict=True) if _said(probs) == true]
    total = len(GRID)
    if _said(before) == true:
        if len(right) == total:
            return f"It is right as it is, and stays right under all of {total} changes."
        wrong = [(name, probs) for name, probs in zip(GRID, after, strict=True) if _said(probs) != true]
        name, probs = min(wrong, key=lambda each: each[1][true])
        return (
            f"It is right as it is, and turns wrong under {len(wrong)} of {total} changes: most of all by {name} "
            f"({true} {before[true]:.2f} → {probs[true]:.2f})."
        )
    name, probs = max(right or zip(GRID, after, strict=True), key=lambda each: each[1][true])
    moved = f"({true} {before[true]:.2f} → {probs[true]:.2f})"
    if not right:
        if probs[true] <= before[true]:
            return f"None of {total} single changes makes it right, or {true} more probable."
        return f"None of {total} single changes makes it right; {name} comes nearest {moved}."
    if len(right) == 1:
        return f"{name} alone makes it right {moved}, and no other of {total} changes does."
    return f"{len(right)} of {total} single changes make it right: most of all {name} {moved}."


def _said(probs: Mapping[str, float]) -> str:
    return max(probs, key=lambda name: probs[name])
