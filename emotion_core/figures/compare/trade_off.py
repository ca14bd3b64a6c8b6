"""What does it cost to be better?"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import backbone_colour
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.metrics.table import METRICS
from emotion_core.results.costs import cost_title
from emotion_core.texts import shorten

LABELLED = 12
"""With more runs only those on the front carry their name; reported ones never do, their words are on hover."""


def pareto_front(
    costs: Sequence[float], values: Sequence[float], *, better: Literal["higher", "lower"] = "higher"
) -> list[int]:
    """Points that no other beats in one of the two without being worse in the other.

    Args:
        costs: less is better.
        values: one a cost.
        better: which way the values improve.

    Returns:
        Positions, cheapest first. Of equal points the first counts.

    Example:
        >>> pareto_front([1, 2, 3, 4], [0.2, 0.5, 0.4, 0.6])
        [0, 1, 3]
    """
    sign = 1 if better == "higher" else -1
    order = sorted(range(len(costs)), key=lambda place: (costs[place], -sign * values[place], place))
    front: list[int] = []
    for place in order:
        if not front or sign * values[place] > sign * values[front[-1]]:
            front.append(place)
    return front


def trade_off(table: pd.DataFrame, measure: str, cost: str) -> go.Figure:
    """Entries by what they cost and what they reach; the line joins those that none of the measured beats in both.

    Args:
        table: a row an entry with ``name``, ``kind``, ``backbone``, ``collapsed``, ``<measure>`` with its ``_low`` and
            ``_high``, and the cost.
        measure: key.
        cost: name of a column, larger than 0.

    Returns:
        A figure with a trace for the front, one for measured and one for reported entries, as far as there are any.

    Raises:
        ValueError: no entry has both.
    """
    rows = trade_off_rows(table, measure, cost)
    words = METRICS[measure]
    measured, reported = rows[rows["kind"] == "measured"], rows[rows["kind"] == "reported"]
    front = measured[measured["front"]]
    figure = new_figure(_finding(measured, front, words.title), height=460)
    if len(front) > 1:
        figure.add_scatter(
            x=front[cost].tolist(),
            y=front[measure].tolist(),
            mode="lines",
            line={"color": GREY, "width": 1.5, "dash": "dot"},
            name="front",
            hoverinfo="skip",
        )
    for part, hollow in ((measured, False), (reported, True)):
        if len(part):
            figure.add_trace(_points(part, measure, cost, hollow=hollow, few=len(measured) <= LABELLED))
    low, high = float(rows[cost].min()), float(rows[cost].max())
    wide = high / low > 20
    ticks = [step * 10**power for power in range(floor(log10(low)), ceil(log10(high)) + 1) for step in (1, 2, 5)]
    shape: dict[str, Any] = (
        {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]} if wide else {"rangemode": "tozero"}
    )
    figure.update_xaxes(
        title={"text": f"{cost_title(cost)} ↓", "font": {"size": 13}},
        **shape,
        gridcolor=FAINT,
        zeroline=False,
    )
    figure.update_yaxes(title={"text": words.header, "font": {"size": 13}}, gridcolor=FAINT, zeroline=False)
    figure.update_layout(showlegend=False)
    return figure


def trade_off_rows(table: pd.DataFrame, measure: str, cost: str) -> pd.DataFrame:
    """The rows that :func:`trade_off` draws, cheapest first, and whether they lie on the ``front``.

    Raises:
        ValueError: no entry has both.
    """
    known = cost in table and measure in table
    rows = table[table[measure].notna() & (table[cost] > 0)] if known else table.iloc[:0]
    if rows.empty:
        raise ValueError(f"No entry has both '{measure}' and '{cost}'.")
    rows = rows.sort_values(cost, kind="stable").reset_index(drop=True)
    # A collapsed run is cheap for a reason.
    fair = rows.index[(rows["kind"] == "measured") & (rows["collapsed"] == "")]
    front = pareto_front(rows.loc[fair, cost].tolist(), rows.loc[fair, measure].tolist(), better=METRICS[measure].better)
    return rows.assign(front=rows.index.isin(fair[front]))


def _points(part: pd.DataFrame, measure: str, cost: str, *, hollow: bool, few: bool) -> go.Scatter:
    colours = [backbone_colour(name) for name in part["backbone"]]
    named = [front or (few and not hollow) for front in part["front"]]
    labels = [literal(shorten(name, 28)) if shown else "" for name, shown in zip(part["name"], named, strict=True)]
    middle = part[cost].median()
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
        text=labels,
        # Names lean to the inside, so that none is cut off.
        textposition=["middle right" if value <= middle else "middle left" for value in part[cost]],
        textfont={"size": 12},
        marker={
            "color": colours,
            "symbol": ["circle-open" if hollow else "x" if reason else "circle" for reason in part["collapsed"]],
            "size": 12,
            "line": {"width": 2, "color": colours},
        },
        customdata=[literal(name) for name in part["name"]],
        hovertemplate=f"%{{customdata}}<br>%{{x:.3g}} {cost_title(cost).rpartition(', ')[2]}, %{{y:.3f}}"
        + (" (reported)<extra></extra>" if hollow else "<extra></extra>"),
        **intervals,
    )


def _finding(measured: pd.DataFrame, front: pd.DataFrame, title: str) -> str:
    if len(measured) < 2:
        return "What does it cost?"
    if len(front) == 1:
        return f"{literal(shorten(front['name'].iloc[0], 40))} is cheapest and best in {title}"
    return f"{len(front)} of {len(measured)} runs are worth their cost"
