"""What stands below the navigation on every page."""

from __future__ import annotations

import contextlib
import os
import sys

import streamlit as st

from emotion_core.errors import ConfigError, EmotionCoreError
from emotion_core.results.find import DEFAULT_RUN
from pages.shared.roles import may, offer_login, visitor
from pages.shared.store import run_names

_FOOT = """<style>
[data-testid="stSidebarContent"] { display: flex; flex-direction: column; min-height: 100%; }
[data-testid="stSidebarUserContent"] { margin-top: auto; }
</style>"""


def sidebar_foot() -> None:
    """Who is logged in, device and default run; for the owner, where data lie."""
    # Streamlit has no word for the foot of the sidebar.
    st.sidebar.html(_FOOT)
    names = run_names() if may("look") else []
    with st.sidebar.container(key="foot", gap="xxsmall"):
        if may("look"):
            _line("Device", _device())
            _line(
                "Default run",
                DEFAULT_RUN if DEFAULT_RUN in names else "none yet" if not names else f"{DEFAULT_RUN} (missing)",
            )
        if may("owner"):
            _line("Data folder", os.environ.get("EMOTION_DATA") or "not set")
        with contextlib.suppress(ConfigError):
            _show_login()


def _line(title: str, value: str) -> None:
    st.caption(title)
    st.text(value)


def _show_login() -> None:
    """Who is logged in, and the way out; else the way in."""
    who = visitor()
    if not who.identity:
        offer_login(key="foot")
        return
    _line("Logged in as", who.name or who.identity)
    st.button("Log out", icon=":material/logout:", on_click=st.logout, key="logout", help=who.identity)


def _device() -> str:
    # Finding the device loads the networks' library, which most pages do without.
    if "torch" not in sys.modules:
        return "chosen when a network loads"
    from emotion_core.models.device import resolve_device

    try:
        return str(resolve_device())
    except EmotionCoreError as error:
        return str(error)
