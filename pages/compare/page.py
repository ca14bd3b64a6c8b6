"""Which backbone is better, and is the difference real?"""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from emotion_core.compare import reported_entries
from emotion_core.compare.answer import details, find_answer, first_words, headline
from emotion_core.compare.order import best_first
from emotion_core.errors import EmotionCoreError
from pages.compare.cache import compare_cached
from pages.compare.cards import show_cards
from pages.compare.controls import ask_baseline, ask_settings, ask_what, offer_import
from pages.compare.notes import show_legend, show_seeds
from pages.compare.runs import list_rows
from pages.compare.table import offer_table, show_beside, show_rows
from pages.shared.sentence import sentence
from pages.shared.store import read_store, show_nothing, show_problems
from pages.shared.words import escape


def main() -> None:
    """Ask, call, show."""
    st.title("Which backbone is better, and is the difference real?")
    # Above the controls: on a phone these fill a screen.
    answer = st.empty()
    store, signature = read_store()
    show_problems(store.problems)
    if not store.entries:
        show_nothing()
        offer_import(st.container())
        return
    what = ask_what(store, signature)
    if not what.measures:
        st.info("Choose at least one measure above.")
        return
    first = what.measures[0]
    line = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
    settings = ask_settings(line, what)
    listed = list_rows(what, settings, line, signature)
    baseline = ask_baseline(line, what, listed.ticked)
    offer_import(line)
    if listed.ticked:
        answer.markdown(escape(first_words(listed.ticked, first)))
    # Kept slices lie in a database, whose library takes a second to import: the first words do not wait for it.
    from pages.compare.slices import ask_slice

    reported = best_first(reported_entries(listed.rows[0].dataset), first) if settings.reported and listed.rows else []
    judged = ask_slice(line, listed.ticked, listed.other_seeds, what.measured)
    if judged is not None:
        # What others reported is on all images.
        listed, reported = replace(listed, rows=judged[0], ticked=judged[0], beside=(), other_seeds=judged[1]), []
    try:
        entries = (*listed.ticked, *listed.beside, *reported)
        comparison = compare_cached(entries, what.measures, baseline, settings.margin, signature)
    except EmotionCoreError as error:
        st.error(sentence(error))
        return
    found = find_answer(comparison, first)
    if found is not None:
        answer.markdown(f"**{escape(headline(found))}** {escape(details(found))}")
    if listed.shared:
        st.caption(escape(f"{listed.shared} Runs that are not ticked stand with all of their own images."))
    show_cards(comparison, first)
    show_rows(comparison, listed, what.measures)
    show_legend(comparison, first, listed)
    if not listed.ticked:
        st.info("Tick the runs to compare.")
        return
    show_beside(comparison, listed, what.measures)
    show_seeds(comparison, what.measures, listed.other_seeds)
    offer_table(comparison, what.measures, what.evaluation)
    st.divider()
    # Neither does the table wait for the figures' library.
    from pages.compare.views import show_views
    from pages.compare.views.shown import Compared

    show_views(Compared(comparison=comparison, measures=what.measures, everything=store.entries))


main()
