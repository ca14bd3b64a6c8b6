"""Curves, settings and log of trainings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import plotly.graph_objects as go
import streamlit as st

from emotion_core.compare.trainings import settings_of, settings_table
from emotion_core.figures.training.curves import (
    PANELS,
    loss_figure,
    overlay_figure,
    rates_figure,
    throughput_figure,
    validation_figure,
)
from emotion_core.results.course import Course, Span
from emotion_core.results.progress import tail
from emotion_core.texts import shorten
from pages.shared.charts import CHART, kept_figure
from pages.shared.words import count, escape
from pages.training.store import Watched, parts_of, training_of

LINE = 400
"""Letters of a line of the log that are shown."""

ALONE: dict[str, Callable[[Course], go.Figure | None]] = {
    "validation": validation_figure,
    "loss": loss_figure,
    "rates": rates_figure,
    "throughput": throughput_figure,
}


def show_curves(watched: Sequence[Watched], window: tuple[int, int] | None) -> None:
    """Figures of one run, or a figure a measure of several.

    Args:
        watched: at least one.
        window: first and last epoch that are drawn; all when ``None``.
    """
    first = watched[0]
    if not any(len(entry.course.table) for entry in watched):
        parts = parts_of(first.run)
        _show_no_history(first, parts)
        # Three curves can still be distinguished.
        trainings = [training_of(part) for part in parts[:3]]
        if any(len(entry.course.table) for entry in trainings):
            show_curves(trainings, None)
        return
    courses = [replace(entry.course, window=window) for entry in watched]
    key = (
        window,
        *((entry.stamp, entry.course.spans, entry.course.total, entry.course.chosen, entry.state) for entry in watched),
    )
    if len(watched) == 1:
        figures = {name: kept_figure((name, key), partial(draw, courses[0])) for name, draw in ALONE.items()}
    else:
        figures = {name: kept_figure((name, key), partial(overlay_figure, courses, name)) for name in PANELS}
    drawn = [(name, figure) for name, figure in figures.items() if figure is not None]
    # A row of two at a time, so that they keep their order where they come to lie below each other.
    for start in range(0, len(drawn), 2):
        for column, (name, figure) in zip(st.columns(2, gap="medium"), drawn[start : start + 2], strict=False):
            alt = f"{figure.layout.title.text}, by epoch"
            column.plotly_chart(figure, key=f"training-{name}-{len(watched)}", config=CHART, alt=alt)
    _explain(watched)


def _explain(watched: Sequence[Watched]) -> None:
    course = watched[0].course
    if len(watched) > 1:
        silent = [escape(shorten(entry.run.name)) for entry in watched if not len(entry.course.table)]
        missing = f" No history: {', '.join(silent)}." if silent else ""
        st.caption(f"Losses that are weighed otherwise, or of images that are varied otherwise, cannot be compared.{missing}")
        return
    words = []
    if course.chosen is not None:
        words.append(f"The dotted line marks epoch {course.chosen}, whose weights are stored.")
    if len(course.spans) > 1:
        spans = ", ".join(f"{escape(shorten(span.name, 40))} {_epochs(span)}" for span in course.spans[:20])
        words.append(f"Phases by epoch: {spans}.")
    st.caption(" ".join(words))


def _epochs(span: Span) -> str:
    return str(span.first) if span.first == span.last else f"{span.first}–{span.last}"


def _show_no_history(watched: Watched, parts: Sequence[Watched]) -> None:
    if watched.state == "running":
        st.info("The first epoch has not ended yet. The curves follow after it, without reloading.")
        return
    if parts:
        kind = "weights" if "averaged" in watched.run.info.training else "predictions"
        names = ", ".join(escape(shorten(entry.run.name)) for entry in parts)
        shown = " Below: the first three of their trainings." if len(parts) > 3 else " Their trainings are below."
        st.info(f"No training of its own: {escape(shorten(watched.run.name))} is the mean of the {kind} of {names}.{shown}")
        return
    why = "only its results were stored" if watched.state == "finished" else "it stopped before its first epoch ended"
    st.info(f"{escape(shorten(watched.run.name))} has no history of its training: {why}.")


def show_settings(watched: Sequence[Watched]) -> None:
    """Every setting a row, beside those of the runs it is compared with."""
    with st.expander("Settings", icon=":material/tune:"):
        settings = {str(number): settings_of(entry.run) for number, entry in enumerate(watched)}
        several = len(watched) > 1
        only = several and st.toggle("Differences only", value=True, key="training-differences")
        table = settings_table(settings, differences_only=only)
        if table.empty:
            st.caption("These runs were set up alike." if only else "This run says nothing about its settings.")
            return
        config = {
            str(number): st.column_config.TextColumn(shorten(entry.run.name) if several else "value", width="medium")
            for number, entry in enumerate(watched)
        }
        st.dataframe(
            table,
            hide_index=True,
            key="training-settings",
            column_config={"setting": st.column_config.TextColumn("setting", pinned=True, width=220), **config},
            height=min(len(table), 16) * 35 + 38,
            alt="Settings of the training",
        )


def show_log(watched: Watched) -> None:
    """The last lines of the log; open while it grows."""
    lines = tail(watched.run.path)
    if not lines:
        return
    title = f"Last {count(len(lines), 'line', 'lines')} of the log"
    with st.expander(title, icon=":material/notes:", expanded=watched.state != "finished"):
        text = "\n".join(shorten(line.expandtabs(4), LINE) for line in lines)
        st.code(text, language=None, wrap_lines=True)
