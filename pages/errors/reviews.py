"""What people say about images: read for the gallery, asked for beside one image."""

from __future__ import annotations

import os
from collections.abc import Mapping

import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.database import ADDRESS
from emotion_core.results.reviews import LONGEST_NAME, LONGEST_NOTE, VERDICTS, Review, ReviewStore
from emotion_core.results.run import checkpoints_folder
from pages.shared.words import escape, shorten

DISAGREE = "reviewers disagree"

FRESH = 5
"""How long what others say may be old, s; one's own words are there at once."""


@st.cache_resource(show_spinner=False, max_entries=4)
def _open(address: str, folder: str) -> ReviewStore:
    return ReviewStore()


def review_store() -> ReviewStore:
    """One store a server.

    Raises:
        ReviewStoreError: its address is none.
    """
    return _open(os.environ.get(ADDRESS, ""), str(checkpoints_folder()))


@st.cache_data(show_spinner=False, ttl=FRESH, max_entries=16)
def _verdicts(place: str, dataset: str, _store: ReviewStore) -> dict[str, str]:
    said = _store.verdicts(dataset)
    return {
        str(sample): str(verdict) if verdict is not None else DISAGREE
        for sample, verdict in zip(said["sample_id"], said["verdict"], strict=True)
    }


def read_verdicts(dataset: str) -> Mapping[str, str]:
    """What reviewers say together, by image; nothing, and why, when the place cannot be reached."""
    try:
        store = review_store()
        return _verdicts(store.place, dataset, store)
    except EmotionCoreError as error:
        st.warning(escape(str(error)), icon=":material/rate_review:")
        return {}


def offer_reviews(dataset: str) -> None:
    """All reviews of a dataset as CSV, read when somebody asks."""
    st.download_button(
        "Reviews, CSV",
        lambda: review_store().to_csv(dataset),
        file_name=f"reviews-{dataset}.csv",
        mime="text/csv",
        key="reviews-csv",
        icon=":material/download:",
        on_click="ignore",
        help="Everything that was said about images of this dataset, by whom and when.",
    )


def show_review(dataset: str, sample_id: str, true: str | None) -> None:
    """What was said about an image, and a form to say something.

    Args:
        dataset: name of the dataset.
        sample_id: id of the image.
        true: its label.
    """
    try:
        store = review_store()
        _show_history(store, dataset, sample_id)
    except EmotionCoreError as error:
        st.error(escape(str(error)))
        return
    verdict = st.pills("Wrong label? Say what you see", VERDICTS, key=f"verdict-{sample_id}")
    expression = None
    if verdict == "wrong label":
        others = [name for name in EXPRESSIONS if name != true]
        expression = st.pills("Which is right?", others, key=f"right-{sample_id}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.text_input("Note", key=f"note-{sample_id}", max_chars=LONGEST_NOTE, placeholder="may stay empty")
        name = str(st.session_state.get("reviewer") or "")
        if not name:
            st.text_input("Your name", key="reviewer-typed", max_chars=LONGEST_NAME, width=180, help="Asked once a visit.")
        ready = verdict is not None and (verdict != "wrong label" or expression is not None)
        st.button(
            "Save review",
            key="save-review",
            type="primary",
            disabled=not ready,
            on_click=_save,
            args=(dataset, sample_id, verdict, expression),
        )
    said = st.session_state.pop("review-said", None)
    if said:
        (st.error if said[0] == "error" else st.success)(escape(said[1]))
    if name:
        st.caption(f"You review as {escape(name)}.")


def _save(dataset: str, sample_id: str, verdict: str, expression: str | None) -> None:
    name = str(st.session_state.get("reviewer") or st.session_state.get("reviewer-typed") or "")
    note = str(st.session_state.get(f"note-{sample_id}") or "")
    try:
        review = Review(dataset=dataset, sample_id=sample_id, verdict=verdict, expression=expression, note=note, reviewer=name)
        review_store().add(review)
    except EmotionCoreError as error:
        st.session_state["review-said"] = ("error", str(error))
        return
    st.session_state["reviewer"] = review.reviewer
    st.session_state["review-said"] = ("saved", "Saved.")
    for key in ("verdict", "right", "note"):
        st.session_state.pop(f"{key}-{sample_id}", None)
    _verdicts.clear()


def _withdraw(number: int, name: str) -> None:
    try:
        review_store().withdraw(number, name)
    except EmotionCoreError as error:
        st.session_state["review-said"] = ("error", str(error))
    _verdicts.clear()


def _show_history(store: ReviewStore, dataset: str, sample_id: str) -> None:
    said = store.history(dataset, sample_id)
    name = st.session_state.get("reviewer")
    for row in said.itertuples():
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            what = f"{row.verdict} → {row.expression}" if row.expression else str(row.verdict)
            taken = f", withdrawn by {shorten(row.withdrawn_by, 40)}" if isinstance(row.withdrawn_by, str) else ""
            # Names and notes come from anybody: st.text shows them letter by letter.
            st.text(f"⚑ {what} · {shorten(row.reviewer, 40)} · {row.at:%Y-%m-%d %H:%M} UTC{taken}")
            if row.note:
                st.text(row.note)
            if not taken and name == row.reviewer:
                st.button("Withdraw", key=f"withdraw-{row.id}", type="tertiary", on_click=_withdraw, args=(row.id, name))
