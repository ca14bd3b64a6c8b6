"""What does it cost to be better?"""

from __future__ import annotations

from collections.abc import Collection
from math import ceil, floor, log10
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.compare.labels import place_labels
from emotion_core.figures.run_styles import backbone_colour
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.metrics.table import METRICS
from emotion_core.results.costs import cost_title
from emotion_core.texts import short_names, shorten

SMALLEST = (290, 270)
"""Width and height of the axes on a phone, px: names that fit there fit everywhere."""


def trade_off(table: pd.DataFrame, measure: str, cost: str, worth: Collection[str]) -> go.Figure:
    """Entries by what they cost and what they reach; the line joins those that are worth their cost, the others are faint.

    Args:
        table: a row an entry with ``name``, ``kind``, ``backbone``, ``collapsed``, ``<measure>`` with its ``_low`` and
            ``_high``, and the cost.
        measure: key.
        cost: name of a column, larger than 0.
        worth: names of the runs that are worth their cost, by
            :func:`~emotion_core.compare.worth.worth_their_cost`.

    Returns:
        A figure with a trace for the line, one for measured and one for reported entries, as far as there are any, and one
        without points for each entry of the legend.

    Raises:
        ValueError: no entry has both.
    """
    rows = trade_off_rows(table, measure, cost, worth)
    words = METRICS[measure]
    measured, reported = rows[rows["kind"] == "measured"], rows[rows["kind"] == "reported"]
    front = measured[measured["worth"]]
    figure = new_figure(_finding(measured, front), height=520)
    if len(front) > 1:
        line = {"color": GREY, "width": 1.5, "dash": "dot"}
        figure.add_scatter(
            x=front[cost].tolist(), y=front[measure].tolist(), mode="lines", line=line, name="worth their cost",
            hoverinfo="skip", showlegend=False,
        )  # fmt: skip
    across, up = _scale(rows, measure, cost)
    labels = _labels(rows, measure, cost, across, up)
    for part, hollow in ((measured, False), (reported, True)):
        if len(part):
            figure.add_trace(_points(part, measure, cost, labels, hollow=hollow))
    for trace in _legend(rows):
        figure.add_trace(trace)
    figure.update_xaxes(
        title={"text": f"{cost_title(cost)} ↓", "font": {"size": 13}}, gridcolor=FAINT, zeroline=False, **across
    )
    figure.update_yaxes(title={"text": words.header, "font": {"size": 13}}, gridcolor=FAINT, zeroline=False, **up)
    figure.update_layout(annotations=_far(rows, measure, up))
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"})
    return figure


def trade_off_rows(table: pd.DataFrame, measure: str, cost: str, worth: Collection[str]) -> pd.DataFrame:
    """The rows that :func:`trade_off` draws, cheapest first, and whether they are ``worth`` their cost.

    Raises:
        ValueError: no entry has both.
    """
    known = cost in table and measure in table
    rows = table[table[measure].notna() & (table[cost] > 0)] if known else table.iloc[:0]
    if rows.empty:
        raise ValueError(f"No entry has both '{measure}' and '{cost}'.")
    rows = rows.sort_values(cost, kind="stable").reset_index(drop=True)
    return rows.assign(worth=(rows["kind"] == "measured") & rows["name"].isin(list(worth)))


