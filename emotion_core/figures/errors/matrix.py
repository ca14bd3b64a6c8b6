"""A confusion matrix whose cells, rows and columns can be clicked."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from emotion_core.figures.template import GREY, literal, new_figure
from emotion_core.labels import EXPRESSIONS

SIZE = len(EXPRESSIONS)

ALL = -1
"""Stands in ``customdata`` for every row, or every column."""

ROOM = 0.2875
"""Width of the words beside the cells, as a share of the cells' width."""

RIGHT, WRONG, NEUTRAL = "28, 124, 74", "178, 52, 52", "31, 111, 139"
"""Colours of cells as red, green, blue: what is right, what is wrong, and what is neither."""

CHOSEN = "#1f87a8"

_NEARLY_TRANSPARENT = "rgba(128, 128, 128, 0.01)"


def error_matrix(
    counts: npt.NDArray[np.int64],
    *,
    title: str,
    down: str,
    across: str,
    names: Sequence[str] = EXPRESSIONS,
    judged: bool = True,
    ink: str = GREY,
    chosen: tuple[Collection[str], Collection[str]] = ((), ()),
) -> go.Figure:
    """Counts of pairs of expressions; darker is a larger share of the row.

    A heat map gives no point to a click, so nearly transparent squares lie on its cells and on the words beside them. Their
    ``customdata`` are the places of row and column in :data:`~emotion_core.labels.EXPRESSIONS`, :data:`ALL` where the click
    means all of them.

    Args:
        counts: shape ``(n, n)``.
        title: the finding.
        down: what the rows are, such as ``"true"``.
        across: what the columns are.
        names: the n expressions of the rows and of the columns.
        judged: whether the diagonal is right and the rest wrong; otherwise all cells have one colour.
        ink: colour of the words on pale cells: that of the page, so that they are readable.
        chosen: expressions of the rows and of the columns that are chosen; these cells get a frame.

    Returns:
        A figure with heat maps and, last, the squares.

    Raises:
        ValueError: another shape.
    """
    size = len(names)
    if counts.shape != (size, size):
        raise ValueError(f"A matrix of {size} × {size} is needed, not {counts.shape}.")
    figure = new_figure(literal(title), height=400)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    on = np.eye(size, dtype=np.bool_)
    words = _names(names, down, across, ink)
    for mask, colour in ((on, RIGHT), (~on, WRONG)):
        limit = max(float(shares[mask].max(initial=0.0)), 0.2)
        _add_cells(figure, shares, mask, colour if judged else NEUTRAL, limit)
        for i, j in np.argwhere(mask & (counts > 0)).tolist():
            font = {"size": 12, "color": "#ffffff" if shares[i, j] > 0.6 * limit else ink}
            words.append({"x": j, "y": i, "text": f"{counts[i, j]}", "showarrow": False, "font": font})
    # All at once: plotly checks every one of them again whenever one is added.
    figure.update_layout(annotations=words, shapes=_frames(names, *chosen))
    _add_squares(figure, names, counts, shares, down, across)
    axis = {"showgrid": False, "zeroline": False, "visible": False, "fixedrange": True}
    figure.update_xaxes(**axis, range=[-0.5 - ROOM * size, size - 0.5], constrain="domain", constraintoward="left")
    figure.update_yaxes(
        **axis,
        range=[size - 0.5 + ROOM * size, -0.55],
        scaleanchor="x",
        scaleratio=1,
        constrain="domain",
        constraintoward="top",
    )
    figure.update_layout(showlegend=False, hovermode="closest", hoverdistance=40, margin={"l": 22, "r": 4, "t": 36, "b": 20})
    return figure


def _add_cells(
    figure: go.Figure, shares: npt.NDArray[np.float64], mask: npt.NDArray[np.bool_], colour: str, limit: float
) -> None:
    figure.add_heatmap(
        z=[[share if shown else None for share, shown in zip(*row, strict=True)]
           for row in zip(shares.tolist(), mask.tolist(), strict=True)],
        zmin=0,
        zmax=limit,
        colorscale=[[0, f"rgba({colour}, 0.05)"], [1, f"rgba({colour}, 1)"]],
        showscale=False,
        xgap=1,
        ygap=1,
        hoverinfo="skip",
    )  # fmt: skip


