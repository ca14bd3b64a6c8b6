"""How figures behave, and figures that are built once a server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import plotly.graph_objects as go
import streamlit as st

CHART = {"displayModeBar": False, "scrollZoom": False, "doubleClick": False}
"""Configuration of a figure that is looked at and hovered over, nothing else."""


# A figure is drawn, never changed, so visitors share it instead of each unpacking a copy.
@st.cache_resource(show_spinner=False, max_entries=96)
def kept_figure(key: tuple[Any, ...], _build: Callable[[], go.Figure]) -> go.Figure:
    """The figure of ``key``, which has to name everything that it shows.

    Args:
        key: the files, the filters, the kind of figure.
        _build: makes it.
    """
    return _build()
