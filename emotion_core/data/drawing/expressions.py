"""What a face does when it expresses something: where on the affect plane, and which parts move how far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType


@dataclass(frozen=True, kw_only=True)
class Region:
    """Ellipse on the plane of valence and arousal where an expression lies.

    Attributes:
        valence: of the middle.
        arousal: of the middle.
        valence_spread: half axis along valence.
        arousal_spread: half axis along arousal.
    """

    valence: float
    arousal: float
    valence_spread: float
    arousal_spread: float

    def point(self, radius: float, turn: float) -> tuple[float, float]:
        """Valence and arousal at ``radius`` (0 the middle, 1 the edge) and ``turn`` (1 is a whole one), to four places."""
        angle = 2 * math.pi * turn
        return (
            round(self.valence + self.valence_spread * radius * math.cos(angle), 4),
            round(self.arousal + self.arousal_spread * radius * math.sin(angle), 4),
        )


REGIONS: Mapping[str, Region] = MappingProxyType(
    {
        "neutral": Region(valence=0.0, arousal=-0.05, valence_spread=0.15, arousal_spread=0.2),
        "happiness": Region(valence=0.62, arousal=0.2, valence_spread=0.28, arousal_spread=0.4),
        "sadness": Region(valence=-0.6, arousal=-0.38, valence_spread=0.24, arousal_spread=0.26),
        "surprise": Region(valence=0.08, arousal=0.72, valence_spread=0.4, arousal_spread=0.2),
        "fear": Region(valence=-0.46, arousal=0.6, valence_spread=0.24, arousal_spread=0.2),
        "disgust": Region(valence=-0.62, arousal=0.25, valence_spread=0.22, arousal_spread=0.28),
        "anger": Region(valence=-0.54, arousal=0.48, valence_spread=0.24, arousal_spread=0.26),
        "contempt": Region(valence=-0.35, arousal=0.0, valence_spread=0.2, arousal_spread=0.25),
    }
)
"""Circumplex of J. Russell (1980), drawn so that every region lies within the unit circle."""


@dataclass(frozen=True, kw_only=True)
class Muscles:
    """Position of everything that moves. Lengths are in units, see :mod:`emotion_core.data.drawing.shapes`.

    Attributes:
        lift: how far the corners of the mouth stand above its middle.
        skew: added to the lift of the right corner and taken from the left one.
        width: half width of the mouth.
        opening: height of the opening between the lips.
        opening_gain: change of ``opening`` for 1 of arousal.
        square: 0 for a round opening, 1 for a box.
        upper: share of the opening above the line between the lips.
        teeth: 0 none, 1 the opening is full of teeth.
        tongue: 0 none, 1 out over the lower lip.
        brow: height of both brows.
        inner: further height of their inner ends.
        outer: further height of their outer ends.
        pinch: how far the inner ends are drawn together.
        one_brow: further height of the right brow alone.
        eye: opening of the upper lid, 1 is relaxed and open.
        squint: how far the lower lid is raised, 0 to 1.
        slant: how far the upper lid falls on the inner side (positive) or on the outer one.
        gaze: direction of the eyes, right and down, -1 to 1.
        iris: size of the iris, 1 is relaxed.
        wrinkle: lines beside the nose, 0 to 1.
        furrow: lines between the brows, 0 to 1.
        flush: colour in the cheeks, 0 to 1.
        nod: how far the head looks down.
        tilt: how far it leans to the right, degrees.
    """

    lift: float = 0.0
    skew: float = 0.0
    width: float = 0.24
    opening: float = 0.0
    opening_gain: float = 0.12
    square: float = 0.0
    upper: float = 0.4
    teeth: float = 0.0
    tongue: float = 0.0
    brow: float = 0.0
    inner: float = 0.0
    outer: float = 0.0
    pinch: float = 0.0
    one_brow: float = 0.0
    eye: float = 0.85
    squint: float = 0.0
    slant: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)
    iris: float = 1.0
    wrinkle: float = 0.0
    furrow: float = 0.0
    flush: float = 0.35
    nod: float = 0.0
    tilt: float = 0.0


POSTURES: Mapping[str, Muscles] = MappingProxyType(
    {
        "neutral": Muscles(),
        "happiness": Muscles(
            lift=0.135, width=0.3, opening=0.12, opening_gain=0.26, upper=0.02, teeth=0.3, tongue=0.4, brow=0.03, squint=0.55,
            eye=0.85, flush=1.0, tilt=2.0,
        ),
        "sadness": Muscles(
            lift=-0.095, width=0.19, brow=0.0, inner=0.13, outer=-0.05, pinch=0.03, eye=0.55, slant=-0.45, gaze=(0.0, 0.55),
            flush=0.2, nod=0.09, tilt=-3.0,
        ),
        "surprise": Muscles(
            lift=0.0, width=0.13, opening=0.24, opening_gain=0.22, square=0.4, upper=0.5, tongue=0.35, brow=0.14, inner=0.02,
            eye=1.4, iris=0.86, nod=-0.03,
        ),
        "fear": Muscles(
            lift=-0.06, width=0.27, opening=0.11, opening_gain=0.2, square=0.75, upper=0.5, teeth=0.95, brow=0.085, inner=0.11,
            outer=-0.05, pinch=0.05, eye=1.35, iris=0.66, flush=0.05, furrow=0.3, nod=-0.03,
        ),
        "disgust": Muscles(
            lift=-0.075, skew=-0.02, width=0.21, opening=0.1, opening_gain=0.12, square=0.1, upper=0.75, tongue=1.0,
            brow=-0.045, inner=-0.03, pinch=0.03, one_brow=0.03, eye=0.5, squint=0.75, wrinkle=1.0, flush=0.15, tilt=3.0,
        ),
        "anger": Muscles(
            lift=-0.065, width=0.25, opening=0.08, opening_gain=0.26, square=0.7, upper=0.5, teeth=1.0, brow=-0.03, inner=-0.13,
            outer=0.06, pinch=0.06, eye=0.9, squint=0.25, slant=0.65, iris=0.85, furrow=1.0, flush=0.7, nod=0.05,
        ),
        "contempt": Muscles(
            lift=0.0, skew=0.15, width=0.22, opening_gain=0.08, brow=-0.02, one_brow=0.13, eye=0.58, squint=0.3,
            gaze=(-0.55, -0.05), flush=0.3, nod=-0.05, tilt=-4.0,
        ),
    }
)  # fmt: skip
"""Every expression in the middle of its region."""

LIFT_GAIN = 0.26
"""Change of the mouth's ``lift`` for 1 of valence, in a mouth of the usual width."""

