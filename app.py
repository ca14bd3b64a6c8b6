"""The app: page configuration and navigation, nothing else. Start it with ``streamlit run app.py``."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components.sidebar import sidebar_foot
from pages.components.start import list_pages

ICON = Path(__file__).parent / "pages" / "icon.svg"

st.set_page_config(page_title="Emotion recognition", page_icon=ICON, layout="wide")

page = st.navigation(list_pages())
st.session_state["came_through_app"] = True
page.run()
sidebar_foot()
