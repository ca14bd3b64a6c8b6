"""What a view draws from, and how it shows a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from emotion_core.compare import Comparison, Entry
from emotion_core.compare.order import best_first
from emotion_core.metrics.table import METRICS
from emotion_core.results.tables import export_table
from pages.compare.cache import compare_measure, entries_of
from pages.shared.charts import CHART
from pages.shared.downloads import offer_file
from pages.shared.figure_files import offer_figures

FEW = 8
"""So many lines can be distinguished in one figure."""


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a view draws from.

    Attributes:
        comparison: of the runs shown.
        measures: those of the table above.
        everything: every evaluation there is, also on other datasets.
    """

    comparison: Comparison
    measures: tuple[str, ...]
    everything: tuple[Entry, ...] = ()

    @property
    def entries(self) -> list[Entry]:
        """All of them, the comparable ones first."""
        return entries_of(self.comparison)

    def tested(self, measure: str) -> Comparison:
        """The comparison in a measure that may not be one of those above."""
        return self.comparison if measure in self.measures else compare_measure(self.comparison, measure)

    @property
    def runs(self) -> list[Entry]:
        """Measured entries, the comparable ones first."""
        return [entry for entry in self.entries if entry.run is not None]

    def few(self) -> list[Entry]:
        """The baseline and the best of them by the first measure; as many as a figure can hold."""
        if len(self.runs) <= FEW:
            return self.runs
        st.caption(f"The {FEW} best of {len(self.runs)} runs; choose others above.")
        return best_first(self.runs, self.measures[0], leader=self.comparison.baseline)[:FEW]


def draw(figure: go.Figure, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=f"figure-{key}", config=CHART, alt=alt)


def offer(figures: Sequence[go.Figure], data: pd.DataFrame, name: str) -> None:
    """Numbers as CSV, figures as a page that needs nothing else and as pictures."""
    with st.container(horizontal=True, gap="small"):
        offer_file(
            "Data, CSV", lambda: export_table(data, "csv"), f"{name}.csv", "text/csv", key=f"data-{name}",
            meaning="The numbers of this view.",
        )  # fmt: skip
        if figures:
            with st.popover("Figure", icon=":material/image:"):
                offer_figures(figures, name)


def ask_measure(shown: Compared) -> str:
    known = {words.title: key for key, words in METRICS.items() if any(key in entry.measures for entry in shown.entries)}
    titles = list(known)
    first = METRICS[shown.measures[0]].title
    title = st.selectbox("Measure", titles, index=titles.index(first), key="measure", bind="query-params", width=240)
    return known[title or first]


def backbones(entries: Sequence[Entry]) -> dict[str, str]:
    return {entry.name: entry.backbone for entry in entries}
