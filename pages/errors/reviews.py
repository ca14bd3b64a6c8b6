"""What people say about one image: shown, asked for, and all of it as a file."""

from __future__ import annotations

import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.reviews import LONGEST_NAME, LONGEST_NOTE, Review, ReviewStore
from emotion_core.results.verdicts import VERDICTS
from emotion_core.texts import shorten
from pages.shared.downloads import offer_file
from pages.shared.reviews import forget_verdicts, review_store
from pages.shared.words import escape


def offer_reviews(dataset: str) -> None:
    """All reviews of a dataset as CSV, read when somebody asks."""
    offer_file(
        "Reviews, CSV",
        lambda: review_store().to_csv(dataset),
        f"reviews-{dataset}.csv",
        "text/csv",
        key="reviews",
        meaning="Everything that was said about images of this dataset, by whom and when.",
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
    forget_verdicts()


def _withdraw(number: int, name: str) -> None:
    try:
        review_store().withdraw(number, name)
    except EmotionCoreError as error:
        st.session_state["review-said"] = ("error", str(error))
    forget_verdicts()


def _show_history(store: ReviewStore, dataset: str, sample_id: str) -> None:
    said = store.history(dataset, sample_id)
    name = st.session_state.get("reviewer")
    for row in said.to_dict("records"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            what = f"{row['verdict']} → {row['expression']}" if row["expression"] else str(row["verdict"])
            taken = f", withdrawn by {shorten(row['withdrawn_by'], 40)}" if isinstance(row["withdrawn_by"], str) else ""
            # Names and notes come from anybody: st.text shows them letter by letter.
            st.text(f"⚑ {what} · {shorten(row['reviewer'], 40)} · {row['at']:%Y-%m-%d %H:%M} UTC{taken}")
            if row["note"]:
                st.text(row["note"])
            if not taken and name == row["reviewer"]:
                st.button("Withdraw", key=f"withdraw-{row['id']}", type="tertiary", on_click=_withdraw, args=(row["id"], name))
