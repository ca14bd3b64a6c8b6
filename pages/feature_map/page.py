"""Which faces look alike to the network?"""

from __future__ import annotations

import streamlit as st

from emotion_core.compare import Entry
from emotion_core.errors import EmotionCoreError
from pages.feature_map.making import offer_map, read_map
from pages.feature_map.view import show_map
from pages.shared.entries import EntryHelp, ask_entries
from pages.shared.inspected import inspect_entries, read_flags
from pages.shared.sentence import sentence
from pages.shared.store import read_entries

HELP = EntryHelp(
    evaluation="Dataset and split whose faces are shown.",
    first="The network whose features are shown.",
    second="",
)


def has_weights(entry: Entry) -> bool:
    """Whether somebody can ask the network what it sees."""
    return entry.run is not None and entry.run.has_weights


def main() -> None:
    """Ask, call, show."""
    st.title("Which faces look alike to the network?")
    known = read_entries()
    if not known:
        return
    columns = st.columns([2.4, 2.4, 2.2, 1.6], vertical_alignment="bottom")
    [entry] = ask_entries(columns[:2], known, has_weights, HELP)
    try:
        inspected = inspect_entries([entry], read_flags(entry.dataset, entry.split))
        found = read_map(inspected)
        if found is None:
            offer_map(inspected, entry.split)
        else:
            show_map(inspected, found, columns[2:])
    except EmotionCoreError as error:
        st.error(sentence(error))


main()
