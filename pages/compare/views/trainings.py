"""Views of trainings: curves and settings."""

from __future__ import annotations

import streamlit as st

from emotion_core.compare.trainings import history_table, settings_of, settings_table
from emotion_core.figures.compare.curves import WINDOW, curve_measures, training_curves
from emotion_core.texts import listing
from pages.compare.cache import histories_of
from pages.compare.views.shown import Compared, backbones, draw, offer
from pages.shared.words import count, escape


def show_training(shown: Compared) -> None:
    runs = shown.few()
    histories = histories_of(runs)
    table = history_table(histories, backbones(runs))
    names = curve_measures(table)
    if not names:
        st.info("None of these runs has kept the history of its training.")
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        measure = st.selectbox("Curve", names, key="curve", bind="query-params", width=240) or names[0]
        smoothed = st.toggle(
            "Smooth",
            key="smooth",
            bind="query-params",
            help=f"Mean of {WINDOW} epochs around each; the values stay faintly behind.",
        )
    figure = training_curves(table, measure, smoothed=smoothed)
    draw(figure, "training", f"{measure} by epoch of {count(len(histories), 'run', 'runs')}")
    missing = [entry.name for entry in runs if entry.name not in histories]
    if missing:
        st.caption(escape(f"Without a history: {listing(missing)}."))
    offer([figure], table, f"training-{measure}")


def show_settings(shown: Compared) -> None:
    only = st.toggle("Differences only", value=True, key="differences", bind="query-params", help="Hide what all runs share.")
    settings = {entry.name: settings_of(entry.run) for entry in shown.runs if entry.run is not None}
    table = settings_table(settings, differences_only=only)
    if table.empty:
        st.info("These runs were set up alike." if only else "These runs say nothing about their settings.")
        return
    st.dataframe(
        table,
        hide_index=True,
        key="table-settings",
        column_config={"setting": st.column_config.TextColumn("setting", pinned=True, width=220)},
        height=min(len(table), 18) * 35 + 38,
        alt="Settings of the runs",
    )
    offer([], table, "settings")
