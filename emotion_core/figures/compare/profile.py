"""Who is good at what? Runs with their intervals on one axis a measure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import run_styles
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.metrics.table import METRICS
from emotion_core.texts import shorten, with_interval

SPREAD = 0.6
"""Width that the runs take up on an axis, as a share of the distance between axes."""


def profile(table: pd.DataFrame, measures: Sequence[str]) -> go.Figure:
    """A line a run across measures, with its interval on each; every axis spans the intervals shown, and up is better.

    Runs that differ by less than their intervals are wide therefore lie close together, as they should.

    Args:
        table: a row a measured entry with ``name``, ``backbone``, ``<measure>``, ``<measure>_low`` and ``<measure>_high``.
        measures: keys, at least two.

    Returns:
        A figure with one trace a run.

    Raises:
        ValueError: fewer than two measures, or no run.
    """
    if len(measures) < 2:
        raise ValueError("At least two measures are needed.")
    if table.empty:
        raise ValueError("At least one run is needed.")
    figure = new_figure("Who is good at what?", height=470 + 22 * len(table))
    ends = {measure: _ends(table, measure) for measure in measures}
    places = np.linspace(-SPREAD / 2, SPREAD / 2, len(table)) if len(table) > 1 else np.zeros(1)
    for number, style in enumerate(run_styles(table["backbone"].tolist())):
        row = table.iloc[number]
        value, low, high = (
            np.array([_height(row[f"{measure}{which}"], *ends[measure]) for measure in measures])
            for which in ("", "_low", "_high")
        )
        # Where less is better, the lower end of an interval is the upper one here.
        low, high = np.fmin(low, high), np.fmax(low, high)
        figure.add_scatter(
            x=(np.arange(len(measures)) + places[number]).tolist(),
            y=value.tolist(),
            mode="lines+markers",
            name=literal(shorten(row["name"], 40)),
            line={"color": style.colour, "dash": style.dash, "width": 1},
            marker={"symbol": style.symbol, "size": 9},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": _or_nothing(high - value),
                "arrayminus": _or_nothing(value - low),
                "color": style.colour,
                "thickness": 1.5,
                "width": 0,
            },
            customdata=[[METRICS[measure].header, _said(row, measure)] for measure in measures],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<extra>%{fullData.name}</extra>",
        )
    figure.update_layout(
        annotations=[
            {"x": place, "y": height, "text": f"{end:.3f}", "showarrow": False, "font": {"size": 12, "color": GREY}}
            for place, measure in enumerate(measures)
            for height, end in zip((-0.05, 1.05), ends[measure], strict=True)
            if np.isfinite(end)
        ],
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
        hovermode="closest",
    )
    figure.update_xaxes(
        tickvals=list(range(len(measures))),
        ticktext=[METRICS[measure].title.replace(" ", "<br>") for measure in measures],
        range=[-0.5, len(measures) - 0.5],
        gridcolor=FAINT,
        zeroline=False,
    )
    figure.update_yaxes(range=[-0.11, 1.11], showticklabels=False, showgrid=False, zeroline=False)
    figure.update_yaxes(title={"text": "better →", "font": {"size": 13}})
    return figure


def _ends(table: pd.DataFrame, measure: str) -> tuple[float, float]:
    """What stands at the bottom and at the top of an axis: the worst and the best end of any interval."""
    shown = table[[measure, f"{measure}_low", f"{measure}_high"]].astype(float).to_numpy()
    if not np.isfinite(shown).any():
        return float("nan"), float("nan")
    low, high = float(np.nanmin(shown)), float(np.nanmax(shown))
    return (low, high) if METRICS[measure].better == "higher" else (high, low)


def _height(value: float | None, bottom: float, top: float) -> float:
    """Between 0 and 1; in the middle where all are equal."""
    known = float("nan") if value is None else float(value)
    return (known - bottom) / (top - bottom) if top != bottom else known * 0 + 0.5


def _or_nothing(lengths: npt.NDArray[np.float64]) -> list[float]:
    return [float(length) for length in np.nan_to_num(lengths)]


def _said(row: pd.Series, measure: str) -> str:
    low, high = row[f"{measure}_low"], row[f"{measure}_high"]
    return with_interval(row[measure], None if pd.isna(low) else low, None if pd.isna(high) else high)
