"""Pictures judged one after another, by keys: the browser holds the next ones, and says in passing what it was told.

The desk of :file:`desk.js` asks one question at a time: which pictures it lacks, and what was said since. A question that is
asked again, because its answer was lost, is not acted on twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec
import numpy as np
import streamlit as st
from msgspec import Meta, Struct

from emotion_core.errors import EmotionCoreError
from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.reviews import LONGEST_NAME, LONGEST_NOTE, Review, ReviewStore
from emotion_core.results.verdicts import VERDICTS
from pages.errors.desk_items import desk_items, said_lines
from pages.errors.heat import HEAT, OFF
from pages.shared.assets import read_beside
from pages.shared.inspected import Inspected, Rows
from pages.shared.pictures import at_hand
from pages.shared.reviews import forget_verdicts, review_store, reviewing_as
from pages.shared.roles import may, reviewer_name

FIRST = 4
"""Pictures that are sent before anybody asks."""

MOST = 16
"""Pictures in one answer."""

_HTML = f"""<div class="desk" role="group" aria-label="One picture after another">
<div class="way"><button type="button" data-do="back">‹ Previous<kbd>←</kbd></button>
<button type="button" data-do="next">Next ›<kbd>→</kbd></button><span class="where"></span>
<span class="state" role="status"></span><label class="map">Heat map <select aria-label="Heat map of"></select></label>
<button type="button" data-do="help" aria-label="Which keys are there?">Keys<kbd>?</kbd></button></div>
<dl class="help" hidden></dl>
<p class="title"></p>
<div class="see"><div class="pictures"></div><div class="bars"></div></div>
<div class="facts"></div>
<div class="verdicts" role="radiogroup" aria-label="Wrong label? Say what you see"></div>
<div class="rights" role="radiogroup" aria-label="Which is right?" hidden></div>
<div class="last"><input class="note" maxlength="{LONGEST_NOTE}" placeholder="Note, may stay empty" aria-label="Note">
<input class="name" maxlength="{LONGEST_NAME}" placeholder="Your name" aria-label="Your name"
title="Stands beside what you say. It is no password: anybody could type it.">
<button type="button" data-do="undo">Undo<kbd>u</kbd></button>
<button type="button" class="main" data-do="save">Save and next<kbd>Space</kbd></button></div>
<p class="words" role="alert"></p><button type="button" data-do="again" hidden>Save again</button>
<div class="said"></div></div>"""


_desk = st.components.v2.component(
    "review_desk",
    html=_HTML,
    css=read_beside(__file__, "buttons.css", "desk.css"),
    js=read_beside(__file__, "common.js", "desk.js"),
)

_Name = Annotated[str, Meta(max_length=LONGEST_NAME)]


class _Said(Struct):
    """A verdict, or one taken back: ``undo`` is the key of a verdict of this visit, or the number of a review."""

    key: Annotated[str, Meta(max_length=80)]
    image: Annotated[str, Meta(max_length=1000)]
    verdict: Annotated[str, Meta(max_length=20)] | None
    expression: Annotated[str, Meta(max_length=20)] | None
    note: Annotated[str, Meta(max_length=LONGEST_NOTE)]
    undo: Annotated[str, Meta(max_length=80)] | int | None


class _Question(Struct):
    """What a desk asks and says at once; anybody may send anything, so it is checked."""

    desk: Annotated[str, Meta(max_length=40)]
    number: Annotated[int, Meta(ge=1)]
    at: Annotated[int, Meta(ge=0)]
    need: Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=MOST)]
    heat: Annotated[str, Meta(max_length=40)]
    reviewer: _Name
    said: Annotated[list[_Said], Meta(max_length=1000)]


@dataclass(frozen=True, kw_only=True)
class Series:
    """Images in the order in which they are judged.

    Attributes:
        inspected: where they come from.
        rows: their positions.
        name: another one where the images or their order are others.
        of: how many there are, in words.
        end: what is said after the last.
        growing: whether more may come.
        blind: whether what others said stays hidden.
    """

    inspected: Inspected
    rows: Rows
    name: str
    of: str
    end: str = "This is the last picture."
    growing: bool = False
    blind: bool = False


@dataclass
class DeskState:
    """What a visit's desk was told, and what it has said."""

    at: int = 0
    series: str = ""
    shown: str = ""
    opening: int = 0
    serial: int = 0
    heat: str = OFF
    asked: tuple[str, int] = ("", 0)
    need: list[int] | None = None
    answer: dict[str, Any] | None = None
    kept: dict[str, int] = field(default_factory=dict)
    """Numbers of reviews by the browser's keys."""


def desk_state() -> DeskState:
    """Of this visit."""
    if "desk-state" not in st.session_state:
        st.session_state["desk-state"] = DeskState(heat=st.query_params.get("overlay", OFF))
    found: DeskState = st.session_state["desk-state"]
    return found


