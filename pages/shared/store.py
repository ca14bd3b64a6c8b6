"""What there is to compare: read once, and again when a file of it has changed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import streamlit as st

from emotion_core.compare import Entry, Store, load_store
from emotion_core.results.find import checkpoints_folders, list_runs, stamp_runs
from pages.shared.command import show_command
from pages.shared.visit import add_visit
from pages.shared.words import count

SLOW = 0.1
"""Looking for changes takes longer only where there are thousands of runs, s."""


# What is kept is frozen, so it is shared between visitors instead of being copied for each.
@st.cache_resource(show_spinner=False, max_entries=4)
def _load(signature: str) -> Store:
    return load_store()


@st.cache_resource(show_spinner=False)
def _looked() -> dict[str, tuple[str, float]]:
    return {}


def _signature() -> str:
    """Names all files that the store is read from, by their times and sizes.

    Where looking takes long, what was seen counts for ten times as long as that took.
    """
    place = "\n".join(str(folder) for folder in checkpoints_folders())
    seen, until = _looked().get(place, ("", 0.0))
    started = time.monotonic()
    if started < until:
        return seen
    seen = hashlib.blake2b(repr(stamp_runs()).encode(), digest_size=16).hexdigest()
    took = time.monotonic() - started
    _looked()[place] = seen, started + 10 * took if took > SLOW else 0.0
    return seen


@st.cache_resource(show_spinner=False, max_entries=4)
def _names(signature: str) -> frozenset[str]:
    return frozenset(run.name for run in list_runs())


def run_names() -> frozenset[str]:
    """Names of all runs, readable or not."""
    return _names(_signature())


def read_store() -> tuple[Store, str]:
    """Every evaluation of every run, those of this visit too, and a name of what it was read from."""
    signature = _signature()
    return add_visit(_load(signature), signature)


def read_entries() -> tuple[Entry, ...]:
    """All evaluations; what cannot be read is said, and what to do where there is none."""
    store, _ = read_store()
    show_problems(store.problems)
    if not store.entries:
        show_nothing()
    return store.entries


def show_problems(problems: Sequence[str]) -> None:
    """One line that opens to a row for each."""
    if problems:
        with st.expander(f"{count(len(problems), 'result', 'results')} cannot be read", icon=":material/warning:"):
            for problem in problems:
                st.text(problem)


def show_nothing() -> None:
    """What to do where nothing was evaluated."""
    names = [run.name for run in list_runs()]
    if names:
        st.info("No run has been evaluated yet. Evaluate one with the command below, then reload this page.")
        show_command(f"python -m emotion_core evaluate {names[0]} --dataset affectnet-3999 --data-root DIR")
    else:
        st.info("There is no run yet. Train one with the command below, evaluate it, then reload this page.")
        show_command("python -m emotion_core train --preset quickstart")
