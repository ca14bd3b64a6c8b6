"""Heat maps to look at: what speaks for an output, what against it, on a scale of its own or one that networks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from emotion_core.labels import AFFECT
from emotion_core.predict.readings import Reading

Shows = Literal["for", "against", "both"]
"""What a map shows: what speaks for the output, against it, or both with their sign."""

ENDS = {"valence": ("less pleasant", "more pleasant"), "arousal": ("calmer", "more active")}
"""What the negative and the positive end of a map stand for, by output; "against" and "for" of an expression."""

NOTHING = 1e-6
"""Maps that stay below this, in units of the output, show nothing."""

FAINT = 0.02
"""Maps that stay below this share of their scale look like nothing but a darkened face."""


@dataclass(frozen=True, kw_only=True)
class Heat:
    """A map ready to be drawn.

    Attributes:
        values: shape ``(h, w)``, in [0, 1], or in [-1, 1] where it has a sign.
        signed: whether it has.
        top: what 1 stands for, in units of the output; ``None`` where a method gives no units.
        empty: nothing in the face speaks that way.
    """

    values: npt.NDArray[np.float32]
    signed: bool = False
    top: float | None = None
    empty: bool = False

    @property
    def faint(self) -> bool:
        """Whether it is not worth drawing: on its scale hardly anything, or nothing at all, speaks that way."""
        return self.empty or float(np.abs(self.values).max()) < FAINT


def default_shows(output: str) -> Shows:
    """Valence and arousal have a sign, so both sides are shown; of an expression, what speaks for it."""
    return "both" if output in AFFECT else "for"


def heat_of(reading: Reading, output: str, shows: Shows, *, top: float | None = None) -> Heat:
    """A map of one output from the contributions of its places.

    A place counts as what the output would be, without its bias, if the whole face contributed as much: the mean over places is
    the output without its bias, however fine the map is, so that networks compare.

    Args:
        reading: with contributions.
        output: that the reading has.
        shows: which side.
        top: the value at the end of the scale, as :func:`common_top` gives it; the map's own maximum by default.
    """
    signed = shows == "both"
    density = _density(reading, output)
    part = density if signed else np.maximum(density if shows == "for" else -density, 0)
    own = float(np.abs(part).max())
    end = max(own if top is None else top, NOTHING)
    values = (part / end).clip(-1, 1).astype(np.float32)
    return Heat(values=values, signed=signed, top=end, empty=own < NOTHING)


def plain_heat(values: npt.NDArray[np.float32]) -> Heat:
    """A map of a method that gives neither sign nor units, in [0, 1]."""
    return Heat(values=values, empty=not values.any())


def common_top(readings: Sequence[Reading], output: str) -> float:
    """One end of the scale for all outputs of a kind (expressions; valence and arousal) of several networks that read a face.

    So a map is as bright as what it shows matters: one of an expression that hardly anything speaks for stays dark.
    """
    tops = [
        float(np.abs(_density(reading, name)).max())
        for reading in readings
        for name in reading.contributions
        if (name in AFFECT) == (output in AFFECT)
    ]
    return max(tops, default=0.0)


def _density(reading: Reading, output: str) -> npt.NDArray[np.float32]:
    contribution = reading.contributions[output]
    density: npt.NDArray[np.float32] = contribution * contribution.size
    return density