def series_name(ids: list[str]) -> str:
    """Names images in their order."""
    return hashlib.blake2b("\n".join(ids).encode(), digest_size=12).hexdigest()


def show_desk(series: Series, at: int, on_move: Callable[[str], None]) -> None:
    """Draw the desk at an image.

    Args:
        series: what is judged.
        at: position in it.
        on_move: called with the id of the image that the browser has gone on to.
    """
    state, inspected = desk_state(), series.inspected
    sample_id = inspected.ids(series.rows[at : at + 1])[0]
    if (state.series, state.shown) != (series.name, sample_id):
        state.series, state.shown, state.at, state.need = series.name, sample_id, at, None
        state.opening += 1
    state.serial += 1
    reviewer = reviewer_name() if may("review") else ""
    shown = at_hand(inspected.dataset)
    heats = HEAT if shown and any(entry.run is not None and entry.run.has_weights for entry in inspected.entries) else (OFF,)
    if state.heat not in heats:
        state.heat = OFF
    need = list(range(at, at + FIRST)) if state.need is None else state.need
    need = [place for place in need if place < len(series.rows)]
    items = desk_items(inspected, series.rows[need], state.heat, _said(series, need, reviewer))
    _desk(
        data={
            "serial": state.serial,
            "list": series.name,
            "opening": state.opening,
            "at": at,
            "total": len(series.rows),
            "of": series.of,
            "end": series.end,
            "growing": series.growing,
            "dataset": inspected.entries[0].evaluation,
            "reviewer": reviewer,
            "heat": state.heat,
            "heats": list(heats),
            "verdicts": list(VERDICTS),
            "expressions": list(EXPRESSIONS),
            "colours": dict(EXPRESSION_COLOURS),
            "items": {str(place): item for place, item in zip(need, items, strict=True)},
            "answer": state.answer,
        },
        key="desk",
        on_ask_change=lambda: _hear(series, on_move),
    )


def _said(series: Series, need: list[int], reviewer: str) -> dict[str, list[dict[str, Any]]]:
    """What was said about these images; nothing where reviews cannot be reached, which the page has said by then."""
    ids = series.inspected.ids(series.rows[need])
    try:
        history = review_store().histories(series.inspected.dataset, ids)
    except EmotionCoreError:
        return {}
    return said_lines(history[history["reviewer"] == reviewer] if series.blind else history, reviewer)


def _hear(series: Series, on_move: Callable[[str], None]) -> None:
    """Keep what was said, and remember what was asked for."""
    asked: Any = st.session_state["desk"].get("ask")
    try:
        question = msgspec.convert(asked, _Question)
    except msgspec.ValidationError:
        return
    state = desk_state()
    state.need = [place for place in question.need if place < len(series.rows)]
    if question.heat in HEAT and question.heat != state.heat:
        state.heat = question.heat
        st.query_params["overlay"] = question.heat
    if question.at < len(series.rows):
        state.at = question.at
        state.shown = series.inspected.ids(series.rows[question.at : question.at + 1])[0]
        on_move(state.shown)
    if (question.desk, question.number) == state.asked:
        return
    state.asked = (question.desk, question.number)
    failed, reason = _keep(series.inspected, question, state)
    ids = list({said.image for said in question.said})
    places = np.flatnonzero(np.isin(series.inspected.ids(series.rows), ids)).tolist() if ids else []
    state.answer = {
        "desk": question.desk,
        "number": question.number,
        "failed": failed,
        "error": reason,
        "reviewer": str(st.session_state.get("reviewer") or ""),
        "said": {sample_id: [] for sample_id in ids}
        | _said(series, places, str(st.session_state.get("reviewer") or question.reviewer)),
    }


def _keep(inspected: Inspected, question: _Question, state: DeskState) -> tuple[list[str], str | None]:
    """Keep verdicts in the order in which they were given; returns the keys of those that could not be, and why."""
    failed, reason = [], None
    known = inspected.table["sample_id"]
    for said in question.said:
        if not (known == said.image).any():
            continue
        try:
            store = review_store()
            if said.verdict is not None:
                state.kept[said.key] = _add(store, inspected.dataset, said, reviewing_as(question.reviewer))
            elif isinstance(number := state.kept.get(said.undo) if isinstance(said.undo, str) else said.undo, int):
                store.withdraw(number, reviewing_as(question.reviewer))
        except EmotionCoreError as error:
            failed.append(said.key)
            reason = str(error)
    if len(failed) < len(question.said):
        forget_verdicts()
    return failed, reason


def _add(store: ReviewStore, dataset: str, said: _Said, reviewer: str) -> int:
    review = store.add(
        Review(
            dataset=dataset, sample_id=said.image, verdict=said.verdict or "", expression=said.expression, note=said.note,
            reviewer=reviewer,
        )
    )  # fmt: skip
    st.session_state["reviewer"] = review.reviewer
    return int(review.id or 0)
