"""Faces whose expression contradicts their valence or arousal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import streamlit as st

from emotion_core.compare import Entry
from emotion_core.errors import CheckpointError
from emotion_core.inspection.contradictions import RULES, find_contradictions
from pages.affect_map.faces import ChosenFaces, load_expressions
from pages.affect_map.planes import show_table
from pages.shared.pictures import show_pictures
from pages.shared.words import count, escape, shorten

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
            st.markdown("An expression contradicts its place on the plane when the place lies outside:")
            st.markdown("\n".join(f"- {rule}" for rule in RULES))
    found = _find(chosen.faces, chosen.entries, str(whose))
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


def _find(part: pd.DataFrame, entries: Sequence[Entry], whose: str) -> pd.DataFrame | None:
    number = next((i for i, entry in enumerate(entries) if entry.name == whose), None)
    if number is None:
        names, columns = part["expression"], ("valence", "arousal")
    else:
        try:
            said = load_expressions(entries[number])
        except CheckpointError as error:
            st.error(escape(str(error)))
            return None
        if said.empty:
            st.text(f"{shorten(whose)} was not taught expressions, so nothing can contradict them.")
            return None
        names, columns = said.reindex(part["sample_id"].to_numpy()), (f"valence_{number}", f"arousal_{number}")
    values = [part[column].to_numpy(dtype=np.float64) for column in columns]
    found = find_contradictions(names.to_numpy(dtype=object), *values)
    at = found["row"].to_numpy()
    return pd.DataFrame(
        {
            "image": part["sample_id"].to_numpy()[at],
            "contradiction": found["contradiction"].to_numpy(),
            "size": found["size"].to_numpy(),
            "expression": names.to_numpy(dtype=object)[at],
            "valence": values[0][at],
            "arousal": values[1][at],
        }
    )
