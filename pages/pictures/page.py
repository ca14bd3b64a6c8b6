"""How well does a network read your pictures?"""

from __future__ import annotations

import streamlit as st

from pages.pictures.bringing import ask_pictures
from pages.pictures.known import show_known
from pages.pictures.measuring import go_on, show_results, waiting
from pages.pictures.preview import show_brought


def main() -> None:
    """Ask, look through, measure."""
    st.title("How well does a network read your pictures?")
    if waiting():
        # In the place of the container below, so that nothing else stands on the page meanwhile: a click would interrupt it.
        st.empty()
        go_on()
        return
    with st.container(key="pictures-body"):
        show_results()
        looked = ask_pictures()
        if looked is not None:
            show_brought(looked)
        show_known()


main()
