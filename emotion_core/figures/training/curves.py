"""Curves of a training, alone or over those of others."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from emotion_core.figures.run_styles import DASHES, Style, run_styles
from emotion_core.figures.template import FAINT, GREY, literal, new_figure
from emotion_core.results.course import VALIDATION, Course, best_epoch, measure_title, median
from emotion_core.texts import minus, plain, short_names, shorten

COLOURS = FIRST, SECOND, THIRD = "#2b8ca8", "#c96a12", "#7b3fe0"
"""Colours of the lines of one run, or of runs with one backbone. They keep what is asked of the expressions' colours."""

DECADES = 4
"""A rate falls to 0 as a cosine; so many powers of ten below its peak are shown."""

MARKERS = 40
"""With more epochs a line carries no dots."""

DIGITS = {"lr": ".2e", "lr_backbone": ".2e", "images_per_second": ",.0f"}
"""How values are written on hover; others have three decimals."""

TITLE_DIGITS = DIGITS | {"lr": ".2g", "lr_backbone": ".2g"}

BANDS = 12
"""More phases than these are no longer distinguished by shading."""

PANELS = {
    **{name: (f"validation {measure_title(name)}", "Highest") for name in VALIDATION},
    "loss": ("training loss", "Lowest"),
    "val_loss": ("validation loss", "Lowest"),
    "lr": ("learning rate", "Highest"),
    "images_per_second": ("images a second", "Highest"),
}
"""What is compared between runs, a figure each: words, and which extreme of it is named."""


def loss_figure(course: Course) -> go.Figure | None:
    """Losses by epoch; ``None`` where none is known."""
    table = course.table
    known = table[table["loss"].notna()]
    if known.empty:
        return None
    first, last = known["loss"].iloc[0], known["loss"].iloc[-1]
    title = f"Training loss {'fell' if last < first else 'rose'} from {first:.2f} to {last:.2f}"
    if len(known) == 1:
        title = f"Training loss {first:.2f} after one epoch"
    elif table["val_loss"].notna().any():
        least = int(table["epoch"].iloc[int(np.nanargmin(table["val_loss"]))])
        title = f"Training loss {last:.2f}; validation's least in epoch {least}"
    figure = _new(course, title, "loss")
    _line(figure, table, "loss", "training", FIRST)
    for name, words, dash in (("loss_expression", "training, expression", "dot"), ("loss_affect", "training, affect", "dash")):
        _line(figure, table, name, words, FIRST, dash=dash, width=1.2, dots=False)
    _line(figure, table, "val_loss", "validation", SECOND)
    return figure


def validation_figure(course: Course) -> go.Figure | None:
    """Measures on the validation split by epoch; ``None`` where none is known."""
    table = course.table
    names = [name for name in (*VALIDATION, "score") if table[name].notna().any()]
    if not names:
        return None
    best = best_epoch(table)
    if best is None:
        title = "No measure chose an epoch"
    else:
        value = float(table["score"][table["epoch"] == best].iloc[0])
        where = f"so far, in epoch {best}" if course.running else f"in epoch {best} of {course.table['epoch'].max()}"
        title = f"Best {measure_title(course.measure)} {plain(value)} {where}"
    figure = _new(course, literal(title), "measure on validation")
    for name, colour in zip(VALIDATION, (FIRST, SECOND, THIRD), strict=True):
        _line(figure, table, name, measure_title(name), colour)
    # Where one measure alone chooses, its line is there already.
    if "score" in names and not any(table[name].equals(table["score"]) for name in VALIDATION):
        role = "" if course.keeps_last else " (chooses the epoch)"
        _line(figure, table, "score", literal(f"{measure_title(course.measure)}{role}"), GREY, dash="dot")
    return figure


