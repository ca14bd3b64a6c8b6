"""One verdict for many pictures of the gallery: selected in the browser, kept all at once."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import streamlit as st
from msgspec import Meta, Struct

from emotion_core.errors import EmotionCoreError
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.reviews import LONGEST_NAME, Review
from emotion_core.results.verdicts import VERDICTS
from emotion_core.texts import shorten
from pages.shared.assets import read_beside
from pages.shared.pictures import PAGE
from pages.shared.reviews import forget_verdicts, review_store, reviewing_as
from pages.shared.roles import may, reviewer_name
from pages.shared.words import count

_HTML = f"""<div class="select">
<div class="grid" role="listbox" aria-multiselectable="true" aria-label="Pictures to select">
<div class="box" hidden></div></div>
<div class="way"><span class="count" role="status"></span><button type="button" data-do="all">All</button>
<button type="button" data-do="none">None</button></div>
<div class="verdicts" role="radiogroup" aria-label="What are they?"></div>
<div class="rights" role="radiogroup" aria-label="Which is right?" hidden></div>
<div class="last"><input class="name" maxlength="{LONGEST_NAME}" placeholder="Your name" aria-label="Your name"
title="Stands beside what you say. It is no password: anybody could type it.">
<button type="button" class="main" data-do="save">Save for all<kbd aria-hidden="true">Space</kbd></button>
<button type="button" data-do="undo" hidden>Take them back</button></div>
<p class="words" role="alert"></p></div>"""

_select = st.components.v2.component(
    "select_pictures",
    html=_HTML,
    css=read_beside(__file__, "buttons.css", "select.css"),
    js=read_beside(__file__, "common.js", "select.js"),
)

_TONE = re.compile(r":(green|red|orange)\[([^]]*)\]")
_TONES = {"green": "good", "red": "bad", "orange": ""}


class _Bulk(Struct):
    """One verdict for many; anybody may send anything, so it is checked."""

    images: Annotated[list[Annotated[str, Meta(max_length=1000)]], Meta(min_length=1, max_length=PAGE)]
    verdict: Annotated[str, Meta(max_length=20)]
    expression: Annotated[str, Meta(max_length=20)] | None
    reviewer: Annotated[str, Meta(max_length=LONGEST_NAME)]


def show_selection(dataset: str, ids: Sequence[str], contents: Sequence[bytes | None], lines: Sequence[Sequence[str]]) -> None:
    """Pictures that can be selected, and the verdicts.

    Args:
        dataset: name of the dataset.
        ids: of the images.
        contents: their thumbnails, JPEG; ``None`` where one cannot be read: it cannot be judged.
        lines: what stands below each, in Streamlit's colours.
    """
    st.session_state["select-serial"] = serial = st.session_state.get("select-serial", 0) + 1
    error, words = st.session_state.pop("select-said", ("", "Click selects, Shift selects up to there, dragging draws a box."))
    shown = [(name, content, said) for name, content, said in zip(ids, contents, lines, strict=True) if content is not None]
    _select(
        data={
            "serial": serial,
            "items": [
                {"id": name, "short": shorten(name), "src": _url(content), "lines": [_toned(line) for line in said]}
                for name, content, said in shown
            ],
            "verdicts": list(VERDICTS),
            "expressions": list(EXPRESSIONS),
            "reviewer": reviewer_name() if may("review") else "",
            "error": error,
            "words": words,
            "undo": st.session_state.get("select-kept", []),
        },
        key="select",
        on_say_change=lambda: _say(dataset, {name for name, _, _ in shown}),
        on_undo_change=_undo,
        on_open_change=lambda: _open({name for name, _, _ in shown}),
    )


def _toned(line: str) -> tuple[str, str]:
    found = _TONE.fullmatch(line)
    return (line, "") if found is None else (found[2], _TONES[found[1]])


def _url(content: bytes) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(content).decode('ascii')}"


def _said(name: str) -> Any:
    return st.session_state["select"].get(name)


def _say(dataset: str, known: set[str]) -> None:
    """Keep the verdict for all, or for none."""
    try:
        bulk = msgspec.convert(_said("say"), _Bulk)
    except msgspec.ValidationError:
        return
    if not known.issuperset(bulk.images):
        return
    try:
        name = reviewing_as(bulk.reviewer)
        reviews = [
            Review(dataset=dataset, sample_id=sample, verdict=bulk.verdict, expression=bulk.expression, reviewer=name)
            for sample in dict.fromkeys(bulk.images)
        ]
        kept = review_store().add_all(reviews)
    except EmotionCoreError as error:
        st.session_state["select-said"] = (str(error), "")
        return
    st.session_state["reviewer"] = reviews[0].reviewer
    st.session_state["select-kept"] = kept
    st.session_state["select-said"] = ("", f"{count(len(kept), 'picture is', 'pictures are')} marked “{bulk.verdict}”.")
    forget_verdicts()


def _undo() -> None:
    """Take the last verdict on many back."""
    if not _said("undo"):
        return
    kept: list[int] = st.session_state.pop("select-kept", [])
    try:
        for number in kept:
            review_store().withdraw(number, reviewing_as(str(st.session_state.get("reviewer") or "")))
    except EmotionCoreError as error:
        st.session_state["select-said"] = (str(error), "")
        return
    st.session_state["select-said"] = ("", "Taken back.")
    forget_verdicts()


def _open(known: set[str]) -> None:
    name = _said("open")
    if isinstance(name, str) and name in known:
        st.query_params["image"] = name
