"""What does it confuse? A matrix whose cells, rows and columns open their images."""

from __future__ import annotations

from functools import partial

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
import streamlit as st

from emotion_core.figures.errors.matrix import clicked_cell, error_matrix
from emotion_core.inspection.filters import choose_rows
from emotion_core.inspection.matrix import FIRST, SECOND, TRUE, cross_counts, occurring
from emotion_core.labels import EXPRESSIONS
from emotion_core.texts import shorten
from pages.errors.chosen import ChosenImages
from pages.errors.controls import ALL, PICKED, USUAL, first_page
from pages.shared.charts import kept_figure
from pages.shared.words import count

CONFIG = {"displayModeBar": False, "scrollZoom": False}
AXES = ("true × predicted", "run × run")
INK = {False: "#1b2328", True: "#e8edf0"}
"""The theme's colours of words, by whether it is dark."""

Counts = npt.NDArray[np.int64]
Picked = tuple[tuple[str, ...], tuple[str, ...]]
"""Expressions that are chosen on the rows and on the columns."""


def show_matrix(chosen: ChosenImages) -> None:
    """Draw it under every condition but those that it sets itself."""
    inspected = chosen.inspected
    two = len(inspected.entries) == 2
    axes = AXES[0]
    if two:
        axes = str(
            st.segmented_control(
                "Matrix", AXES, default=AXES[0], required=True, key="axes", bind="query-params", label_visibility="collapsed"
            )
        )
    against = axes == AXES[1] and two
    conditions = ("predicted", "second") if against else ("true", "predicted")
    columns = (FIRST, SECOND) if against else (TRUE, FIRST)
    words = (inspected.names[0], inspected.names[1]) if against else ("true", "predicted")
    rows = choose_rows(inspected.table, chosen.wanted.without("outcome", *conditions), inspected.flags)
    counts = cross_counts(inspected.table, rows, *columns)
    if not counts.sum():
        st.info("Nothing to count: no image here has both a true and a predicted expression.")
        return
    names = occurring(inspected.table, *columns)
    places = [EXPRESSIONS.index(name) for name in names]
    counts = counts[np.ix_(places, places)]
    picked: Picked = (getattr(chosen.wanted, conditions[0]), getattr(chosen.wanted, conditions[1]))
    same, total = int(np.trace(counts)), int(counts.sum())
    finding = f"{same / total:.3f} of {count(total, 'image', 'images')} {'agree' if against else 'right'}"
    dark = st.context.theme.type == "dark"
    build = partial(_figure, counts, finding, words, picked, names, judged=not against, ink=INK[dark])
    # A new key forgets the last click, so that the same cell can be clicked again.
    key = f"matrix-{axes}-{picked}"
    st.plotly_chart(
        kept_figure(("errors", inspected.key, counts.tobytes(), words, picked, names, dark), build),
        key=key,
        config=CONFIG,
        on_select=partial(_click, key, conditions, picked),
        selection_mode="points",
        alt=f"{finding}. {_worst(counts, names)}",
    )
    st.caption("Click a cell, or the name of a row or a column, to see its images. Click it again to see all errors.")


def _figure(
    counts: Counts, finding: str, words: tuple[str, str], picked: Picked, names: tuple[str, ...], *, judged: bool, ink: str
) -> go.Figure:
    down, across = (shorten(word, 40) for word in words)
    return error_matrix(counts, title=finding, down=down, across=across, names=names, judged=judged, ink=ink, chosen=picked)


def _click(key: str, conditions: tuple[str, str], picked: Picked) -> None:
    """Turn a click into a filter; the same cell again takes it away."""
    points = st.session_state[key].selection.points
    cell = next((cell for cell in map(clicked_cell, points) if cell is not None), None)
    if cell is None:
        return
    wanted = tuple(() if name is None else (name,) for name in cell)
    again = wanted == picked
    for name, expressions in zip(conditions, wanted, strict=True):
        st.session_state[PICKED[name]] = [] if again else list(expressions)
    st.session_state["outcome"] = USUAL.outcome if again else ALL
    first_page()


def _worst(counts: Counts, names: tuple[str, ...]) -> str:
    """The most frequent confusion, for those who cannot see the matrix."""
    apart = np.where(np.eye(len(names), dtype=bool), 0, counts)
    if not apart.any():
        return "Nothing is confused."
    i, j = np.unravel_index(int(apart.argmax()), apart.shape)
    return f"Most often, {names[i]} and {names[j]} meet: {count(int(apart[i, j]), 'image', 'images')}."
