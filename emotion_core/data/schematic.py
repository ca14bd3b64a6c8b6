"""Drawn faces with exact labels: the dataset that is always at hand.

Nobody is on these pictures. They are drawn when they are asked for and lie nowhere; everything about picture ``i`` follows from
the seed and ``i`` alone, whatever the number of pictures and the order of reading. Eight pictures in a row, one of each
expression, show the same person, and a person belongs to one split. Valence and arousal spread over the region of the plane
where an expression lies, and mouth, brows and eyes follow them exactly, so a network can learn all three outputs in minutes.

What is learnt here holds for drawings. It says nothing about how well a network reads people.

J. Russell (1980), A circumplex model of affect, Journal of Personality and Social Psychology 39(6).
"""

from __future__ import annotations

import io
import math
import re
from functools import cached_property
from pathlib import Path
from typing import IO, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from emotion_core.data.drawing.expressions import REGIONS, express
from emotion_core.data.drawing.person import Draws, draw_person
from emotion_core.data.drawing.picture import draw_picture, draw_view
from emotion_core.data.source import Source
from emotion_core.data.table import FaceTable, OnError, build_frame
from emotion_core.errors import DataError
from emotion_core.labels import EXPRESSIONS

NAME = "schematic"

COUNT = 4_000
"""Pictures there are by default."""

MAX_COUNT = 100_000
"""Ids have five digits."""

SIDE = 128
"""Side of a picture, px."""

_SPLITS = ("train", "test", "val", "train", "train", "train", "test", "train", "train", "train")
"""Splits of ten persons in a row: 70 % train, 10 % val, 20 % test, all three among the first three."""

_ID = re.compile(r"faces(?:-([1-9]\d{0,9}))?/(\d{5})\.png", re.ASCII)
_MAX_SEED = 2**32 - 1


class Truth(NamedTuple):
    """What a picture shows."""

    expression: str
    valence: float
    arousal: float


def sample_id(seed: int, index: int) -> str:
    """Id of a picture; seed 0 is not named.

    Example:
        >>> sample_id(0, 42), sample_id(7, 42)
        ('faces/00042.png', 'faces-7/00042.png')
    """
    return f"faces{f'-{seed}' if seed else ''}/{index:05d}.png"


def face_truth(seed: int, index: int) -> Truth:
    """Expression, valence and arousal of one picture."""
    return _truth(Draws((seed, index), 1), index)


def load_schematic(
    data_root: str | Path | None = None, *, count: int = COUNT, seed: int = 0, on_error: OnError = "raise"
) -> FaceTable:
    """The table of drawn faces.

    Args:
        data_root: not used, there is no file; here so that every dataset is loaded the same way.
        count: number of pictures; a multiple of 80 has all expressions and splits in exactly their shares, 24 is the smallest
            with all three splits. A smaller number gives the first pictures of a larger one.
        seed: other persons, values and views; 0 or more.
        on_error: not used, nothing can be broken; here for the same reason.

    Returns:
        Pictures of 128 × 128 px with expression, valence, arousal and split.

    Raises:
        DataError: there cannot be so many pictures, or no such seed.
    """
    if not 1 <= count <= MAX_COUNT:
        raise DataError(f"There cannot be {count:,} schematic faces: ask for 1 to {MAX_COUNT:,}.")
    if not 0 <= seed <= _MAX_SEED:
        raise DataError(f"{seed} cannot be the seed of schematic faces: take 0 to {_MAX_SEED:,}.")
    truths = [face_truth(seed, index) for index in range(count)]
    frame = build_frame(
        [sample_id(seed, index) for index in range(count)],
        [truth.expression for truth in truths],
        [truth.valence for truth in truths],
        [truth.arousal for truth in truths],
        [_SPLITS[index // len(EXPRESSIONS) % len(_SPLITS)] for index in range(count)],
    )
    return FaceTable(name=NAME, frame=frame, read_bytes=SchematicSource().read)


class SchematicSource(Source):
    """Drawn faces as if they lay in a folder.

    Every picture is there, of any seed: the id says all that is needed to draw it. ``names`` lists those of the default table.
    """

    path = Path(NAME)

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(sample_id(0, index) for index in range(COUNT))

    def read(self, name: str) -> bytes:
        seed, index = _parse(name)
        draws = Draws((seed, index), 1)
        truth = _truth(draws, index)
        person = draw_person((seed, index // len(EXPRESSIONS)))
        return _encode(draw_picture(person, express(*truth), draw_view(draws), SIDE, draws.generator))

    def has(self, name: str) -> bool:
        try:
            _parse(name)
        except OSError:
            return False
        return True

    def _open(self, name: str) -> IO[bytes]:
        return io.BytesIO(self.read(name))


def _truth(draws: Draws, index: int) -> Truth:
    """Evenly spread over the expression's ellipse; takes the first two numbers of ``draws``."""
    expression = EXPRESSIONS[index % len(EXPRESSIONS)]
    # The root makes up for the larger area farther out.
    valence, arousal = REGIONS[expression].point(math.sqrt(draws.between(0.0, 1.0)), draws.between(0.0, 1.0))
    return Truth(expression, valence, arousal)


def _parse(name: str) -> tuple[int, int]:
    """Seed and index of an id.

    Raises:
        FileNotFoundError: it is not the id of a schematic face.
    """
    match = _ID.fullmatch(name)
    seed = int(match[1] or 0) if match else 0
    if match is None or seed > _MAX_SEED:
        raise FileNotFoundError(f"There is no schematic face {name!r}: ids are like '{sample_id(0, 42)}'.")
    return seed, int(match[2])


def _encode(image: npt.NDArray[np.uint8]) -> bytes:
    """As PNG, fast rather than small."""
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE]
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), settings)[1].tobytes()
