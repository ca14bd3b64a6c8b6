"""What stands below the navigation on every page."""

from __future__ import annotations

import os
import sys

import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.results.find import DEFAULT_RUN
from pages.shared.store import run_names

_FOOT = """<style>
[data-testid="stSidebarContent"] { display: flex; flex-direction: column; min-height: 100%; }
[data-testid="stSidebarUserContent"] { margin-top: auto; }
</style>"""


def sidebar_foot() -> None:
    """Device, default run and data folder."""
    # Streamlit has no word for the foot of the sidebar.
    st.sidebar.html(_FOOT)
    names = run_names()
    with st.sidebar.container(key="foot", gap="xxsmall"):
        _line("Device", _device())
        _line(
            "Default run",
            DEFAULT_RUN if DEFAULT_RUN in names else "none yet" if not names else f"{DEFAULT_RUN} (missing)",
        )
        _line("Data folder", os.environ.get("EMOTION_DATA") or "not set")


def _line(title: str, value: str) -> None:
    st.caption(title)
    st.text(value)


def _device() -> str:
    # Finding the device loads the networks' library, which most pages do without.
    if "torch" not in sys.modules:
        return "chosen when a network loads"
    from emotion_core.models.device import resolve_device

    try:
        return str(resolve_device())
    except EmotionCoreError as error:
        return str(error)
