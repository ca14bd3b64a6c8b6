"""Which expressions does each run know, and which does it mix up?"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import run_styles
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.labels import EXPRESSIONS
from emotion_core.texts import minus, shorten

Matrix = npt.NDArray[np.float64]
By = Literal["count", "row", "column"]

SEQUENTIAL = ((0.0, "rgba(31, 111, 139, 0.04)"), (1.0, "rgba(31, 111, 139, 1)"))
DIVERGING = ((0.0, "rgba(196, 90, 20, 1)"), (0.5, "rgba(128, 128, 128, 0.05)"), (1.0, "rgba(31, 111, 139, 1)"))


def confusion_heatmap(values: npt.ArrayLike, title: str, *, by: By, limit: float, difference: bool = False) -> go.Figure:
    """One confusion matrix, true expressions downwards, predicted ones to the right.

    Args:
        values: shape ``(8, 8)``: counts or shares, or their difference.
        title: whose it is.
        by: ``"count"``, or shares by ``"row"`` or ``"column"``.
        limit: end of the colour scale, the same for all matrices that stand beside each other.
        difference: colours run from ``-limit`` to ``limit``.

    Returns:
        A square figure with one heat map.

    Raises:
        ValueError: another shape.
    """
    matrix = np.asarray(values, dtype=np.float64)
    if matrix.shape != (len(EXPRESSIONS), len(EXPRESSIONS)):
        raise ValueError(f"A matrix of {len(EXPRESSIONS)} × {len(EXPRESSIONS)} is needed, not {matrix.shape}.")
    figure = new_figure(literal(shorten(title, 40)), height=420)
    unit = "images" if by == "count" else ""
    number = ("+.0f" if difference else ".0f") if by == "count" else ("+.3f" if difference else ".3f")
    limit = max(limit, 1e-9)
    # A cell of 30 px holds two decimals; the third is on hover.
    shown = [[_cell(value, by, difference) for value in row] for row in matrix]
    colours = [["#ffffff" if abs(value) > 0.55 * limit else GREY for value in row] for row in matrix]
    figure.add_heatmap(
        z=matrix,
        x=list(EXPRESSIONS),
        y=list(EXPRESSIONS),
        zmin=-limit if difference else 0,
        zmax=limit,
        colorscale=[list(stop) for stop in (DIVERGING if difference else SEQUENTIAL)],
        showscale=False,
        xgap=1,
        ygap=1,
        hovertemplate=f"true %{{y}}, predicted %{{x}}: %{{z:{number}}} {unit}<extra></extra>",
    )
    # All at once, because plotly checks all that there are with each one that is added.
    figure.update_layout(
        annotations=[
            {"x": predicted, "y": true, "text": shown[i][j], "showarrow": False, "font": {"size": 11, "color": colours[i][j]}}
            for i, true in enumerate(EXPRESSIONS)
            for j, predicted in enumerate(EXPRESSIONS)
            if shown[i][j]
        ]
    )
    figure.update_xaxes(
        title={"text": "predicted", "font": {"size": 13}},
        tickangle=-45,
        showgrid=False,
        constrain="domain",
        tickfont={"size": 12},
    )
    figure.update_yaxes(
        title={"text": "true", "font": {"size": 13}},
        autorange="reversed",
        showgrid=False,
        scaleanchor="x",
        constrain="domain",
        tickfont={"size": 12},
    )
    return figure


def _cell(value: float, by: By, difference: bool) -> str:
    """What a cell shows; nothing for what would read as 0."""
    text = f"{value:.0f}" if by == "count" else f"{value:.2f}".replace("0.", ".", 1)
    if text in ("0", ".00", "-.00", "-0"):
        return ""
    sign = "+" if difference and value > 0 else ""
    return minus(f"{sign}{text}")


def class_dots(table: pd.DataFrame) -> go.Figure:
    """F1 of each expression, a marker a run.

    Args:
        table: long, with ``run``, ``backbone``, ``expression`` and ``f1``.

    Returns:
        A figure with one trace a run; expressions from the one known best on average to the one known worst.

    Raises:
        ValueError: no row.
    """
    if table.empty:
        raise ValueError("At least one run is needed.")
    means = table.groupby("expression", sort=False)["f1"].mean().sort_values(ascending=False, kind="stable")
    order = list(means.index)
    runs = table.drop_duplicates("run")
    figure = new_figure(
        f"{str(order[0]).capitalize()} is read best, {order[-1]} worst", height=140 + 42 * len(order) + 22 * len(runs)
    )
    for expression in order:
        values = table.loc[table["expression"] == expression, "f1"]
        figure.add_shape(
            type="line",
            x0=values.min(),
            x1=values.max(),
            y0=expression,
            y1=expression,
            line={"color": FAINT, "width": 6},
            layer="below",
        )
    for run, style in zip(runs["run"], run_styles(runs["backbone"].tolist()), strict=True):
        mine = table[table["run"] == run].set_index("expression").reindex(order)
        figure.add_scatter(
            x=mine["f1"].tolist(),
            y=order,
            mode="markers",
            name=literal(shorten(run, 40)),
            marker={"color": style.colour, "symbol": style.symbol, "size": 11, "opacity": 0.9},
            hovertemplate="%{y}: %{x:.3f}<extra>%{fullData.name}</extra>",
        )
    figure.update_xaxes(
        title={"text": "F1 ↑, 0 to 1", "font": {"size": 13}}, range=[-0.02, 1.02], gridcolor=FAINT, zeroline=False
    )
    figure.update_yaxes(
        categoryorder="array", categoryarray=order, autorange="reversed", showgrid=False, zeroline=False, ticksuffix=" "
    )
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"})
    return figure


def reliability_curves(table: pd.DataFrame) -> go.Figure:
    """How often each run is right by how sure it is; below the diagonal it is too sure.

    Args:
        table: long, with ``run``, ``backbone``, ``ece``, ``confidence``, ``accuracy`` and ``count`` of each bin; empty bins
            are left out.

    Returns:
        A square figure with the diagonal and one trace a run.

    Raises:
        ValueError: no bin with an image.
    """
    known = table[table["count"] > 0]
    if known.empty:
        raise ValueError("At least one image is needed.")
    runs = known.drop_duplicates("run")
    figure = new_figure("Can its probabilities be believed?", height=470 + 22 * len(runs))
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "width": 1, "dash": "dot"}, hoverinfo="skip", showlegend=False
    )
    for run, ece, style in zip(runs["run"], runs["ece"], run_styles(runs["backbone"].tolist()), strict=True):
        mine = known[known["run"] == run]
        figure.add_scatter(
            x=mine["confidence"].tolist(),
            y=mine["accuracy"].tolist(),
            mode="lines+markers",
            name=f"{literal(shorten(run, 34))}, ECE {ece:.3f}",
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": style.symbol, "size": (5 + 9 * np.sqrt(mine["count"] / mine["count"].max())).tolist()},
            customdata=mine["count"].tolist(),
            hovertemplate="sure %{x:.3f}, right %{y:.3f}, %{customdata} images<extra>%{fullData.name}</extra>",
        )
    axis = {"range": [0, 1], "gridcolor": FAINT, "zeroline": False, "constrain": "domain", "dtick": 0.25}
    figure.update_xaxes(**axis, title={"text": "how sure: probability of the predicted expression", "font": {"size": 13}})
    figure.update_yaxes(**axis, title={"text": "how often right", "font": {"size": 13}}, scaleanchor="x")
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"})
    return figure
