"""Who is drawn: shape of the head, hair, colours and what is worn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

from emotion_core.data.drawing.shapes import Colour, mix

Item = TypeVar("Item")


def _colours(text: str) -> tuple[Colour, ...]:
    return tuple((int(word[:2], 16), int(word[2:4], 16), int(word[4:], 16)) for word in text.split())


SKINS = _colours("ffdfc8 f9cba8 efb48c dd9a6d c07f56 9e6443 855239")
"""Skins as people have, from light to dark."""

TALES = _colours("cdbcf5 a8dcc6 a9cff2 f6b5c3 ffcb94 7cc4bc 9aa8ea dba9d8")
"""Skins as they have in tales."""

HAIRS = _colours("2b2230 3d2a2a 5d3a2a 8a5230 c9813e e8b65a f4dca0 b8432f d96b4a 6b3f73 3f5a86 2f7d7b f08a9b e9e4ea")
"""Black, browns, blonds, reds, plum, blue, teal, pink, silver."""

CLOTHES = _colours("f2b544 e8704f d94f5c 8e5ea8 4f6fb5 2f8f8b 5aa469 2f3e5c f3e9dc f59bb0 7fc4d6")
"""Clothes and hats."""

BACKGROUNDS = _colours(
    "fde7cf ffdccf e1ecfb dff1e7 efe4fa fff0c4 d5ecee f8d8e1 f7c873 8fcfc7 f4a58f a9a3e6 7fb2de 34466e 2f5d62"
)
"""Behind the person; the last two are dark."""

INK: Colour = (43, 27, 46)
"""Darkest plum: lines are mixed with it, none is black."""

HAIRSTYLES = (
    "crop", "sweep", "bob", "long", "curls", "bun", "buns", "quiff", "wavy", "scarf", "beanie", "ponytail", "bald",
)  # fmt: skip
"""All ways to wear one's hair, or to cover it."""


class Draws:
    """Numbers and choices from one generator, one after the other.

    Only ``Generator.random`` is called: of all that NumPy draws it is the least likely to change from one version to the next.
    """

    def __init__(self, entropy: tuple[int, ...], key: int) -> None:
        self.generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy, spawn_key=(key,))))

    def between(self, low: float, high: float) -> float:
        """Any number in between."""
        return low + (high - low) * self.generator.random()

    def pick(self, items: Sequence[Item]) -> Item:
        """One of them."""
        return items[int(self.generator.random() * len(items))]

    def chance(self, probability: float) -> bool:
        """Whether it happens."""
        return self.generator.random() < probability


@dataclass(frozen=True, kw_only=True)
class Person:
    """All that stays the same in every picture of a person. Lengths are in units, shares in [0, 1].

    Attributes:
        width: half width of the head.
        crown: height of the head above the eyes' line.
        chin: its height below.
        jaw: how far the head narrows towards the chin, share.
        eye_gap: distance of an eye's middle from the middle of the face.
        eye_width: half width of an eye.
        eye_height: half height of a relaxed eye.
        eye_line: height at which the eyes lie.
        nose: 0 round, 1 long, 2 flat.
        nose_length: from the eyes' line to its tip.
        mouth_line: height at which the mouth lies.
        mouth_size: factor on the width of the mouth.
        lips: thickness of the lips.
        brow_width: thickness of the brows.
        style: one of :data:`HAIRSTYLES`.
        parting: where the hair parts, -1 left to 1 right.
        glasses: 0 none, 1 round, 2 square.
        earrings: whether they are worn.
        freckles: whether there are any.
        skin: its colour, and so on for the rest.
    """

    width: float
    crown: float
    chin: float
    jaw: float
    eye_gap: float
    eye_width: float
    eye_height: float
    eye_line: float
    nose: int
    nose_length: float
    mouth_line: float
    mouth_size: float
    lips: float
    brow_width: float
    style: str
    parting: float
    glasses: int
    earrings: bool
    freckles: bool
    skin: Colour
    hair: Colour
    clothes: Colour
    hat: Colour
    iris: Colour
    background: Colour

    @property
    def shade(self) -> Colour:
        """Skin in the shade."""
        warm = self.skin[0] == max(self.skin)
        red, green, blue = (0.9, 0.77, 0.78) if warm else (0.8, 0.8, 0.88)
        return round(self.skin[0] * red), round(self.skin[1] * green), round(self.skin[2] * blue)

    @property
    def rose(self) -> Colour:
        """Cheeks and lips."""
        return mix(self.skin, (246, 84, 116), 0.5)

    @property
    def line(self) -> Colour:
        """Lines on the skin."""
        return mix(self.skin, INK, 0.88)

    @property
    def brow(self) -> Colour:
        """Brows: the hair's colour, but always well darker than the skin."""
        colour = mix(self.hair, INK, 0.55)
        return colour if _light(colour) < _light(self.skin) - 60 else mix(colour, INK, 0.7)


@lru_cache(maxsize=256)
def draw_person(entropy: tuple[int, ...]) -> Person:
    """A person, the same one for the same numbers."""
    draws = Draws(entropy, 0)
    skin = draws.pick(SKINS if draws.chance(0.62) else TALES)
    hair = _apart(draws, HAIRS, [skin], 75)
    background = _apart(draws, BACKGROUNDS, [skin, hair], 70)
    return Person(
        width=draws.between(0.6, 0.68),
        crown=draws.between(0.76, 0.84),
        chin=draws.between(0.76, 0.86),
        jaw=draws.between(0.12, 0.34),
        eye_gap=draws.between(0.255, 0.295),
        eye_width=draws.between(0.135, 0.155),
        eye_height=draws.between(0.115, 0.13),
        eye_line=draws.between(-0.06, -0.02),
        nose=draws.pick((0, 1, 2)),
        nose_length=draws.between(0.2, 0.26),
        mouth_line=draws.between(0.43, 0.47),
        mouth_size=draws.between(0.94, 1.08),
        lips=draws.between(0.02, 0.045),
        brow_width=draws.between(0.06, 0.085),
        style=draws.pick(HAIRSTYLES),
        parting=draws.pick((-1.0, 1.0)) * draws.between(0.3, 1.0),
        glasses=draws.pick((0, 0, 0, 0, 0, 1, 2)),
        earrings=draws.chance(0.25),
        freckles=draws.chance(0.15),
        skin=skin,
        hair=hair,
        clothes=_apart(draws, CLOTHES, [background, skin, hair], 75),
        hat=_apart(draws, CLOTHES, [background, skin], 75),
        iris=draws.pick(_colours("4a3128 5b4636 3d6e8f 4f7d5c 6b4f8f 2e3f57")),
        background=background,
    )


def _light(colour: Colour) -> float:
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def _apart(draws: Draws, colours: Sequence[Colour], others: Sequence[Colour], distance: float) -> Colour:
    """A colour that stands out from the others: the first of a random rotation that does, or else the farthest."""
    begin = int(draws.between(0, len(colours)))
    rotated = [colours[(begin + step) % len(colours)] for step in range(len(colours))]
    far = [min(sum((a - b) ** 2 for a, b in zip(colour, other, strict=True)) for other in others) for colour in rotated]
    return next((colour for colour, gap in zip(rotated, far, strict=True) if gap > distance**2), rotated[far.index(max(far))])
