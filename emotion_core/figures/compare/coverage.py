"""Who abstains how much for what accuracy?"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import run_styles
from emotion_core.figures.template import FAINT, literal, new_figure
from emotion_core.texts import shorten

BANDS = 4
"""Of so many runs intervals are drawn; bands of more would hide each other; hovering shows them all the same."""


def coverage_curves(table: pd.DataFrame) -> go.Figure:
    """Accuracy of the most confident predictions by the share of images that gets one.

    Args:
        table: long, with ``run``, ``backbone``, ``coverage``, ``accuracy``, ``low``, ``high`` and ``confidence``, as
            :func:`~emotion_core.metrics.selective.risk_coverage` gives them.

    Returns:
        A figure with one trace a run in the legend, and the band of its interval where there are few runs.

    Raises:
        ValueError: the table is empty.
    """
    if table.empty:
        raise ValueError("At least one curve is needed.")
    runs = table.drop_duplicates("run")
    figure = new_figure("How often right, if the least sure go unanswered?", height=430 + 22 * len(runs))
    for run, style in zip(runs["run"], run_styles(runs["backbone"].tolist()), strict=True):
        mine = table[table["run"] == run].sort_values("coverage")
        if len(runs) <= BANDS:
            figure.add_scatter(
                x=[*mine["coverage"], *mine["coverage"][::-1]],
                y=[*mine["high"], *mine["low"][::-1]],
                fill="toself",
                fillcolor=style.colour,
                opacity=0.15,
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
                legendgroup=run,
            )
        figure.add_scatter(
            x=mine["coverage"].tolist(),
            y=mine["accuracy"].tolist(),
            mode="lines+markers",
            name=literal(shorten(run, 40)),
            legendgroup=run,
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": style.symbol, "size": 6},
            customdata=mine[["low", "high", "confidence"]].to_numpy(),
            hovertemplate="%{x:.0%} answered: accuracy %{y:.3f} [%{customdata[0]:.3f}, %{customdata[1]:.3f}], from a "
            "probability of %{customdata[2]:.3f} on<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(
        title={"text": "share of images answered, the most confident first", "font": {"size": 13}},
        range=[0, 1.02],
        tickformat=".0%",
        gridcolor=FAINT,
        zeroline=False,
    )
    figure.update_yaxes(
        title={"text": "accuracy of these, 0 to 1", "font": {"size": 13}}, gridcolor=FAINT, zeroline=False, range=[0, 1.02]
    )
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.18, "yanchor": "top"})
    return figure
