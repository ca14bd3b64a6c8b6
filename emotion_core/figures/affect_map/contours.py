"""Where most faces of each expression lie: one line an expression."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from scipy.ndimage import gaussian_filter

from emotion_core.figures.affect_map.sampling import plane_density
from emotion_core.figures.palette import EXPRESSION_COLOURS

Array = npt.NDArray[np.float64]

LEAST_FACES = 2_000
"""Fewer faces are better shown one by one."""

FEWEST = 50
"""Faces of an expression that a line can be drawn around."""

SHARE = 0.5
"""Of an expression's faces, that its line encloses."""

CELLS, SPREAD = 48, 0.1
"""Cells a side, and the standard deviation of the smoothing in units of the plane."""


@dataclass(frozen=True, kw_only=True)
class Contour:
    """The smallest region that holds half of the faces of an expression.

    Attributes:
        expression: gives the colour.
        density: smoothed faces a cell, shape ``(48, 48)``: arousal by row from below, valence by column.
        level: of the density along the line.
        dashed: for true places beside predicted ones.
    """

    expression: str
    density: Array
    level: float
    dashed: bool = False


def contours_of(
    valence: Array, arousal: Array, expressions: Sequence[str | None] | npt.NDArray[np.object_], *, dashed: bool = False
) -> list[Contour]:
    """A line for each expression of at least 50 faces.

    Args:
        valence: in [-1, 1], shape ``(N,)``.
        arousal: likewise.
        expressions: of each face.
        dashed: how the lines are drawn.
    """
    names = np.asarray(expressions, dtype=object)
    found = []
    for name in EXPRESSION_COLOURS:
        mine = names == name
        if mine.sum() >= FEWEST:
            counts = plane_density(valence[mine], arousal[mine], cells=CELLS)
            # Faces near the edge of the plane count towards its inside.
            density = gaussian_filter(counts, SPREAD * CELLS / 2, mode="reflect")
            found.append(Contour(expression=name, density=density, level=enclosing_level(density, SHARE), dashed=dashed))
    return found


def enclosing_level(density: Array, share: float) -> float:
    """The density above which the cells hold so much of the whole: the border of the smallest such region.

    References:
        R. J. Hyndman (1996), Computing and graphing highest density regions, The American Statistician 50(2).

    Example:
        >>> enclosing_level(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.5)
        3.0
    """
    falling = np.sort(density.ravel())[::-1]
    held = np.cumsum(falling) / falling.sum()
    return float(falling[np.searchsorted(held, share)])


def add_contours(figure: go.Figure, contours: Sequence[Contour]) -> None:
    """Draw the lines over a plane."""
    centres = -1 + (2 * np.arange(CELLS) + 1) / CELLS
    for contour in contours:
        colour = EXPRESSION_COLOURS[contour.expression]
        figure.add_contour(
            x=centres, y=centres, z=contour.density.astype(np.float32), name=contour.expression,
            autocontour=False,
            contours={"start": contour.level, "end": contour.level, "size": 1, "coloring": "lines", "showlabels": False},
            colorscale=[[0, colour], [1, colour]], showscale=False, hoverinfo="skip",
            line={"width": 2, "dash": "dot" if contour.dashed else "solid", "smoothing": 1},
        )  # fmt: skip


def overlap(true: Mapping[str, Contour], predicted: Mapping[str, Contour]) -> dict[str, float]:
    """How far the regions of true and predicted places agree, by expression: area of both over area of either, in [0, 1]."""
    found = {}
    for name in true.keys() & predicted.keys():
        one, two = (side[name].density >= side[name].level for side in (true, predicted))
        found[name] = float((one & two).sum() / max(1, (one | two).sum()))
    return {name: found[name] for name in true if name in found}
