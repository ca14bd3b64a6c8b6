"""A command that a visitor may copy into a terminal."""

from __future__ import annotations

import streamlit as st


def show_command(command: str) -> None:
    """A command with its button to copy it, on as many lines as it needs; colours of a syntax would be too pale to read."""
    st.code(command, language=None, wrap_lines=True)
