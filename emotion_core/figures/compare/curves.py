"""How did the runs train?"""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import Style, run_styles
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.texts import shorten

WINDOW = 5
"""Epochs that a smoothed value averages over."""

NAMED = 4
"""So many beginnings of phases carry their name; others say it on hover."""


def curve_measures(table: pd.DataFrame) -> list[str]:
    """What of a table of epochs can be drawn: columns of numbers that vary or matter, the validation's first."""
    skipped = {"epoch", "run", "training", "backbone", "phase"}
    numbers = [
        name
        for name in table.columns
        if name not in skipped and pd.api.types.is_numeric_dtype(table[name]) and table[name].notna().any()
    ]
    first = ("score", "val_accuracy", "val_ccc", "loss", "val_loss")
    return sorted(numbers, key=lambda name: (first.index(name) if name in first else len(first), numbers.index(name)))


def smooth(values: pd.Series, window: int = WINDOW) -> pd.Series:
    """Centred moving average; at the ends over as many values as there are."""
    return values.rolling(window, center=True, min_periods=1).mean()


def training_curves(table: pd.DataFrame, measure: str, *, smoothed: bool = False) -> go.Figure:
    """One line a training over its epochs, and a diamond where a later phase begins.

    Args:
        table: long, with ``run``, ``training``, ``backbone``, ``epoch``, the measure, and ``phase`` where there are phases; a
            run whose weights are the mean of several trainings has a line for each of them, all alike.
        measure: name of a column.
        smoothed: draw :func:`smooth`, and the values themselves faintly behind it.

    Returns:
        A figure; every run has one trace in the legend.

    Raises:
        ValueError: no run has the measure.
    """
    known = table[table[measure].notna()]
    if known.empty:
        raise ValueError(f"No epoch has '{measure}'.")
    runs = known.drop_duplicates("run")
    words = measure.replace("val_", "validation ").replace("_", " ")
    figure = new_figure(f"How did they train? {words[0].upper()}{words[1:]}", height=420 + 22 * len(runs))
    phases: set[tuple[int, str]] = set()
    for run, style in zip(runs["run"], run_styles(runs["backbone"].tolist()), strict=True):
        trainings = known[known["run"] == run].groupby("training", sort=False)
        for number, (training, mine) in enumerate(trainings):
            named = str(run) if len(trainings) == 1 else f"{run}, {len(trainings)} trainings"
            ordered = mine.sort_values("epoch")
            for trace in _lines(ordered, measure, style, smoothed=smoothed):
                legend = trace.name is not None and number == 0
                trace.update(name=literal(shorten(named, 50)), legendgroup=str(run), showlegend=legend)
                trace.update(text=literal(shorten(str(training), 60)))
                figure.add_trace(trace)
            starts = _phase_starts(ordered)
            if len(starts):
                phases |= {(int(epoch), str(phase)) for epoch, phase in zip(starts["epoch"], starts["phase"], strict=True)}
    # Runs of one preset share their phases; with many different ones their words would lie over each other.
    for epoch, phase in sorted(phases) if len(phases) <= NAMED else ():
        figure.add_vline(x=epoch, line={"color": FAINT, "width": 1}, layer="below")
        figure.add_annotation(
            x=epoch, y=1, yref="paper", yanchor="bottom", text=literal(phase), showarrow=False, font={"size": 12, "color": GREY}
        )
    figure.update_xaxes(title={"text": "epoch", "font": {"size": 13}}, gridcolor=FAINT, zeroline=False, rangemode="tozero")
    figure.update_yaxes(title={"text": words, "font": {"size": 13}}, gridcolor=FAINT, zeroline=False)
    figure.update_layout(showlegend=True, legend={"orientation": "h", "x": 0, "y": -0.16, "yanchor": "top"})
    return figure


def _lines(mine: pd.DataFrame, measure: str, style: Style, *, smoothed: bool) -> list[go.Scatter]:
    """What is drawn of one training, by epoch; only its line has a name."""
    values = smooth(mine[measure]) if smoothed else mine[measure]
    line = {"color": style.colour, "dash": style.dash, "width": 2}
    epochs = mine["epoch"].tolist()
    traces = []
    if smoothed:
        raw = mine[measure].tolist()
        traces.append(go.Scatter(x=epochs, y=raw, mode="lines", line={**line, "width": 1}, opacity=0.3, hoverinfo="skip"))
    traces.append(
        go.Scatter(
            x=epochs,
            y=values.tolist(),
            mode="lines+markers" if len(mine) == 1 else "lines",
            name="line",
            line=line,
            hovertemplate="epoch %{x}: %{y:.3f}<extra>%{text}</extra>",
        )
    )
    starts = _phase_starts(mine)
    if len(starts):
        traces.append(
            go.Scatter(
                x=starts["epoch"].tolist(),
                y=values.loc[starts.index].tolist(),
                mode="markers",
                customdata=[literal(str(phase)) for phase in starts["phase"]],
                marker={"symbol": "diamond", "size": 10, "color": style.colour},
                hovertemplate="phase %{customdata} begins in epoch %{x}<extra>%{text}</extra>",
            )
        )
    return traces


def _phase_starts(mine: pd.DataFrame) -> pd.DataFrame:
    """First epoch of every phase but the first."""
    if "phase" not in mine or mine["phase"].nunique() < 2:
        return mine.iloc[:0]
    begins = mine["phase"] != mine["phase"].shift()
    return mine[begins].iloc[1:]
