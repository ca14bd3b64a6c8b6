"""What to review next: a queue that all reviewers of a split share, and what they have found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.inspection.review_piles import review_piles
from emotion_core.results.queue import SOURCES, ReviewQueue, WrongLabels, agreement
from emotion_core.results.reviews import LONGEST_NAME
from pages.errors.desk import Series, desk_state, show_desk
from pages.shared.inspected import Inspected
from pages.shared.pictures import why_no_pictures
from pages.shared.reviews import review_store
from pages.shared.roles import allowed, reviewer_name
from pages.shared.words import count, escape

IN_TURN = "in turn"
MEANINGS: Mapping[str, str] = {
    IN_TURN: "The piles one after another: doubtful labels, then what two runs disagree on, then at random.",
    "doubtful label": "Images for which confident learning suggests another label, least trusted first.",
    "runs disagree": "Images that the two chosen runs predict differently, farthest apart first.",
    "random": "At random: the only pile that says how many labels of the whole split are wrong.",
}
ASKING = "queue-asking"
AT_ONCE = 8
"""Images that are handed out together."""


@dataclass
class _Handed:
    """What a visit's reviewer was handed since the queue was opened.

    Attributes:
        source: what was asked for.
        second: whether second opinions were.
        reviewer: to whom.
        number: another one each time.
        ids: in order.
        more: whether there may be more.
    """

    source: str
    second: bool
    reviewer: str
    number: int
    ids: list[str] = field(default_factory=list)
    more: bool = True


def offer_queue(inspected: Inspected) -> None:
    """Choose a pile and begin; what was found so far."""
    asking = st.popover(
        "Review",
        icon=":material/rate_review:",
        help="Look at one picture after another and say what you see.",
        # Whether it is open has to be known to the server, which closes it when the desk opens.
        key=ASKING,
        on_change="rerun",
    )
    with asking:
        if not allowed("review"):
            return
        piles = _piles(inspected.key, inspected)
        sources = [name for name in SOURCES if piles[name]]
        source = st.selectbox("What next", [IN_TURN, *sources], key="queue-source", help=_help(sources))
        second = st.toggle(
            "Second opinions", key="queue-second", help="Only pictures that somebody else has judged: agreement needs some."
        )
        known = reviewer_name()
        if not known:
            st.text_input("Your name", key="queue-name", max_chars=LONGEST_NAME)
        name = known or str(st.session_state.get("queue-name") or "").strip()
        st.button(
            f"Start as {escape(name)}" if name else "Start",
            key="queue-start",
            type="primary",
            disabled=not name,
            on_click=_start,
            args=(str(source), second, name),
        )
        st.caption(
            "Two reviewers are never handed the same picture unless they ask for second opinions. A name is no password: "
            "anybody can type it. Who said what and when is kept; you take back what you said yourself, and contradict others."
        )
        _show_standing(inspected)


def asked_queue() -> bool:
    """Whether this visit is reviewing."""
    return "queue" in st.session_state


def close_queue() -> None:
    """End it; what was handed out and not judged goes to others after a while."""
    st.session_state.pop("queue", None)


@st.dialog("Review", width="large", on_dismiss=close_queue)
def show_queue(inspected: Inspected) -> None:
    """The desk with what the queue hands out."""
    handed: _Handed = st.session_state["queue"]
    state, name = desk_state(), f"queue-{handed.number}"
    at = state.at if state.series == name else 0
    missing = why_no_pictures(inspected.dataset)
    if missing:
        st.text(missing)
        return
    try:
        if handed.more and at + AT_ONCE > len(handed.ids):
            _hand_out(inspected, handed)
    except EmotionCoreError as error:
        st.error(escape(str(error)))
    if not handed.ids:
        st.info("There is nothing more to review here. Choose another pile, or ask for second opinions.")
        return
    rows = pd.Index(inspected.table["sample_id"]).get_indexer(pd.Index(handed.ids)).astype(np.int64)
    series = Series(
        inspected=inspected,
        rows=rows,
        name=name,
        of=f"{count(len(rows), 'picture', 'pictures')} handed to you",
        end="That was the last of this pile. Thank you.",
        growing=handed.more,
        blind=True,
    )
    show_desk(series, min(at, len(rows) - 1), lambda _: None)


def _help(sources: list[str]) -> str:
    return "  \n".join(f"**{name}** {MEANINGS[name]}" for name in (IN_TURN, *sources))


def _start(source: str, second: bool, reviewer: str) -> None:
    before = st.session_state.get("queue-number", 0)
    st.session_state["queue-number"] = before + 1
    st.session_state["reviewer"] = " ".join(reviewer.split())
    st.session_state["queue"] = _Handed(source=source, second=second, reviewer=reviewer, number=before + 1)
    # Otherwise it would lie over the desk.
    st.session_state[ASKING] = False


def _hand_out(inspected: Inspected, handed: _Handed) -> None:
    entry, piles = inspected.entries[0], _piles(inspected.key, inspected)
    wanted = [(name, piles[name]) for name in SOURCES if handed.source in (IN_TURN, name)]
    queue = ReviewQueue(review_store(), entry.dataset, entry.split)
    more = queue.claim(wanted, handed.reviewer, AT_ONCE, second=handed.second, without=handed.ids)
    handed.ids += more
    handed.more = bool(more)


@st.cache_data(show_spinner=False, max_entries=8)
def _piles(key: tuple[object, ...], _inspected: Inspected) -> Mapping[str, list[str]]:
    return review_piles(_inspected.table, str(key[0]))


def _show_standing(inspected: Inspected) -> None:
    entry = inspected.entries[0]
    try:
        latest = review_store().latest(entry.dataset)
        latest = latest[latest["sample_id"].isin(inspected.table["sample_id"])]
        found = ReviewQueue(review_store(), entry.dataset, entry.split).wrong_labels()
    except EmotionCoreError as error:
        st.error(escape(str(error)))
        return
    people = latest["reviewer"].nunique()
    st.markdown(
        f"**{latest['sample_id'].nunique():,} of {len(inspected.table):,}** reviewed by {count(people, 'person', 'people')}."
    )
    st.caption(f"{_rate(found)} {_agreement(latest)}")


def _rate(found: WrongLabels) -> str:
    if found.share is None or found.low is None or found.high is None:
        return "Nobody has judged pictures drawn at random yet, so the rate of wrong labels is not known."
    disputed = f", {count(found.disputed, 'is', 'are')} disputed" if found.disputed else ""
    return (
        f"About {found.share:.1%} of the labels are wrong [{found.low:.1%}, {found.high:.1%}]: {found.wrong:,} of "
        f"{found.judged:,} judged among {found.drawn:,} drawn at random{disputed}."
    )


def _agreement(latest: pd.DataFrame) -> str:
    found = agreement(latest)
    if math.isnan(found.alpha):
        return "How far reviewers agree is known once two have judged the same pictures, with more than one verdict."
    return f"Reviewers agree with Krippendorff's α {found.alpha:.2f} on {count(found.images, 'picture', 'pictures')}."
