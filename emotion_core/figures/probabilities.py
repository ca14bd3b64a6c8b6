"""How probable is each expression?"""

from __future__ import annotations

from collections.abc import Mapping

import plotly.graph_objects as go

from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.labels import EXPRESSIONS

PATTERNS = ("", "/", ".", "x", "-", "+", "|", "\\")
"""Fills distinguish runs, since colour stands for the expression. With more runs than fills they repeat."""


def probability_bars(readings: Mapping[str, Mapping[str, float]]) -> go.Figure:
    """A bar for each expression, in its own colour; several runs as neighbouring bars.

    Args:
        readings: probabilities of the expressions by run. Expressions that are missing have no bar.

    Returns:
        A figure with one trace a run, the first expression on top.

    Raises:
        ValueError: no run, or a probability outside [0, 1].
    """
    if not readings:
        raise ValueError("Probabilities of at least one run are needed.")
    several = len(readings) > 1
    figure = new_figure("Which expression?", height=124 + 23 * len(EXPRESSIONS) * (1 if not several else len(readings)))
    for number, (run, probabilities) in enumerate(readings.items()):
        _check(probabilities)
        names = [name for name in EXPRESSIONS if name in probabilities]
        values = [probabilities[name] for name in names]
        colours = [EXPRESSION_COLOURS[name] for name in names]
        figure.add_bar(
            x=values,
            y=names,
            orientation="h",
            name=literal(run),
            text=[f"{value:.3f}" for value in values],
            textposition="outside",
            cliponaxis=False,
            marker={
                "color": colours,
                "line": {"color": colours, "width": 1},
                "pattern": {"shape": PATTERNS[number % len(PATTERNS)], "fillmode": "replace", "size": 6},
            },
            hovertemplate="%{y}: %{x:.3f}<extra>%{fullData.name}</extra>" if several else "%{y}: %{x:.3f}<extra></extra>",
        )
    figure.update_layout(
        barmode="group",
        bargap=0.25,
        showlegend=several,
        legend={"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
    )
    figure.update_xaxes(
        title={"text": "probability, 0 to 1", "font": {"size": 13}},
        # Room for the number behind a bar of length 1.
        range=[0, 1.14],
        tickvals=[0, 0.25, 0.5, 0.75, 1],
        ticktext=["0", "0.25", "0.5", "0.75", "1"],
        gridcolor=FAINT,
        zeroline=True,
        zerolinecolor=GREY,
        fixedrange=True,
    )
    figure.update_yaxes(
        categoryorder="array",
        categoryarray=EXPRESSIONS,
        autorange="reversed",
        ticksuffix=" ",
        fixedrange=True,
        showgrid=False,
    )
    return figure


def _check(probabilities: Mapping[str, float]) -> None:
    for name, value in probabilities.items():
        # Written so that NaN fails too.
        if not 0 <= value <= 1:
            raise ValueError(f"The probability of {name} must lie in [0, 1], not {value}.")
