"""The app: page configuration and navigation, nothing else. Start it with ``streamlit run app.py``."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from pages.components.sidebar import sidebar_foot

ICON = Path(__file__).parent / "pages" / "icon.svg"

st.set_page_config(page_title="Emotion recognition", page_icon=ICON, layout="wide")

page = st.navigation(
    [
        st.Page("pages/predict.py", title="Predict", icon=":material/face:", default=True),
        st.Page("pages/compare.py", title="Compare", icon=":material/compare_arrows:"),
        st.Page("pages/affect_map.py", title="Affect map", icon=":material/scatter_plot:"),
        st.Page("pages/about.py", title="About", icon=":material/info:"),
    ]
)
page.run()
sidebar_foot()
