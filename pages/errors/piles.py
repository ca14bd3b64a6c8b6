"""A right, B wrong: would another network do better?"""

from __future__ import annotations

import streamlit as st

from emotion_core.inspection.filters import Filter, choose_rows
from emotion_core.inspection.piles import PILES, count_piles
from pages.shared.inspected import Inspected
from pages.shared.words import count

TITLES = dict(zip(PILES, ("both right", "only A right", "only B right", "neither"), strict=True))


def ask_pile(inspected: Inspected, others: Filter) -> str:
    """Four piles with their counts; choosing one filters.

    Args:
        inspected: images with the answers of two runs.
        others: all other conditions, under which is counted.

    Returns:
        One of :data:`~emotion_core.inspection.piles.PILES`; empty when none is chosen.
    """
    rows = choose_rows(inspected.table, others.without("outcome"), inspected.flags)
    piles = count_piles(inspected.table.iloc[rows])
    chosen = st.segmented_control(
        "A right, B wrong",
        PILES,
        format_func=lambda name: f"{TITLES[name]} {piles.counts[name]:,}",
        key="pile",
        bind="query-params",
        on_change=_all_of_it,
        wrap=True,
        help="A is the first run, B the second. Click again to see all.",
    )
    total = sum(piles.counts.values())
    if total:
        sure = "the runs differ" if piles.p_value < 0.05 else "they are not significantly different"
        p_value = "< 0.001" if piles.p_value < 0.001 else f"= {piles.p_value:.3f}"
        st.caption(f"On {count(total, 'image', 'images')}: McNemar's exact p {p_value}, {sure}.")
    return str(chosen or "")


def _all_of_it() -> None:
    """A pile says what is right and what is wrong."""
    st.session_state["page"] = 1
    if st.session_state.get("pile"):
        st.session_state["outcome"] = "all"
