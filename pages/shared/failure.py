"""What a page says when something went wrong that nobody foresaw."""

from __future__ import annotations

import logging
import secrets

import streamlit as st

from emotion_core.errors import EmotionCoreError
from pages.shared.sentence import sentence

log = logging.getLogger(__name__)


def show_failure(title: str, error: Exception) -> None:
    """Say that a page ended early: an expected error in its own words, any other without a word of code or of this machine.

    The server's log has the traceback, under the number that the visitor reads.

    Args:
        title: of the page.
        error: what ended it.
    """
    if isinstance(error, EmotionCoreError):
        st.error(sentence(error))
        return
    number = secrets.token_hex(3)
    log.error("Failure %s on the page '%s'", number, title, exc_info=error)
    st.error(
        f"**This page ended early**, by a mistake in the program or a damaged file. Load it again; if that does not help, give "
        f"whoever runs this server the number **{number}**: its log says under it what happened."
    )