def rates_figure(course: Course) -> go.Figure | None:
    """Learning rates by epoch, on a logarithmic axis; ``None`` where none is known."""
    # There is no logarithm of 0.
    table = course.table.assign(**{name: course.table[name].where(course.table[name] > 0) for name in ("lr", "lr_backbone")})
    rates = table[["lr", "lr_backbone"]]
    if not rates.notna().any(axis=None):
        return None
    heads = table["lr"].notna().any()
    leading = "lr" if heads else "lr_backbone"
    top = table.iloc[int(np.nanargmax(table[leading]))]
    title = f"Learning rate{'' if heads else ' of the backbone'} peaks at {_say(top[leading], leading)} in epoch {top['epoch']}"
    figure = _new(course, title, "learning rate")
    # Where everything learns at one rate, one line would hide the other.
    both = table["lr_backbone"].notna().any() and not table["lr_backbone"].equals(table["lr"])
    _line(figure, table, "lr", "heads" if both else "learning rate", FIRST, digits=DIGITS["lr"])
    if both:
        _line(figure, table, "lr_backbone", "backbone", SECOND, digits=DIGITS["lr_backbone"])
    shown = _within(figure, table)
    _log_axis(figure, pd.concat([shown["lr"], shown["lr_backbone"]]))
    return figure


def throughput_figure(course: Course) -> go.Figure | None:
    """Images a second by epoch; ``None`` where it is not known."""
    table = course.table
    rates = table["images_per_second"]
    if not rates.notna().any():
        return None
    # Heads alone train many times faster than the whole network: a median over both would mean nothing.
    spread = rates.max() > 1.5 * rates.min()
    words = f"{rates.min():,.0f} to {rates.max():,.0f}" if spread else f"About {median(rates):,.0f}"
    figure = _new(course, f"{words} images a second", "images a second")
    _line(figure, table, "images_per_second", "training", FIRST, digits=DIGITS["images_per_second"])
    figure.update_yaxes(rangemode="tozero")
    return figure


def overlay_figure(courses: Sequence[Course], column: str) -> go.Figure | None:
    """One measure of several trainings; ``None`` where none of them has it.

    Args:
        courses: at least one; the first is the one that others are laid over.
        column: one of :data:`PANELS`.
    """
    words, extreme = PANELS[column]
    tables = {number: course.table.assign(**{column: _drawable(course, column)}) for number, course in enumerate(courses)}
    known = {number: table for number, table in tables.items() if table[column].notna().any()}
    if not known:
        return None
    peak = max if extreme == "Highest" else min
    best = {number: float(peak(table[column].dropna())) for number, table in known.items()}
    winner = peak(best, key=best.__getitem__)
    names = [literal(name) for name in short_names(course.run for course in courses)]
    title = f"{extreme} {words}: {_say(best[winner], column)} ({names[winner]})"
    shared = len({course.spans for course in courses}) == 1
    widest = max(courses, key=lambda course: course.total)
    figure = _new(widest, title, words, bands=shared, mark=False)
    for (number, table), style in zip(known.items(), _styles(courses, known), strict=True):
        _line(figure, table, column, names[number], style.colour, dash=style.dash, digits=DIGITS.get(column, ".3f"), dots=False)
    if column == "lr":
        _log_axis(figure, pd.concat([_within(figure, table)["lr"] for table in known.values()]))
    return figure


def _styles(courses: Sequence[Course], known: Iterable[int]) -> list[Style]:
    """Styles of those that are known; the same run looks the same in every figure."""
    styles = run_styles([course.backbone for course in courses])
    if len({course.backbone for course in courses}) < len(courses):
        # Three dashes of one colour cannot be distinguished where they cross.
        styles = [replace(style, colour=COLOURS[number % 3], dash=DASHES[number % 3]) for number, style in enumerate(styles)]
    return [styles[number] for number in known]


def _say(value: float, column: str) -> str:
    return minus(f"{value:{TITLE_DIGITS.get(column, '.3f')}}")


def _drawable(course: Course, column: str) -> pd.Series:
    values = course.table[column]
    return values.where(values > 0) if column == "lr" else values


