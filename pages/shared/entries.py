"""Which evaluation, and which runs on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry
from emotion_core.compare.order import most_useful_first
from emotion_core.results.find import DEFAULT_RUN
from pages.shared.address import BASELINE, BENCHMARK, EXPERIMENT, RUN, ask_option, ask_second, keep, kept
from pages.shared.pictures import at_hand

DRAWN = "schematic"
"""The dataset that is drawn, and needs no folder."""

OWN = "These faces are drawn: none of the other datasets is at hand. See what a network gets wrong on pictures of your own:"
"""What is said where nothing else can be shown."""

_MEANT = "benchmark-meant"
"""What was last chosen here by hand: such a choice is followed whether or not its pictures are at hand."""


@dataclass(frozen=True, kw_only=True)
class EntryHelp:
    """What is shown on hover over each control."""

    evaluation: str
    first: str
    second: str


def ask_entries(
    where: Sequence[DeltaGenerator],
    entries: Sequence[Entry],
    able: Callable[[Entry], bool],
    words: EntryHelp,
    *,
    second_able: Callable[[Entry], bool] | None = None,
    on_change: Callable[[], None] | None = None,
) -> tuple[Entry, ...]:
    """One or two evaluations on the same images: at first on those whose pictures are at hand.

    Args:
        where: three columns, or two where nothing is asked about a second run.
        entries: measured ones, at least one.
        able: whether an entry can say what the page is about; those come first.
        words: help texts.
        second_able: which runs can stand beside the first; all by default.
        on_change: called when one is chosen.
    """
    ordered = most_useful_first(entries, able, DEFAULT_RUN)
    datasets = {entry.evaluation: entry.dataset for entry in ordered}
    seen = next((entry.evaluation for entry in ordered if able(entry) and at_hand(entry.dataset)), None)
    before = kept(BENCHMARK)
    looked_for = before in datasets and (before == kept(_MEANT) or seen is None or at_hand(datasets[before]))

    def chosen() -> None:
        keep(_MEANT, st.session_state[f"address-{BENCHMARK}"])
        if on_change is not None:
            on_change()

    evaluation = ask_option(
        where[0],
        "Benchmark",
        list(datasets),
        BENCHMARK,
        usual=seen,
        recall=looked_for and any(able(entry) for entry in entries if entry.evaluation == before),
        on_change=chosen,
        help=words.evaluation,
    )
    mine = {entry.name: entry for entry in ordered if entry.evaluation == evaluation}
    known = [entry.run for entry in mine.values() if entry.run is not None]
    usual = next((run.name for run in known if run.experiment == kept(EXPERIMENT)), None)
    first = ask_option(where[1], "Run", list(mine), RUN, usual=usual, on_change=on_change, help=words.first)
    if len(where) < 3:
        return (mine[first],)
    others = [name for name in mine if name != first and (second_able is None or second_able(mine[name]))]
    second = ask_second(
        where[2],
        "Second run",
        others,
        BASELINE,
        what="second run",
        on_change=on_change,
        placeholder="none" if others else "no other run",
        disabled=not others,
        help=words.second,
    )
    if datasets[evaluation] == DRAWN and not any(at_hand(name) for name in set(datasets.values()) - {DRAWN}):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            st.caption(OWN, width="content")
            st.page_link("pages/pictures/page.py", label="Bring your own pictures", icon=":material/add_photo_alternate:")
    return tuple(mine[name] for name in (first, second) if name is not None)
