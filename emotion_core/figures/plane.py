"""Where do faces lie on valence and arousal?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from emotion_core.figures.palette import EXPRESSION_COLOURS, OTHER
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.inspection.affect import QUARTERS

REGIONS = (
    (1, 1, QUARTERS[0]),
    (-1, 1, QUARTERS[1]),
    (-1, -1, QUARTERS[2]),
    (1, -1, QUARTERS[3]),
)
"""Sign of valence, sign of arousal, and what that quarter is called."""

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "x", "star", "pentagon")
"""Markers distinguish runs, since colour stands for the expression. With more runs than markers they repeat."""


@dataclass(frozen=True, kw_only=True)
class AffectPoint:
    """A face on the plane.

    Attributes:
        image: id of the image, shown on hover.
        valence: in [-1, 1].
        arousal: in [-1, 1].
        expression: gives the colour; grey when ``None``.
        run: who read it; each has its marker.
    """

    image: str
    valence: float
    arousal: float
    expression: str | None = None
    run: str = ""


def affect_plane(points: Sequence[AffectPoint], *, side: int = 300) -> go.Figure:
    """Points on the square plane of valence and arousal, one colour an expression, one marker a run.

    Args:
        points: at least one.
        side: width and height of the figure, px.

    Returns:
        A figure with one trace a run, in the order in which runs first appear.

    Raises:
        ValueError: no point, or one outside [-1, 1].
    """
    if not points:
        raise ValueError("At least one point is needed.")
    for point in points:
        # Written so that NaN fails too.
        if not (-1 <= point.valence <= 1 and -1 <= point.arousal <= 1):
            raise ValueError(f"({point.valence}, {point.arousal}) of '{point.image}' lies outside [-1, 1].")
    figure = new_figure("How pleasant, how active?", height=side)
    figure.update_layout(width=side)
    for horizontal, vertical, words in REGIONS:
        figure.add_annotation(
            x=horizontal * 0.5, y=vertical * 0.88, text=words, showarrow=False, font={"size": 12, "color": GREY}
        )  # fmt: skip
    runs = list(dict.fromkeys(point.run for point in points))
    for number, run in enumerate(runs):
        mine = [point for point in points if point.run == run]
        figure.add_scatter(
            x=[point.valence for point in mine],
            y=[point.arousal for point in mine],
            mode="markers",
            name=literal(run),
            cliponaxis=False,
            customdata=[[literal(point.image), point.expression or "", literal(run)] for point in mine],
            marker={
                "color": [EXPRESSION_COLOURS.get(point.expression or "", OTHER) for point in mine],
                "symbol": SYMBOLS[number % len(SYMBOLS)],
                "size": 13,
                "line": {"color": "rgba(255, 255, 255, 0.9)", "width": 1.5},
            },
            hovertemplate=(
                "%{customdata[0]}<br>%{customdata[1]} valence %{x:.3f}, arousal %{y:.3f}<extra>%{customdata[2]}</extra>"
            ),
        )
    axis = {
        "range": [-1, 1],
        "tickvals": [-1, -0.5, 0, 0.5, 1],
        "ticktext": ["\N{MINUS SIGN}1", "", "0", "", "1"],
        "gridcolor": FAINT,
        "zeroline": True,
        "zerolinecolor": GREY,
        "fixedrange": True,
    }
    figure.update_xaxes(**axis, title={"text": "valence (pleasant \N{RIGHTWARDS ARROW})", "font": {"size": 13}, "standoff": 4})
    figure.update_yaxes(
        **axis,
        title={"text": "arousal (active \N{RIGHTWARDS ARROW})", "font": {"size": 13}, "standoff": 4},
        scaleanchor="x",
        scaleratio=1,
        constrain="domain",
        constraintoward="top",
    )
    figure.update_xaxes(constrain="domain", constraintoward="left")
    figure.add_shape(type="rect", x0=-1, y0=-1, x1=1, y1=1, line={"color": FAINT, "width": 1}, layer="below")
    figure.update_layout(
        showlegend=len(runs) > 1,
        legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"},
        margin={"l": 8, "r": 12, "t": 40, "b": 8},
    )
    if len(runs) > 1:
        figure.update_layout(height=side + 24 * len(runs))
    return figure
