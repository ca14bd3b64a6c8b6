"""Where do faces lie on valence and arousal?"""

from __future__ import annotations

import numpy as np
import streamlit as st

from emotion_core.errors import CheckpointError
from pages.affect_map.contradictions import show_contradictions
from pages.affect_map.controls import EVERYWHERE, MapChoice, ask_controls, says_affect
from pages.affect_map.faces import ChosenFaces, choose_faces, load_faces, session_diamonds
from pages.affect_map.planes import show_planes
from pages.affect_map.residuals import show_closer, show_collapse, show_errors, show_measures
from pages.shared.chosen import read_set
from pages.shared.sentence import sentence
from pages.shared.store import read_entries
from pages.shared.words import count, escape


def show_silence(shown: MapChoice) -> bool:
    """Name the runs without valence and arousal, and say what can be done."""
    silent = [entry for entry in shown.entries if not says_affect(entry)]
    for entry in silent:
        st.info(
            f"{escape(entry.name)} has no valence and arousal on {escape(entry.evaluation)}: the faces there are not annotated "
            "with them, or the network is not trained on them. Choose another evaluation or run above."
        )
    return bool(silent)


def show_map(shown: MapChoice) -> None:
    """Planes, then how far off they are."""
    faces = load_faces(shown.entries)
    show_collapse([(name, reason) for name, reasons in faces.collapse.items() for reason in reasons])
    chosen = choose_faces(faces, shown)
    if not len(chosen.rows):
        st.info("No face fits these filters. Choose another expression or region above.")
        return
    show_linked(shown, chosen, faces.left_out)
    if len(shown.entries) > 1:
        st.header("Which run is closer to the truth?")
        show_closer(chosen)
    st.header("Faces whose expression contradicts their valence and arousal")
    show_contradictions(chosen)


@st.fragment
def show_linked(shown: MapChoice, chosen: ChosenFaces, left_out: int) -> None:
    """Planes and residuals: a choice on one marks the same faces on all, and draws nothing else again."""
    marked = chosen.rows[np.isin(chosen.places[chosen.rows], read_set(chosen.ids))]
    show_planes(chosen, marked, view=shown.view, diamonds=session_diamonds() if shown.photos else ())
    if left_out:
        st.caption(f"{count(left_out, 'image', 'images')} without true or predicted values left out.")
    st.header("How far off are the predictions?")
    show_measures(shown.entries, filtered=bool(shown.expressions) or shown.region != EVERYWHERE)
    show_errors(chosen, marked)


def main() -> None:
    """Ask, call, show."""
    st.title("Where do faces lie on valence and arousal?")
    known = read_entries()
    if not known:
        return
    shown = ask_controls(known, photos=len(session_diamonds()))
    if show_silence(shown):
        return
    try:
        show_map(shown)
    except CheckpointError as error:
        st.error(sentence(error))


main()
