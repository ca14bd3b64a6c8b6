"""Which evaluation, and which runs on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry
from emotion_core.compare.order import most_useful_first
from emotion_core.results.find import DEFAULT_RUN


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
    evaluation = where[0].selectbox(
        "Evaluation",
        list(dict.fromkeys(entry.evaluation for entry in ordered)),
        key="evaluation",
        bind="query-params",
        on_change=on_change,
        help=words.evaluation,
    )
    mine = {entry.name: entry for entry in ordered if entry.evaluation == evaluation}
    first = where[1].selectbox("Run", list(mine), key="a", bind="query-params", on_change=on_change, help=words.first)
    others = [name for name in mine if name != first and (second_able is None or second_able(mine[name]))]
    second = where[2].selectbox(
        "Second run",
        others,
        index=None,
        key="b",
        bind="query-params",
        on_change=on_change,
        placeholder="none" if others else "no other run",
        disabled=not others,
        help=words.second,
    )
    return tuple(mine[name] for name in (first, second) if name is not None)
