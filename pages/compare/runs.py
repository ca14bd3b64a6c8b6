"""Which runs the table lists, and which of them are ticked, so compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry, can_share, on_shared_images
from emotion_core.compare.order import best_first, grouped, search_entries
from emotion_core.errors import CheckpointError
from pages.compare.cache import fits, rank
from pages.compare.controls import ALL, Asked, Settings
from pages.shared.address import RUN, asked, keep, kept, say, say_unknown
from pages.shared.sentence import sentence
from pages.shared.words import count

AT_FIRST = 30
"""So many runs are ticked when nobody has chosen any: the best ones."""

MOST = 100
"""More runs at once make more than 4,950 pairs, which nobody reads."""

PAGE = 200
"""Rows of a page of the table."""

Names = list[str]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """Rows of the table.

    Attributes:
        rows: in their order; those that are ticked and would not be listed stand first.
        ticked: those that are compared, the best first.
        beside: measured on other images or otherwise, so that nothing can be tested.
        other_seeds: what only repeats a listed run with another seed, and is not listed.
        group: what the rows are grouped by.
        shared: what the ticked runs are compared on, where these are fewer images or expressions than a run was measured on.
        key: of the table: another one where other rows stand in it.
    """

    rows: tuple[Entry, ...]
    ticked: tuple[Entry, ...]
    beside: tuple[Entry, ...]
    other_seeds: tuple[Entry, ...]
    group: str | None
    key: str
    shared: str = ""

    @property
    def places(self) -> list[int]:
        """Of the ticked rows."""
        names = {entry.name for entry in self.ticked}
        return [place for place, entry in enumerate(self.rows) if entry.name in names]


def list_rows(what: Asked, settings: Settings, where: DeltaGenerator, signature: str) -> Listed:
    """What the controls list, and what is ticked in it: by a visitor, by the address, or the best ones when nobody chose.

    Args:
        what: the row of controls.
        settings: those that open on demand.
        where: the switch between pages of a long list is drawn.
        signature: of the store.
    """
    first = what.measures[0] if what.measures else None
    ranked = rank(signature, _place(what), first, settings.all_trainings, _named(what), what.listed)
    known = {entry.name: entry for entry in what.measured}
    chosen = [known[name] for name in _ticked(what, known, _usual(what, ranked.fair))]
    fit, shared = _share([entry for entry in chosen if fits(ranked.anchor, entry)])
    ticked = best_first(fit, first)
    found = [] if settings.only_ticked else grouped(search_entries(ranked.fitting, what.search), what.group)
    if what.search and not found and not settings.only_ticked:
        where.caption("No run holds all of these words.")
    pages = -(-len(found) // PAGE)
    with where:
        page = st.pagination(pages, key=f"rows-{pages}") if pages > 1 else 1
    frame = (*_place(what), what.search, what.group, first, page, settings.only_ticked, settings.all_trainings)
    rows = _with_pinned(ticked, found[(page - 1) * PAGE : page * PAGE], known, frame)
    judged = {entry.name: entry for entry in ticked}
    rows = [judged.get(entry.name, entry) for entry in rows]
    inside = {entry.name for entry in ranked.fitting}
    unfair = {entry.name: entry for entry in ranked.mine if entry.name not in inside}
    unfair |= {entry.name: entry for entry in chosen if not fits(ranked.anchor, entry)}
    names = "\n".join(entry.name for entry in rows)
    shown = Listed(
        rows=tuple(rows),
        ticked=tuple(ticked[:MOST]),
        beside=tuple(unfair.values())[:PAGE],
        other_seeds=() if settings.all_trainings else ranked.repeats,
        group=what.group,
        key=f"runs-{hashlib.md5(names.encode(), usedforsecurity=False).hexdigest()}",
        shared=shared,
    )
    if len(ticked) > MOST:
        where.info(f"{count(len(ticked), 'run is', 'runs are')} ticked; the best {MOST} are compared.")
    keep("table", (shown.key, [entry.name for entry in rows], {entry.name for entry in ticked}))
    return shown


def _share(chosen: Sequence[Entry]) -> tuple[list[Entry], str]:
    """The chosen runs on the images that all of them can answer, and what these are, in words."""
    with st.spinner("Resampling the images that all can answer …"):
        try:
            return on_shared_images(chosen)
        except CheckpointError as error:
            st.error(sentence(error))
            return [entry for entry in chosen if not can_share(chosen[0], entry)], ""


def _usual(what: Asked, fair: Sequence[Entry]) -> Names:
    """What is ticked when nobody chose: the runs that an experiment names in its order, or all of them."""
    named = _named(what)
    names = [entry.name for entry in fair]
    return ([name for name in names if name in named] or names)[:AT_FIRST]


def _named(what: Asked) -> tuple[str, ...]:
    return what.experiment.order if what.experiment is not None else ()


def _place(what: Asked) -> tuple[str, str]:
    return what.experiment.name if what.experiment else ALL, what.evaluation


def _ticked(what: Asked, known: Mapping[str, Entry], usual: Names) -> Names:
    """Names of the runs that are compared; keeps what was chosen, and writes it into the address."""
    chosen: Names | None = kept("ticked")
    before = kept("place")
    keep("place", _place(what))
    if (clicked := _clicked()) is not None:
        chosen = clicked
    if before is not None and before[0] != _place(what)[0] != ALL:
        # Whoever opens an experiment wants to see its runs.
        chosen = None
    if (wanted := asked(RUN)) is not None:
        strange = [name for name in wanted if name not in known]
        chosen = [name for name in dict.fromkeys(wanted) if name in known] or None
        if strange:
            instead = "the others are compared" if chosen else "those of the list are compared"
            say_unknown(f"run on {what.evaluation} called", strange, instead)
    if chosen:
        chosen = [name for name in chosen if name in known] or None
    if chosen is not None and set(chosen) == set(usual):
        chosen = None
    keep("ticked", chosen)
    say(RUN, chosen or [])
    return usual if chosen is None else chosen


def _clicked() -> Names | None:
    """What is ticked in the table as it was drawn last; ``None`` where nobody has touched it since."""
    key, rows, ticked = kept("table") or ("", [], set())
    if not key or key not in st.session_state:
        return None
    places = st.session_state[key]["selection"]["rows"]
    names = [rows[place] for place in places if place < len(rows)]
    return None if set(names) == ticked else names


def _with_pinned(
    ticked: Sequence[Entry], found: Sequence[Entry], known: Mapping[str, Entry], frame: tuple[object, ...]
) -> list[Entry]:
    """Rows with the ticked ones that are not among them on top; where only ticks have changed, no row moves."""
    before, pinned = kept("frame") or (None, [])
    there = {entry.name for entry in found}
    names = [entry.name for entry in ticked if entry.name not in there]
    if before == frame:
        stay = [name for name in pinned if name in known and name not in there]
        names = [*stay, *(name for name in names if name not in stay)]
    keep("frame", (frame, names))
    return [*(known[name] for name in names), *found]
