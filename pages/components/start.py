"""Which pages there are, and what every page does first."""

from __future__ import annotations

import streamlit as st
from streamlit.navigation.page import StreamlitPage


def list_pages() -> list[StreamlitPage]:
    """The pages in the order of the navigation."""
    return [
        st.Page("pages/predict.py", title="Predict", icon=":material/face:", default=True),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
        st.Page("pages/affect_map.py", title="Affect map", icon=":material/scatter_plot:"),
        st.Page("pages/errors.py", title="Errors", icon=":material/search_insights:"),
        st.Page("pages/training.py", title="Training", icon=":material/show_chart:"),
        st.Page("pages/about.py", title="About", icon=":material/info:"),
    ]


def come_through_app() -> None:
    """Start again through ``app.py`` where a link led straight to this page.

    Until ``st.navigation`` has run once in a server, Streamlit takes the folder ``pages/`` for its older way of several pages
    and runs a linked page alone: without page configuration and navigation.
    """
    if not st.session_state.get("came_through_app"):
        st.session_state["came_through_app"] = True
        st.navigation(list_pages())
        st.rerun()
