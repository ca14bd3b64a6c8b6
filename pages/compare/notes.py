"""What stands below the table: what its signs mean, and how far trainings spread."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from emotion_core.compare import Comparison, Entry, seed_spread
from emotion_core.compare.verdicts import detectable
from emotion_core.metrics.table import METRICS
from emotion_core.texts import plain
from pages.compare.runs import Listed
from pages.shared.words import count, escape


def show_legend(comparison: Comparison, measure: str, listed: Listed) -> None:
    """What signs, intervals and p-values mean, where they are read."""
    runs = len([entry for entry in comparison.entries if measure in entry.measures])
    pairs = runs * (runs - 1) // 2
    if not pairs:
        if listed.ticked:
            alone = "One run alone: tick another one to compare."
            if len(listed.rows) == 1 and listed.other_seeds:
                seeds = count(len(listed.other_seeds), "other seed", "other seeds")
                alone = f"One training alone: “Every training” above also shows {seeds} of it."
            st.caption(f"{alone} [..] is the 95 % interval over images.")
        return
    words = "★ best, ≈ not significantly different from the best at 0.05. [..] is the 95 % interval over images"
    if comparison.baseline is not None:
        words += f"; after Δ, the difference from {escape(comparison.baseline)} on the same images, that of this one difference"
    words += f". p is corrected by Holm for all {count(pairs, 'pair', 'pairs')} of ticked runs, so it can exceed 0.05 beside "
    words += "an interval without 0."
    smallest = detectable(comparison, measure)
    if math.isfinite(smallest):
        images = comparison.entries[0].images or 0
        words += f" With {images:,} images, a difference of about {smallest:.3f} is found in four of five cases."
    st.caption(words)


def show_seeds(comparison: Comparison, measures: Sequence[str], other_seeds: Sequence[Entry]) -> None:
    """How far trainings spread that differ in their seed alone, those that are not listed too."""
    entries = [*comparison.entries, *(entry for entry, _ in comparison.apart if entry.kind == "measured")]
    entries += other_seeds
    rows: dict[tuple[str, ...], dict[str, object]] = {}
    for measure in measures:
        for spread in seed_spread(entries, measure):
            row = rows.setdefault(
                spread.names, {"backbone": spread.backbone, "seeds": len(spread.names), "runs": ", ".join(spread.names)}
            )
            row[measure] = f"{plain(spread.mean)} ± {plain(spread.sd)}"
    if not rows:
        return
    st.markdown("**Same training, other seeds**: mean ± standard deviation over trainings, not over images.")
    frame = pd.DataFrame(list(rows.values()))
    order = ["backbone", *(measure for measure in measures if measure in frame), "seeds", "runs"]
    st.dataframe(
        frame[order],
        hide_index=True,
        key="table-seeds",
        column_config={
            **{
                measure: st.column_config.TextColumn(METRICS[measure].header, help=METRICS[measure].help)
                for measure in measures
            },
            "seeds": st.column_config.NumberColumn("seeds", width=65, help="How many trainings."),
            "runs": st.column_config.TextColumn("runs", width=340),
        },
        alt="Spread over seeds",
    )
