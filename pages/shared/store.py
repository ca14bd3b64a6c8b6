"""What there is to compare: read once, and again when a file of it has changed."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from emotion_core.compare import Store, load_store
from emotion_core.results.find import list_runs, stamp_runs
from pages.shared.words import count

Signature = tuple[tuple[str, int, int], ...]


# What is kept is frozen, so it is shared between visitors instead of being copied for each.
@st.cache_resource(show_spinner=False, max_entries=4)
def _load(signature: Signature) -> Store:
    return load_store()


def read_store() -> tuple[Store, Signature]:
    """Every evaluation of every run, and what it was read from."""
    signature = stamp_runs()
    return _load(signature), signature


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
        st.code(f"python -m emotion_core evaluate {names[0]} --dataset affectnet-3999 --data-root DIR", language="bash")
    else:
        st.info("There is no run yet. Train one with the command below, evaluate it, then reload this page.")
        st.code("python -m emotion_core train --preset quickstart", language="bash")
