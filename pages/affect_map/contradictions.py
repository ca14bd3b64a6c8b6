"""Faces whose expression contradicts their valence or arousal."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from emotion_core.errors import CheckpointError
from emotion_core.inspection.contradictions import RULES, contradiction_table
from emotion_core.texts import shorten
from pages.affect_map.faces import ChosenFaces, load_expressions
from pages.affect_map.planes import show_table
from pages.shared.pictures import show_pictures
from pages.shared.sentence import sentence
from pages.shared.words import count

TRUE = "true values"


@st.fragment
def show_contradictions(chosen: ChosenFaces) -> None:
    """A list, largest contradiction first, and pictures."""
    with st.container(horizontal=True, vertical_alignment="center"):
        whose = st.segmented_control(
            "Whose values",
            [TRUE, *chosen.names],
            default=TRUE,
            required=True,
            label_visibility="collapsed",
            key="contradicting",
        )
        with st.popover("What counts", type="tertiary"):
            st.markdown("An expression contradicts valence and arousal when these lie outside:")
            st.markdown("\n".join(f"- {rule}" for rule in RULES))
    found = _find(chosen, str(whose))
    if found is None:
        return
    if found.empty:
        st.text(f"No expression contradicts its valence or arousal in {count(len(chosen.rows), 'face', 'faces')}.")
        return
    st.text(
        f"{len(found):,} of {count(len(chosen.rows), 'face', 'faces')} ({len(found) / len(chosen.rows):.3f}) contradict "
        "themselves. Size is how far the value lies outside what fits the expression."
    )
    show_table(found, key="contradictions")
    pictures = list(zip(found["image"], found["contradiction"], strict=True))
    show_pictures(chosen.entries[0].dataset, pictures, key="contradictions")


def _find(chosen: ChosenFaces, whose: str) -> pd.DataFrame | None:
    if whose == TRUE:
        return contradiction_table(chosen.faces)
    number = chosen.names.index(whose)
    try:
        predicted = load_expressions(chosen.entries[number])
    except CheckpointError as error:
        st.error(sentence(error))
        return None
    if predicted.empty:
        st.text(f"{shorten(whose)} was not trained on expressions, so nothing can contradict them.")
        return None
    return contradiction_table(chosen.faces, predicted, number)