EYE_GAIN = 0.8
"""Change of the eyes' opening for 1 of arousal."""

BROW_GAIN = 0.16
"""Change of the brows' height for 1 of arousal."""


def express(expression: str, valence: float, arousal: float) -> Muscles:
    """Position of everything that moves, for an expression at one point of the affect plane.

    Valence curves and widens the mouth, raises the lower lids, lowers the inner ends of the brows and colours the cheeks;
    arousal opens eyes and mouth and lifts the brows. Curve, opening and brows follow without a plateau: they never stop telling
    one value from the next.

    Args:
        expression: one of :data:`~emotion_core.labels.EXPRESSIONS`.
        valence: in [-1, 1]; need not lie within the expression's region.
        arousal: in [-1, 1], likewise.
    """
    rest, region = POSTURES[expression], REGIONS[expression]
    more_valence, more_arousal = valence - region.valence, arousal - region.arousal
    # A narrow mouth bends less, or it would no longer look like one.
    reach = min(0.4 + 2.5 * rest.width, 1.0)
    return replace(
        rest,
        lift=_bend(rest.lift + LIFT_GAIN * reach * more_valence, -0.34, 0.3, 0.05),
        width=rest.width + 0.06 * more_valence,
        upper=min(max(rest.upper - 0.35 * more_valence, 0.0), 1.0),
        opening=_bend(rest.opening + rest.opening_gain * more_arousal, 0.0, 0.6, 0.024),
        eye=_bend(rest.eye + EYE_GAIN * more_arousal, 0.12, 1.9, 0.07),
        brow=_bend(rest.brow + BROW_GAIN * more_arousal, -0.2, 0.3, 0.02),
        squint=min(max(rest.squint + 0.35 * more_valence, 0.0), 1.0),
        inner=rest.inner - 0.05 * more_valence,
        flush=min(max(rest.flush + 0.6 * more_valence, 0.0), 1.2),
    )


def _bend(value: float, low: float, high: float, softness: float) -> float:
    """Almost ``value`` farther than ``softness`` from both limits, and hardly beyond them: strictly rising."""
    value = low + softness * math.log1p(math.exp((value - low) / softness))
    return high - softness * math.log1p(math.exp((high - value) / softness))
