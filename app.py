"""The app: page configuration and navigation, nothing else. Start it with ``streamlit run app.py``."""

from __future__ import annotations

import streamlit as st

from pages.components.sidebar import sidebar_foot

st.set_page_config(page_title="Emotion recognition", page_icon=":material/sentiment_satisfied:", layout="wide")

page = st.navigation(
    [
        st.Page("pages/predict.py", title="Predict", icon=":material/face:", default=True),
        st.Page("pages/about.py", title="About", icon=":material/info:"),
    ]
)
page.run()
sidebar_foot()
