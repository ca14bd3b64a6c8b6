"""Files that are made when somebody asks for them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st


def offer_file(title: str, make: Callable[[], str | bytes], name: str, mime: str, *, key: str, meaning: str) -> None:
    """A button that downloads a file and draws nothing again.

    Args:
        title: of the button.
        make: the content; called when somebody clicks.
        name: of the file.
        mime: its media type.
        key: unique on the page.
        meaning: what is in it, shown on hover.
    """
    st.download_button(
        title,
        make,
        file_name=name,
        mime=mime,
        key=f"download-{key}",
        icon=":material/download:",
        on_click="ignore",
        help=meaning,
    )
