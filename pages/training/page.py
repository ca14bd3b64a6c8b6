"""How did (does) a run train?"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from emotion_core.errors import CheckpointError
from emotion_core.results.find import list_runs
from emotion_core.results.progress import State
from emotion_core.results.run import DamagedRun, Run
from pages.shared.runs import show_damaged, show_no_runs
from pages.shared.sentence import sentence
from pages.training.controls import ask_controls
from pages.training.headline import show_headline
from pages.training.store import count_epochs, rank_runs, watch
from pages.training.views import show_curves, show_log, show_settings

EVERY = "2s"
"""How often a training that runs is looked at."""


def show_training(paths: tuple[Path, ...], states: tuple[State, ...], window: tuple[int, int] | None) -> None:
    """One run, others laid over it.

    Args:
        paths: run folders, at least one.
        states: of these runs when they were chosen from.
        window: first and last epoch that are drawn; all when ``None``.
    """
    try:
        watched = [watch(path) for path in paths]
    except CheckpointError as error:
        st.error(sentence(error))
        return
    if tuple(entry.state for entry in watched) != states:
        # A training came to its end: the list of runs has another sign, and nothing may be left to be looked at again.
        st.rerun()
    show_headline(watched[0])
    show_curves(watched, window)
    show_settings(watched)
    show_log(watched[0])


def main() -> None:
    """Ask, call, show."""
    st.title("How did a run train?")
    found = list_runs()
    runs = {run.name: run for run in found if isinstance(run, Run)}
    damaged = [run for run in found if isinstance(run, DamagedRun)]
    if damaged:
        show_damaged(damaged)
    if not runs:
        show_no_runs()
        return
    states = rank_runs(list(runs.values()))
    shown = ask_controls(states, lambda names: max(count_epochs(runs[name].path) for name in names))
    chosen = tuple(states[name] for name in shown.names)
    # A finished training does not change, so nothing is asked for again.
    follow = st.fragment(show_training, run_every=EVERY if "running" in chosen else None)
    follow(tuple(runs[name].path for name in shown.names), chosen, shown.window)


main()
