"""The row of controls above a training. All of it is part of the page's address."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from emotion_core.results.progress import State
from pages.shared.address import RUN, keep, kept, say_unknown
from pages.training.store import SIGNS

SHOWN = "training-run"
"""Where the session keeps what the address said last."""

OTHERS = 2
"""So many curves can be laid over one without hiding it."""

FEW = 6
"""Fewer epochs need no closer look."""


@dataclass(frozen=True, kw_only=True)
class TrainingChoice:
    """What was chosen.

    Attributes:
        names: the run, and those to lay over it.
        window: first and last epoch to draw; ``None`` for all.
    """

    names: tuple[str, ...]
    window: tuple[int, int] | None


def ask_controls(states: Mapping[str, State], count_epochs: Callable[[Sequence[str]], int]) -> TrainingChoice:
    """One row; several on a narrow screen.

    Args:
        states: state by run, at least one; the first is shown when nobody asks.
        count_epochs: how many epochs the longest of some runs has.
    """
    names = list(states)
    key = _follow_address(states)
    columns = st.columns([3, 4, 3], vertical_alignment="bottom", gap="medium")
    with columns[0]:
        chosen = st.selectbox(
            "Run",
            names,
            key=key,
            format_func=lambda name: f"{SIGNS[states[name]]} {name}",
            help="● trains now, ✓ finished, ‖ interrupted.",
        )
    # What a bound selectbox would write is a label, with a sign that changes.
    st.query_params[RUN] = st.session_state[SHOWN] = chosen
    keep(RUN, chosen)
    others: list[str] = []
    if len(names) > 1:
        with columns[1]:
            others = st.multiselect(
                "Compare with",
                [name for name in names if name != chosen],
                key="with",
                bind="query-params",
                max_selections=OTHERS,
                placeholder="up to two other runs",
            )
    with columns[2]:
        window = _ask_window(count_epochs([chosen, *others]))
    return TrainingChoice(names=(chosen, *others), window=window)


def _ask_window(total: int) -> tuple[int, int] | None:
    # Streamlit draws a changed figure anew, so a closer look by the mouse would end with every epoch of a training that runs.
    if total < FEW:
        return None
    if st.session_state.get("training-total", total) != total:
        # Runs differ in length, and epochs that were left out of one are no wish for another.
        st.session_state["epochs"] = (1, total)
    st.session_state["training-total"] = total
    first, last = st.slider(
        "Epochs", 1, total, (1, total), key="epochs", bind="query-params", help="Look closer at some of the epochs."
    )
    # An address may have them the wrong way round.
    return None if (first, last) == (1, total) else (min(first, last), max(first, last))


def _follow_address(states: Mapping[str, State]) -> str:
    """Key of the list of runs, which stands at the one that the address asks for."""
    # The browser keeps the label of what was chosen: a list whose signs have changed has to be another one.
    key = "training-" + " ".join(f"{SIGNS[state]}{name}" for name, state in states.items())
    asked = st.query_params.get(RUN)
    if asked in states and (key not in st.session_state or asked != st.session_state.get(SHOWN)):
        st.session_state[key] = asked
    elif asked is not None and asked not in states and asked != st.session_state.get(SHOWN):
        say_unknown("run with a training", [asked], f"“{next(iter(states))}” is shown")
    elif asked is None and key not in st.session_state and kept(RUN) in states:
        st.session_state[key] = kept(RUN)
    return key
