"""A map of what a network sees: faces by their features, coloured by what is known of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.figures.template import GREY, literal, new_figure

HEIGHT = 620
"""px."""

MANY = 5_000
"""More points are drawn by the graphics card, and are told their group alone on hover."""

VERDICTS = {"✓ right": "#1c9a58", "✗ wrong": "#d0454c"}
SHADES = ("#9fb6c9", "#4a90c2", "#14538a")
"""From low to high, on light and on dark."""

NO_VALUE = "not known"


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """A face from elsewhere, drawn as a diamond.

    Attributes:
        name: of its photo.
        x: on the map.
        y: likewise.
        hover: more words.
    """

    name: str
    x: float
    y: float
    hover: str = ""


def group_colours(names: Sequence[str], *, ordered: bool = False) -> list[str]:
    """A colour for each group: of the expression, of right and wrong, from low to high, or just different ones.

    Example:
        >>> group_colours(["fear", "✗ wrong", NO_VALUE])
        ['#9472ff', '#d0454c', '#808080']
    """
    fixed = {**EXPRESSION_COLOURS, **VERDICTS, NO_VALUE: OTHER}
    others = [name for name in names if name not in fixed]
    shades = SHADES if ordered and len(others) <= len(SHADES) else tuple(EXPRESSION_COLOURS.values())
    free = dict(zip(others, (*shades, *(OTHER for _ in others)), strict=False))
    return [fixed.get(name) or free[name] for name in names]


def feature_figure(
    places: npt.NDArray[np.float32],
    groups: npt.NDArray[np.object_],
    names: Sequence[str],
    rows: npt.NDArray[np.int64],
    *,
    hover: Sequence[str],
    title: str,
    marked: Collection[int] = (),
    newcomers: Sequence[Newcomer] = (),
    ordered: bool = False,
    tool: str | bool = False,
) -> go.Figure:
    """One point a face, a trace and a colour a group.

    Args:
        places: on the map, shape ``(M, 2)``.
        groups: name of each face's group, shape ``(M,)``.
        names: of all groups, in the order of the legend; groups without a face are left out.
        rows: row number of each face in the caller's table, for ``customdata``, shape ``(M,)``.
        hover: what is shown of each face; unused above 5,000 faces.
        title: says what is shown.
        marked: row numbers of faces that stand out; where there are any, all others are pale.
        newcomers: faces from elsewhere.
        ordered: the groups go from low to high.
        tool: plotly's ``dragmode``.
    """
    figure = new_figure(literal(title), height=HEIGHT).update_layout(title_pad_t=34)
    many = len(rows) > MANY
    kind = go.Scattergl if many else go.Scatter
    chosen = np.isin(rows, list(marked)) if marked else None
    for name, colour in zip(names, group_colours(names, ordered=ordered), strict=True):
        mine = np.flatnonzero(groups == name)
        if not len(mine):
            continue
        figure.add_trace(
            kind(
                x=places[mine, 0], y=places[mine, 1], mode="markers", name=f"{literal(name)} ({len(mine):,})",
                customdata=rows[mine].astype(np.int32),
                text=None if many else [literal(hover[index]).replace("\n", "<br>") for index in mine.tolist()],
                hovertemplate="%{fullData.name}<extra></extra>" if many else "%{text}<extra></extra>",
                marker={"color": colour, "size": 3 if many else 6, "opacity": 0.75},
                selectedpoints=None if chosen is None else np.flatnonzero(chosen[mine]).tolist(),
                selected={"marker": {"opacity": 1, "size": 5 if many else 9}},
                unselected={"marker": {"opacity": 0.12}},
            )
        )  # fmt: skip
    if newcomers:
        figure.add_scatter(
            x=[face.x for face in newcomers], y=[face.y for face in newcomers], name="from Predict",
            mode="markers+text" if len(newcomers) <= 8 else "markers", textposition="middle right",
            text=[literal(face.name) for face in newcomers], customdata=np.full(len(newcomers), -1),
            hovertext=[literal(f"{face.name}\n{face.hover}").replace("\n", "<br>") for face in newcomers],
            hovertemplate="%{hovertext}<extra></extra>",
            marker={"symbol": "diamond", "size": 15, "color": "#1f87a8", "line": {"color": "#ffffff", "width": 2}},
        )  # fmt: skip
    # Neither axis means anything, and both have one scale: distance on the map is what counts.
    axis = {"showgrid": False, "zeroline": False, "showticklabels": False, "fixedrange": False}
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis, scaleanchor="x", scaleratio=1)
    # The tools stand above the title, which would lie under them.
    figure.update_layout(
        showlegend=True, hovermode="closest", dragmode=tool, margin={"l": 8, "r": 8, "t": 68, "b": 8},
        legend={"orientation": "h", "x": 0, "y": -0.01, "yanchor": "top", "itemsizing": "constant"},
        modebar={"bgcolor": "rgba(0, 0, 0, 0)", "color": GREY, "activecolor": "#1f87a8"},
    )  # fmt: skip
    return figure
