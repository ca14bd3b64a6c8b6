"""How far apart are the runs? Values with their intervals below each other."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import backbone_colour
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.metrics.table import METRICS
from emotion_core.texts import shorten, with_interval

ROW = 42
"""Height of a row, px: a line for name and value, the interval below it."""

HEAD = 0.75
"""Height of a group's name, in rows."""

NAME = 26
"""Letters of a name that fit beside its value on a phone; all of them are on hover."""

WORDS = 0.38
"""How far above its interval the middle of a line stands, in rows."""


def forest_plot(table: pd.DataFrame, measure: str, *, baseline: str | None = None) -> go.Figure:
    """A point with its interval for each entry, the best on top; reported ones hollow, below the measured, without interval.

    Name and value stand on a line of their own above the interval, so that a narrow screen leaves the interval its whole width.

    Args:
        table: a row an entry with ``name``, ``kind``, ``backbone``, ``apart``, ``collapsed``, ``<measure>``,
            ``<measure>_low``, ``<measure>_high`` and ``<measure>_mark``; with ``group``, entries of one group stand together
            below its name, the group with the best entry first.
        measure: key; entries without it have no row.
        baseline: name of the entry whose value is drawn as a line.

    Returns:
        A figure with one trace for measured and one for reported entries, as far as there are any.

    Raises:
        ValueError: no entry has the measure.
    """
    rows = forest_rows(table, measure)
    places = _places(rows)
    bottom = float(places.iloc[-1]) + 0.6
    figure = new_figure(_finding(rows, measure), height=round(90 + ROW * (bottom + 0.75)))
    for kind in ("measured", "reported"):
        part = rows[rows["kind"] == kind]
        if len(part):
            figure.add_trace(_points(part, places.loc[part.index], measure, hollow=kind == "reported"))
    words = [note for (_, row), place in zip(rows.iterrows(), places, strict=True) for note in _line(row, place, measure)]
    words += [_head(str(rows.loc[first, "group"]), float(places.loc[first])) for first in _first_of_groups(rows)]
    line = rows.loc[(rows["name"] == baseline) & (rows["kind"] == "measured"), measure]
    if len(line):
        x = float(line.iloc[0])
        figure.add_vline(x=x, line={"color": GREY, "dash": "dot", "width": 1.5}, layer="below")
        words.append(_note("baseline", y=1, yref="paper", yanchor="bottom", x=x, xref="x", size=12))
    kinds = rows["kind"].tolist()
    for number in range(1, len(rows)):
        if kinds[number] != kinds[number - 1] and "group" not in rows:
            figure.add_hline(y=float(places.iloc[number]) - 0.68, line={"color": FAINT, "width": 1})
    # All at once, because plotly checks all that there are with each one that is added.
    figure.update_layout(annotations=words, showlegend=False)
    title = {"text": f"{METRICS[measure].header}, 95 % interval over images", "font": {"size": 13}}
    figure.update_xaxes(title=title, gridcolor=FAINT, zeroline=False)
    figure.update_yaxes(visible=False, range=[bottom, -0.75], showgrid=False, zeroline=False)
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
    rows = rows.sort_values(["reported", measure], ascending=[True, upwards], kind="stable", ignore_index=True)
    if "group" not in rows:
        return rows
    order = {group: place for place, group in enumerate(dict.fromkeys(rows["group"]))}
    return rows.sort_values("group", key=lambda groups: groups.map(order), kind="stable", ignore_index=True)


def _first_of_groups(rows: pd.DataFrame) -> list[int]:
    if "group" not in rows:
        return []
    return [int(number) for number in rows.index[rows["group"] != rows["group"].shift()]]


def _places(rows: pd.DataFrame) -> pd.Series:
    """How far down each row stands, in rows."""
    heads = pd.Series(0.0, index=rows.index)
    heads.loc[_first_of_groups(rows)] = HEAD
    return pd.Series(range(len(rows)), index=rows.index, dtype=float) + heads.cumsum()


def _points(part: pd.DataFrame, places: pd.Series, measure: str, *, hollow: bool) -> go.Scatter:
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
    return go.Scatter(
        x=part[measure].tolist(),
        y=places.tolist(),
        mode="markers",
        name="reported" if hollow else "measured",
        marker={
            "color": colours,
            "symbol": ["circle-open"] * len(part) if hollow else filled,
            "size": 11,
            "line": {"width": 2, "color": colours},
        },
        customdata=list(zip(notes, (_value(row, measure) for _, row in part.iterrows()), strict=True)),
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<extra></extra>",
        **intervals,
    )


def _line(row: pd.Series, place: float, measure: str) -> list[dict[str, Any]]:
    """Name on the left and value on the right, above the interval."""
    name = str(row["name"]).removeprefix(f"{row.get('group', '')}/")
    name = literal(shorten(name, NAME if row["kind"] == "measured" else NAME + 4))
    value = _value(row, measure)
    return [
        _note(name, y=place - WORDS, x=0, xanchor="left", size=13),
        _note(value, y=place - WORDS, x=1, xanchor="right", size=12),
    ]


def _head(group: str, place: float) -> dict[str, Any]:
    return _note(f"<b>{literal(shorten(group, 40))}</b>", y=place - WORDS - HEAD, x=0, xanchor="left", size=13)


def _note(text: str, *, size: int, **where: Any) -> dict[str, Any]:
    # What is said in the middle of the data is grey, names have the colour of the page's text.
    colour = {"color": GREY} if size < 13 else {}
    return {"text": text, "showarrow": False, "xref": "paper", "yref": "y", "font": {"size": size, **colour}, **where}


def _value(row: pd.Series, measure: str) -> str:
    if row["kind"] == "reported":
        return f"{row[measure]:.3f}, reported"
    low, high = row[f"{measure}_low"], row[f"{measure}_high"]
    return with_interval(row[measure], None if pd.isna(low) else low, None if pd.isna(high) else high)


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
