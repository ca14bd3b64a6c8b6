"""How far apart are the runs? Values with their intervals below each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import backbone_colour, run_styles
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.metrics.table import METRICS
from emotion_core.texts import shorten

ROW = 32
"""Height of a row, px."""


def forest_plot(table: pd.DataFrame, measure: str, *, baseline: str | None = None) -> go.Figure:
    """A point with its interval for each entry, the best on top; reported ones hollow, below the measured, without interval.

    Args:
        table: a row an entry with ``name``, ``kind``, ``backbone``, ``apart``, ``collapsed``, ``<measure>``,
            ``<measure>_low``, ``<measure>_high`` and ``<measure>_mark``.
        measure: key; entries without it have no row.
        baseline: name of the entry whose value is drawn as a line.

    Returns:
        A figure with one trace for measured and one for reported entries, as far as there are any.

    Raises:
        ValueError: no entry has the measure.
    """
    rows = forest_rows(table, measure)
    words = METRICS[measure]
    figure = new_figure(_finding(rows, measure), height=96 + ROW * len(rows))
    places = {"measured": rows.index[rows["kind"] == "measured"], "reported": rows.index[rows["kind"] == "reported"]}
    for kind, where in places.items():
        part = rows.loc[where]
        if len(part):
            figure.add_trace(_points(part, measure, hollow=kind == "reported"))
    line = rows.loc[(rows["name"] == baseline) & (rows["kind"] == "measured"), measure]
    if len(line):
        figure.add_vline(x=float(line.iloc[0]), line={"color": GREY, "dash": "dot", "width": 1.5}, layer="below")
        figure.add_annotation(
            x=float(line.iloc[0]),
            y=1,
            yref="paper",
            yanchor="bottom",
            text="baseline",
            showarrow=False,
            font={"size": 12, "color": GREY},
        )
    if all(map(len, places.values())):
        figure.add_hline(y=len(places["measured"]) - 0.5, line={"color": FAINT, "width": 1})
    figure.update_xaxes(
        title={"text": f"{words.header}, 95 % interval over images", "font": {"size": 13}}, gridcolor=FAINT, zeroline=False
    )
    figure.update_yaxes(
        tickvals=list(rows.index),
        ticktext=[_label(name, reported=kind == "reported") for name, kind in zip(rows["name"], rows["kind"], strict=True)],
        range=[len(rows) - 0.4, -0.6],
        showgrid=False,
        zeroline=False,
    )
    figure.update_layout(showlegend=False)
    return figure


def forest_rows(table: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The rows that :func:`forest_plot` draws, from top to bottom.

    Raises:
        ValueError: no entry has the measure.
    """
    rows = table[table[measure].notna()].assign(reported=lambda frame: frame["kind"] == "reported")
    if rows.empty:
        raise ValueError(f"No entry has the measure '{measure}'.")
    upwards = METRICS[measure].better == "lower"
    return rows.sort_values(["reported", measure], ascending=[True, upwards], kind="stable", ignore_index=True)


def _points(part: pd.DataFrame, measure: str, *, hollow: bool) -> go.Scatter:
    colours = [backbone_colour(name) for name in part["backbone"]]
    # A collapsed run is a cross, so that nobody takes it for a result.
    filled = ["x" if reason else "circle" for reason in part["collapsed"]]
    notes = [
        "<br>".join(literal(text) for text in (name, apart, collapsed) if text)
        for name, apart, collapsed in zip(part["name"], part["apart"], part["collapsed"], strict=True)
    ]
    intervals: dict[str, Any] = {}
    if not hollow:
        low, high = part[f"{measure}_low"].astype(float), part[f"{measure}_high"].astype(float)
        intervals["error_x"] = {
            "type": "data",
            "symmetric": False,
            "array": (high - part[measure]).fillna(0).tolist(),
            "arrayminus": (part[measure] - low).fillna(0).tolist(),
            "color": GREY,
            "thickness": 1.5,
            "width": 4,
        }
        shown = [f"[{lo:.3f}, {hi:.3f}]" if pd.notna(lo) and pd.notna(hi) else "" for lo, hi in zip(low, high, strict=True)]
    else:
        shown = ["reported, no interval"] * len(part)
    return go.Scatter(
        x=part[measure].tolist(),
        y=part.index.tolist(),
        mode="markers",
        name="reported" if hollow else "measured",
        marker={
            "color": colours,
            "symbol": ["circle-open"] * len(part) if hollow else filled,
            "size": 11,
            "line": {"width": 2, "color": colours},
        },
        customdata=list(zip(notes, shown, strict=True)),
        hovertemplate="%{customdata[0]}<br>%{x:.3f} %{customdata[1]}<extra></extra>",
        **intervals,
    )


