"""What is drawn below the table: one view at a time."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pages.compare.views.expressions import show_calibration, show_confusion, show_coverage, show_expressions
from pages.compare.views.generalisation import show_generalisation
from pages.compare.views.measures import show_intervals, show_profile, show_trade_off
from pages.compare.views.shown import Compared
from pages.compare.views.trainings import show_settings, show_training

VIEWS: dict[str, Callable[[Compared], None]] = {
    "Intervals": show_intervals,
    "Generalisation": show_generalisation,
    "Trade-off": show_trade_off,
    "Profile": show_profile,
    "Confusion": show_confusion,
    "Expressions": show_expressions,
    "Calibration": show_calibration,
    "Coverage": show_coverage,
    "Training": show_training,
    "Settings": show_settings,
}


def show_views(shown: Compared) -> None:
    """A switch and the chosen view."""
    view = st.segmented_control(
        "View", list(VIEWS), default=next(iter(VIEWS)), required=True, key="view", bind="query-params", wrap=True,
        label_visibility="collapsed",
    )  # fmt: skip
    VIEWS[str(view)](shown)
