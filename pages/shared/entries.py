"""Which evaluation, and which runs on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry
from emotion_core.compare.order import most_useful_first
from emotion_core.results.find import DEFAULT_RUN
from pages.shared.address import BASELINE, BENCHMARK, EXPERIMENT, RUN, ask_option, ask_second, kept


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
    """One or two evaluations on the same images.

    Args:
        where: three columns.
        entries: measured ones, at least one.
        able: whether an entry can say what the page is about; those come first.
        words: help texts.
        second_able: which runs can stand beside the first; all by default.
        on_change: called when one is chosen.
    """
    ordered = most_useful_first(entries, able, DEFAULT_RUN)
    evaluation = ask_option(
        where[0],
        "Benchmark",
        list(dict.fromkeys(entry.evaluation for entry in ordered)),
        BENCHMARK,
        recall=any(able(entry) for entry in entries if entry.evaluation == kept(BENCHMARK)),
        on_change=on_change,
        help=words.evaluation,
    )
    mine = {entry.name: entry for entry in ordered if entry.evaluation == evaluation}
    known = [entry.run for entry in mine.values() if entry.run is not None]
    usual = next((run.name for run in known if run.experiment == kept(EXPERIMENT)), None)
    first = ask_option(where[1], "Run", list(mine), RUN, usual=usual, on_change=on_change, help=words.first)
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
    return tuple(mine[name] for name in (first, second) if name is not None)