def _new(course: Course, title: str, axis: str, *, bands: bool = True, mark: bool = True) -> go.Figure:
    first, last = course.window or (1, course.total)
    figure = new_figure(title, height=330)
    figure.update_xaxes(
        title={"text": "epoch", "font": {"size": 13}, "standoff": 4},
        range=[first - 0.5, last + 0.5],
        tick0=0,
        dtick=next((step for step in _STEPS if (last - first + 1) / step <= 10), 200_000),
        gridcolor=FAINT,
        zeroline=False,
    )
    figure.update_yaxes(title={"text": axis, "font": {"size": 13}}, gridcolor=FAINT, zeroline=False)
    figure.update_layout(
        legend={"orientation": "h", "x": 0, "y": -0.22, "yanchor": "top"},
        hovermode="x unified",
        margin={"l": 8, "r": 12, "t": 56 if bands and len(course.spans) > 1 else 40, "b": 8},
    )
    if bands:
        _shade(figure, course, first, last)
    if mark and course.chosen is not None and first <= course.chosen <= last:
        figure.add_vline(x=course.chosen, line={"color": GREY, "width": 1.5, "dash": "dot"}, layer="below")
    return figure


_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000)


def _shade(figure: go.Figure, course: Course, start: int, end: int) -> None:
    """A band a phase, every other one darker, with its name above where there is room for it."""
    if not 1 < len(course.spans) <= BANDS:
        return
    for number, span in enumerate(course.spans):
        first, last = max(span.first, start) - 0.5, min(span.last, end) + 0.5
        if first >= last:
            continue
        if number % 2 == 0:
            figure.add_vrect(x0=first, x1=last, fillcolor=GREY, opacity=0.12, line_width=0, layer="below")
        # About 45 letters fit above a figure on a telephone.
        room = int(45 * (last - first) / (end - start + 1))
        if room >= 4:
            figure.add_annotation(
                x=(first + last) / 2, y=1, yref="paper", yanchor="bottom", showarrow=False,
                text=literal(shorten(span.name, room)), font={"size": 12, "color": GREY},
            )  # fmt: skip


def _line(
    figure: go.Figure, table: pd.DataFrame, column: str, name: str, colour: str, *,
    dash: str = "solid", width: float = 2, digits: str = ".3f", dots: bool = True,
) -> None:  # fmt: skip
    """One line, broken where a value is missing; nothing where there is no value within the axis."""
    table = _within(figure, table)
    known = table[column].notna()
    if not known.any():
        return
    # A value alone makes no line.
    dots = (dots and len(table) <= MARKERS) or known.sum() == 1
    figure.add_scatter(
        x=table["epoch"].tolist(),
        y=[None if np.isnan(value) else value for value in table[column]],
        mode="lines+markers" if dots else "lines",
        name=name,
        line={"color": colour, "dash": dash, "width": width},
        marker={"size": 5, "color": colour},
        hovertemplate=f"%{{y:{digits}}}",
    )
    figure.update_layout(showlegend=len(figure.data) > 1)


def _within(figure: go.Figure, table: pd.DataFrame) -> pd.DataFrame:
    # The other axis then fits what is shown.
    return table[table["epoch"].between(*figure.layout.xaxis.range)]


def _log_axis(figure: go.Figure, rates: pd.Series) -> None:
    if not rates.notna().any():
        return
    top = float(rates.max())
    bottom = max(float(rates.min()), top / 10**DECADES)
    decades = range(math.floor(math.log10(bottom)) - 1, math.ceil(math.log10(top)) + 1)
    # Where fewer than two powers of ten are shown, the axis would have a single number.
    steps = (1,) if top / bottom > 30 else (1, 2, 5)
    ticks = [step * 10.0**power for power in decades for step in steps]
    figure.update_yaxes(
        type="log",
        range=[math.log10(bottom) - 0.15, math.log10(top) + 0.15],
        tickvals=ticks,
        ticktext=[_tick(tick) for tick in ticks],
    )


def _tick(value: float) -> str:
    return f"{value:g}" if value >= 1e-4 else minus(f"{value:.0e}".replace("e-0", "e-"))