def _scale(rows: pd.DataFrame, measure: str, cost: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both axes with their ranges, which names are placed by."""
    low, high = float(rows[cost].min()), float(rows[cost].max())
    bottom, top = _heights(rows, measure)
    room = 0.08 * ((top - bottom) or 1.0)
    up = {"range": [bottom - room, top + room]}
    if high / low <= 20:
        return {"range": [0, 1.08 * high]}, up
    ticks = [step * 10**power for power in range(floor(log10(low)), ceil(log10(high)) + 1) for step in (1, 2, 5)]
    room = 0.08 * log10(high / low)
    shape = {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return {**shape, "range": [log10(low) - room, log10(high) + room]}, up


def _heights(rows: pd.DataFrame, measure: str) -> tuple[float, float]:
    """Ends of the intervals shown; reported values further away than these reach would press all others together."""
    ends = pd.concat([rows[measure], rows[f"{measure}_low"], rows[f"{measure}_high"]], axis=1).astype(float)
    measured = rows["kind"] == "measured"
    few = measured.sum() < 2
    shown = (ends if few else ends[measured]).to_numpy()
    bottom, top = float(np.nanmin(shown)), float(np.nanmax(shown))
    if few:
        return bottom, top
    others = rows.loc[rows["kind"] == "reported", measure]
    near = others[others.between(2 * bottom - top, 2 * top - bottom)]
    return min([bottom, *near]), max([top, *near])


def _far(rows: pd.DataFrame, measure: str, up: dict[str, Any]) -> list[dict[str, Any]]:
    """What is said of reported values that the axis does not reach."""
    low, high = up["range"]
    notes = []
    for count, where, y in (((rows[measure] < low).sum(), "below", 0), ((rows[measure] > high).sum(), "above", 1)):
        if count:
            text = f"{count} reported {'value lies' if count == 1 else 'values lie'} {where}"
            place = {"xref": "paper", "yref": "paper", "x": 0, "xanchor": "left", "y": y}
            side = "bottom" if where == "below" else "top"
            notes.append({"text": text, "showarrow": False, "font": {"size": 12, "color": GREY}, "yanchor": side, **place})
    return notes


def _labels(
    rows: pd.DataFrame, measure: str, cost: str, across: dict[str, Any], up: dict[str, Any]
) -> dict[str, tuple[str, str]]:
    """Name and side by entry, for the names that fit: those worth their cost first, then by how good they are."""
    better = METRICS[measure].better == "higher"
    order = rows[rows["kind"] == "measured"].sort_values(["worth", measure], ascending=[False, not better], kind="stable")
    costs = [log10(value) if "type" in across else value for value in order[cost]]
    points = [
        (_share(x, across["range"]) * SMALLEST[0], _share(y, up["range"]) * SMALLEST[1])
        for x, y in zip(costs, order[measure], strict=True)
    ]
    names = short_names(order["name"])
    sides = place_labels(points, names, SMALLEST[0])
    return {entry: (name, side) for entry, name, side in zip(order["name"], names, sides, strict=True) if side is not None}


def _share(value: float, ends: list[float]) -> float:
    return (value - ends[0]) / (ends[1] - ends[0])


def _points(part: pd.DataFrame, measure: str, cost: str, labels: dict[str, tuple[str, str]], *, hollow: bool) -> go.Scatter:
    colours = [backbone_colour(name) for name in part["backbone"]]
    said = [labels.get(name, ("", "middle right")) if not hollow else ("", "middle right") for name in part["name"]]
    intervals = {}
    if not hollow:
        intervals["error_y"] = {
            "type": "data",
            "symmetric": False,
            "array": (part[f"{measure}_high"].astype(float) - part[measure]).fillna(0).tolist(),
            "arrayminus": (part[measure] - part[f"{measure}_low"].astype(float)).fillna(0).tolist(),
            "color": FAINT,
            "thickness": 1.5,
            "width": 3,
        }
    return go.Scatter(
        x=part[cost].tolist(),
        y=part[measure].tolist(),
        mode="markers+text",
        name="reported" if hollow else "measured",
        showlegend=False,
        text=[literal(text) for text, _ in said],
        textposition=[side for _, side in said],
        textfont={"size": 12},
        marker={
            "color": colours,
            "symbol": ["circle-open" if hollow else "x" if reason else "circle" for reason in part["collapsed"]],
            "size": 12,
            "line": {"width": 2, "color": colours},
            "opacity": [1.0 if hollow or worth else 0.45 for worth in part["worth"]],
        },
        customdata=[literal(name) for name in part["name"]],
        hovertemplate=f"%{{customdata}}<br>%{{x:.3g}} {cost_title(cost).rpartition(', ')[2]}, %{{y:.3f}}"
        + (" (reported)<extra></extra>" if hollow else "<extra></extra>"),
        **intervals,
    )


def _legend(rows: pd.DataFrame) -> list[go.Scatter]:
    """What the colours and signs mean; several backbones that others report on share a colour."""
    colours: dict[str, list[str]] = {}
    for backbone in dict.fromkeys(rows["backbone"]):
        colours.setdefault(backbone_colour(backbone), []).append(literal(shorten(backbone, 24)))
    entries: list[tuple[str, dict[str, Any]]] = [
        (", ".join(names), {"color": colour, "symbol": "circle"}) for colour, names in colours.items()
    ]
    if (rows["kind"] == "reported").any():
        entries.append(("reported", {"color": GREY, "symbol": "circle-open", "line": {"width": 2, "color": GREY}}))
    if (rows["collapsed"] != "").any():
        entries.append(("collapsed", {"color": GREY, "symbol": "x"}))
    return [
        go.Scatter(x=[None], y=[None], mode="markers", name=name, marker={"size": 10, **marker}, hoverinfo="skip")
        for name, marker in entries
    ]


def _finding(measured: pd.DataFrame, front: pd.DataFrame) -> str:
    tested = measured[measured["collapsed"] == ""]
    if len(tested) < 2 or front.empty:
        return "What does it cost?"
    if len(front) == 1:
        return "No run that costs more is significantly better"
    return f"{len(front)} of {len(measured)} runs are worth their cost"
