"""Which images does it get wrong, and why?"""

from __future__ import annotations

import streamlit as st

from emotion_core.compare import Entry, why_not_comparable
from emotion_core.errors import EmotionCoreError
from pages.errors.accuracy import show_accuracy
from pages.errors.chosen import choose
from pages.errors.controls import ask_filter, ask_runs
from pages.errors.explanations import show_explanations
from pages.errors.gallery import show_gallery
from pages.errors.image import asked_image, show_image
from pages.errors.matrix import show_matrix
from pages.errors.queue import asked_queue, offer_queue, show_queue
from pages.errors.reviews import offer_reviews
from pages.errors.slices import show_slice, show_slices
from pages.shared.inspected import inspect_entries, read_flags
from pages.shared.sentence import sentence
from pages.shared.store import read_entries
from pages.shared.words import escape


def show_errors(entries: tuple[Entry, ...]) -> None:
    """Matrix and gallery, and the image that the address names."""
    dataset = entries[0].dataset
    inspected = inspect_entries(entries, read_flags(dataset, entries[0].split))
    asked = ask_filter(inspected)
    chosen = choose(inspected, asked.wanted, asked.order, reverse=asked.reverse)
    show_accuracy(inspected, entries[0].split)
    left, right = st.columns([0.38, 0.62], gap="medium")
    with left:
        show_matrix(chosen)
        with st.container(horizontal=True, gap="small"):
            offer_queue(inspected)
            show_slices(chosen)
            offer_reviews(dataset)
    with right:
        show_gallery(chosen)
    show_slice(chosen)
    show_looks(entries[0])
    if asked_queue():
        show_queue(inspected)
    elif asked_image(inspected) is not None:
        show_image(chosen)


def show_looks(entry: Entry) -> None:
    """Where the first run looks on all images, read when somebody opens it."""
    looks = st.expander("Does it look at the face?", key="looks", on_change="rerun", bind="query-params")
    if looks.open and entry.run is not None:
        with looks:
            show_explanations(entry.run, entry.dataset, entry.split)


def main() -> None:
    """Ask, call, show."""
    st.title("Which images does it get wrong, and why?")
    known = read_entries()
    if not known:
        return
    entries = ask_runs(known)
    if len(entries) == 2 and (reason := why_not_comparable(*entries)):
        st.warning(escape(reason), icon=":material/compare_arrows:")
    try:
        show_errors(entries)
    except EmotionCoreError as error:
        st.error(sentence(error))


main()