def _label(name: str, *, reported: bool) -> str:
    """Beside the axis; who reported it stands small below."""
    who, _, source = name.partition(" (")
    if not (reported and source):
        return f"{literal(shorten(name, 30))} "
    return f'{literal(shorten(who, 30))} <br><span style="font-size:10px">{literal(shorten(source.rstrip(")")))} </span>'


def _finding(rows: pd.DataFrame, measure: str) -> str:
    title = METRICS[measure].title
    marks = rows[f"{measure}_mark"]
    best = rows.loc[marks == "best", "name"].tolist()
    like = int((marks == "like best").sum())
    if not best or len(rows[rows["kind"] == "measured"]) < 2:
        return f"How good is each? {title[0].upper()}{title[1:]}"
    if not like:
        return f"{literal(shorten(best[0], 40))} is best"
    return (
        f"{like} are not significantly different from the best"
        if like > 1
        else "One is not significantly different from the best"
    )


def parallel_lines(table: pd.DataFrame, measures: Sequence[str]) -> go.Figure:
    """A line a run across measures; on every axis the best of those shown is on top and the worst at the bottom.

    Args:
        table: as in :func:`forest_plot`, measured entries only.
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
    figure = new_figure("Who is good at what?", height=430 + 22 * len(table))
    heights = {measure: _heights(table[measure].astype(float), measure) for measure in measures}
    for number, style in enumerate(run_styles(table["backbone"].tolist())):
        row = table.iloc[number]
        figure.add_scatter(
            x=list(range(len(measures))),
            y=[heights[measure][number] for measure in measures],
            mode="lines+markers",
            name=literal(shorten(row["name"], 40)),
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": style.symbol, "size": 9},
            customdata=[[METRICS[measure].header, f"{row[measure]:.3f}"] for measure in measures],
            hovertemplate="%{customdata[0]}: %{customdata[1]}<extra>%{fullData.name}</extra>",
        )
    for place, measure in enumerate(measures):
        values = table[measure].astype(float).dropna()
        if values.empty:
            continue
        low, high = values.min(), values.max()
        top, bottom = (high, low) if METRICS[measure].better == "higher" else (low, high)
        for height, value in ((1.07, top), (-0.07, bottom)):
            figure.add_annotation(x=place, y=height, text=f"{value:.3f}", showarrow=False, font={"size": 12, "color": GREY})
    figure.update_xaxes(
        tickvals=list(range(len(measures))),
        ticktext=[METRICS[measure].title.replace(" ", "<br>", 1) for measure in measures],
        range=[-0.3, len(measures) - 0.7],
        gridcolor=GREY,
        zeroline=False,
    )
    figure.update_yaxes(range=[-0.13, 1.13], tickvals=[0, 1], ticktext=["worst ", "best "], showgrid=False, zeroline=False)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"}, hovermode="closest")
    return figure


def _heights(values: pd.Series, measure: str) -> list[float]:
    """Between 0 for the worst and 1 for the best; all in the middle where they are equal."""
    low, high = values.min(), values.max()
    if not low < high:
        return [0.5 if known else float("nan") for known in values.notna()]
    share = (values - low) / (high - low)
    return [float(value) for value in (share if METRICS[measure].better == "higher" else 1 - share)]
