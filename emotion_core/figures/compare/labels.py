"""Names beside points, none of which lies over another or over a point."""

from __future__ import annotations

from collections.abc import Sequence

LETTER = 7.0
"""Width of a letter at 12 px, px; most are narrower."""

HEIGHT, GAP = 16.0, 9.0
"""Height of a name, and how far it stands from the middle of its point, px."""

_Box = tuple[float, float, float, float]
_SIDES = {
    "middle right": (0, 0.5),
    "middle left": (-1, 0.5),
    "top center": (-0.5, 1),
    "bottom center": (-0.5, 0),
    "top right": (0, 1),
    "bottom right": (0, 0),
    "top left": (-1, 1),
    "bottom left": (-1, 0),
}
"""Where a name begins: so many widths to the right of its point, so many heights above its own lower edge."""


def place_labels(points: Sequence[tuple[float, float]], names: Sequence[str], width: float) -> list[str | None]:
    """On which side of its point each name fits; the first names have the first choice.

    Points that are drawn further apart than here, on a wider screen, leave the names as free of each other as they are.

    Args:
        points: px from the lower left corner, one a name.
        names: empty ones are not placed.
        width: of the figure, px.

    Returns:
        Plotly's ``textposition`` for each name; ``None`` where no side is free.

    Example:
        >>> place_labels([(10, 50), (10, 52)], ["one", "two"], 200)
        ['middle right', None]
    """
    marks = [(x - 6, y - 6, x + 6, y + 6) for x, y in points]
    taken: list[_Box] = []
    sides: list[str | None] = []
    for number, ((x, y), name) in enumerate(zip(points, names, strict=True)):
        others = [*taken, *(mark for place, mark in enumerate(marks) if place != number)]
        found = None
        for side in _SIDES if name else ():
            box = _box(x, y, LETTER * len(name), side)
            if box[0] >= 0 and box[2] <= width and not any(_overlap(box, other) for other in others):
                found = side
                taken.append(box)
                break
        sides.append(found)
    return sides


def _box(x: float, y: float, wide: float, side: str) -> _Box:
    across, up = _SIDES[side]
    left = x + across * wide + (GAP if across == 0 else -GAP if across == -1 else 0)
    low = y - HEIGHT / 2 if up == 0.5 else y + GAP - 4 if up == 1 else y - GAP + 4 - HEIGHT
    return left, low, left + wide, low + HEIGHT


def _overlap(one: _Box, other: _Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
