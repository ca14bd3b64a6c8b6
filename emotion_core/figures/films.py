"""A film's expressions, valence and arousal over time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.figures.plane import AffectPoint, affect_plane
from emotion_core.figures.template import FAINT, GREY, new_figure
from emotion_core.labels import EXPRESSIONS

MAX_TRACKS = 12
"""So many rows of a time line at most, those that are given first."""

MAX_POINTS = 2_000
"""So many points of a curve at most; of more, every second, third … is drawn."""

CURVES = {"valence": ("#1f6f8b", "31, 111, 139", "solid"), "arousal": ("#c2571a", "194, 87, 26", "dash")}


def expression_time_line(segments: pd.DataFrame, tracks: list[int], *, step: float) -> go.Figure:
    """A row a track, coloured by the expression that it shows.

    Args:
        segments: ``track``, ``shown``, ``start``, ``end`` (s).
        tracks: which, the first on top.
        step: s between frames; a single frame is as wide.
    """
    kept = tracks[:MAX_TRACKS]
    figure = new_figure("Which expression when?", height=150 + 34 * len(kept))
    for name in EXPRESSIONS:
        mine = segments[(segments["shown"] == name) & segments["track"].isin(kept)]
        if len(mine):
            ends = np.maximum(mine["end"], mine["start"] + step)
            figure.add_bar(
                x=ends - mine["start"],
                base=mine["start"],
                y=[f"face {track}" for track in mine["track"]],
                orientation="h",
                name=name,
                marker={"color": EXPRESSION_COLOURS[name], "line": {"width": 0}},
                customdata=np.stack([mine["start"], ends], axis=1),
                hovertemplate=f"%{{y}}: {name}, %{{customdata[0]:.1f}} to %{{customdata[1]:.1f}} s<extra></extra>",
            )
    figure.update_layout(
        barmode="overlay",
        bargap=0.3,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
        margin={"t": 92, "b": 8, "l": 8, "r": 8},
    )
    figure.update_xaxes(title={"text": "time, s", "font": {"size": 13}}, gridcolor=FAINT)
    figure.update_yaxes(categoryorder="array", categoryarray=[f"face {each}" for each in kept], autorange="reversed")
    return figure


def affect_curves(table: pd.DataFrame, *, gap: float) -> go.Figure:
    """Smoothed valence and arousal of one track over time, each in a band of one standard deviation of the frames around it.

    Args:
        table: ``time``, ``smooth_valence``, ``sd_valence`` and the same of arousal, of one track.
        gap: s; where the face is away for longer, the curve is interrupted.
    """
    figure = new_figure("How pleasant, how active, over time?", height=300)
    table = table.iloc[:: max(1, -(-len(table) // MAX_POINTS))]
    breaks = np.flatnonzero(
        np.diff(table["time"]) > max(gap, 2 * float(np.median(np.diff(table["time"])) if len(table) > 1 else 0))
    )
    for name, (colour, rgb, dash) in CURVES.items():
        mean, spread = table[f"smooth_{name}"].to_numpy(), table[f"sd_{name}"].to_numpy()
        for number, part in enumerate(np.split(np.arange(len(table)), breaks + 1)):
            times = table["time"].to_numpy()[part]
            low, high = np.clip(mean[part] - spread[part], -1, 1), np.clip(mean[part] + spread[part], -1, 1)
            figure.add_scatter(
                x=[*times, *times[::-1]], y=[*high, *low[::-1]], fill="toself", fillcolor=f"rgba({rgb}, 0.18)",
                mode="lines", line={"width": 0}, hoverinfo="skip", showlegend=False,
            )  # fmt: skip
            figure.add_scatter(
                x=times, y=mean[part], mode="lines" if len(part) > 1 else "markers", name=name, legendgroup=name,
                showlegend=number == 0, line={"color": colour, "dash": dash, "width": 2}, marker={"color": colour},
                hovertemplate=f"%{{x:.1f}} s: {name} %{{y:.3f}}<extra></extra>",
            )  # fmt: skip
    figure.update_layout(legend={"orientation": "h", "y": -0.28})
    figure.update_xaxes(title={"text": "time, s", "font": {"size": 13}}, gridcolor=FAINT)
    figure.update_yaxes(range=[-1, 1], tickvals=[-1, -0.5, 0, 0.5, 1], zeroline=True, zerolinecolor=GREY, gridcolor=FAINT)
    return figure


def affect_trajectory(table: pd.DataFrame, *, now: float) -> go.Figure:
    """The way of one track over the plane, paler the longer ago, and where it is at one time.

    Args:
        table: ``time``, ``smooth_valence``, ``smooth_arousal`` and ``shown``, of one track, at least one row.
        now: s.
    """
    here = table.iloc[int((table["time"] - now).abs().to_numpy().argmin())]
    place = AffectPoint(
        image=f"{here['time']:.1f} s",
        valence=float(here["smooth_valence"]),
        arousal=float(here["smooth_arousal"]),
        expression=here["shown"],
    )
    figure = affect_plane([place])
    few = table.iloc[:: max(1, -(-len(table) // 500))]
    figure.add_scatter(
        x=few["smooth_valence"], y=few["smooth_arousal"], mode="lines+markers", name="", showlegend=False,
        line={"color": "rgba(128, 128, 128, 0.45)", "width": 1.5},
        marker={"size": 4, "color": few["time"], "colorscale": "Blues", "showscale": False},
        customdata=few["time"], hovertemplate="%{customdata:.1f} s<extra></extra>",
    )  # fmt: skip
    figure.data = figure.data[::-1]  # the point on top of its way
    return figure
