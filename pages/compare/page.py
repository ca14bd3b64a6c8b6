"""Which backbone is better, and is the difference real?"""

from __future__ import annotations

import streamlit as st

from emotion_core.compare import comparison_table
from emotion_core.errors import EmotionCoreError
from pages.compare.cache import compare_cached
from pages.compare.controls import ask_choice
from pages.compare.table import offer_table, show_table
from pages.compare.views import Compared, show_views
from pages.shared.store import read_store, show_nothing, show_problems
from pages.shared.words import escape


def main() -> None:
    """Ask, call, show."""
    st.title("Which backbone is better, and is the difference real?")
    store, signature = read_store()
    show_problems(store.problems)
    if not store.entries:
        show_nothing()
        return
    choice = ask_choice(store)
    if not any(entry.kind == "measured" for entry in choice.entries):
        st.info("No run fits; take a filter away above.")
        return
    if not choice.measures:
        st.info("Choose at least one measure above.")
        return
    try:
        comparison = compare_cached(choice.entries, choice.measures, choice.baseline, signature)
    except EmotionCoreError as error:
        st.error(escape(str(error)))
        return
    table = comparison_table(comparison, choice.measures)
    show_table(comparison, table, choice.measures, choice.other_seeds)
    offer_table(table, choice.measures, choice.evaluation)
    st.divider()
    show_views(Compared(comparison=comparison, measures=choice.measures, everything=store.entries))


main()