def _names(names: Sequence[str], down: str, across: str, ink: str) -> list[dict[str, Any]]:
    """Words beside the cells."""
    font, side = {"size": 12.5, "color": ink}, {"size": 13, "color": GREY}
    size = len(names)
    middle, edge = (size - 1) / 2, 0.5 + ROOM * size
    words: list[dict[str, Any]] = [
        {"x": -edge, "y": middle, "xanchor": "right", "textangle": -90, "text": literal(down), "font": side},
        {"x": middle, "y": size - 1 + edge, "yanchor": "top", "text": literal(across), "font": side},
    ]
    for i, name in enumerate(names):
        words.append({"x": -0.6, "y": i, "xanchor": "right", "text": name, "font": font})
        words.append({"x": i, "y": size - 0.4, "yanchor": "top", "textangle": -90, "text": name, "font": font})
    return [{"showarrow": False, **word} for word in words]


def _frames(names: Sequence[str], rows: Collection[str], columns: Collection[str]) -> list[dict[str, Any]]:
    """Around what is chosen."""
    if not rows and not columns:
        return []
    line = {"color": CHOSEN, "width": 3}
    return [
        {"type": "rect", "x0": x0, "x1": x1, "y0": y0, "y1": y1, "line": line}
        for y0, y1 in _bands(names, rows)
        for x0, x1 in _bands(names, columns)
    ]


def _bands(names: Sequence[str], chosen: Collection[str]) -> list[tuple[float, float]]:
    """From edge to edge of each; the whole side where none is chosen."""
    if not chosen:
        return [(-0.5, len(names) - 0.5)]
    places = [names.index(name) for name in chosen if name in names]
    return [(place - 0.5, place + 0.5) for place in places]


def _add_squares(
    figure: go.Figure,
    names: Sequence[str],
    counts: npt.NDArray[np.int64],
    shares: npt.NDArray[np.float64],
    down: str,
    across: str,
) -> None:
    points: list[dict[str, Any]] = []
    size, places = len(names), [EXPRESSIONS.index(name) for name in names]
    for i, row in enumerate(names):
        for j, column in enumerate(names):
            words = (
                f"{literal(down)}: {row}<br>{literal(across)}: {column}<br>{counts[i, j]:,} images, {shares[i, j]:.3f} of row"
            )
            points.append({"x": j, "y": i, "cell": [places[i], places[j]], "words": words})
    for k, name in enumerate(names):
        across_words = f"all {counts[k].sum():,} images<br>{literal(down)}: {name}"
        down_words = f"all {counts[:, k].sum():,} images<br>{literal(across)}: {name}"
        for offset in (0.5 + 0.22 * ROOM * size, 0.5 + 0.65 * ROOM * size):
            points.append({"x": -offset, "y": k, "cell": [places[k], ALL], "words": across_words})
            points.append({"x": k, "y": size - 1 + offset, "cell": [ALL, places[k]], "words": down_words})
    # Squares grow with the cells; those on the words do not, because the words keep their size.
    look = {"marker": {"opacity": 1}}
    figure.add_scatter(
        x=[point["x"] for point in points],
        y=[point["y"] for point in points],
        mode="markers",
        name="cells",
        cliponaxis=False,
        customdata=[point["cell"] for point in points],
        text=[point["words"] for point in points],
        hovertemplate="%{text}<extra></extra>",
        marker={
            "symbol": "square",
            "size": [26 * SIZE / size] * size**2 + [26] * 4 * size,
            "color": _NEARLY_TRANSPARENT,
            "line": {"width": 0},
        },
        selected=look,
        unselected=look,
    )


def clicked_cell(point: Mapping[str, Any]) -> tuple[str | None, str | None] | None:
    """Expressions of a clicked cell: of the row and of the column, ``None`` for all of them.

    Args:
        point: what the browser says about a point of :func:`error_matrix`.

    Returns:
        ``None`` when the point is no cell.

    Example:
        >>> clicked_cell({"customdata": [4, -1]})
        ('fear', None)
    """
    cell = point.get("customdata")
    # A browser may send a list as an object with its positions as names.
    if isinstance(cell, Mapping):
        cell = list(cell.values())
    if not isinstance(cell, list | tuple) or len(cell) != 2:
        return None
    if not all(isinstance(number, int) and ALL <= number < SIZE for number in cell) or cell[0] == cell[1] == ALL:
        return None
    row, column = (None if number == ALL else EXPRESSIONS[number] for number in cell)
    return row, column
