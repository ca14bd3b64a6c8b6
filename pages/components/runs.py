"""Which runs there are."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from emotion_core.results.run import DEFAULT_RUN, DamagedRun, Run, checkpoints_folder, list_runs
from pages.components.words import escape


def runs_with_weights() -> dict[str, Run]:
    """Runs that can predict, by name, the default one first. Says which folders cannot be read."""
    found = list_runs()
    damaged = [run for run in found if isinstance(run, DamagedRun)]
    if damaged:
        show_damaged(damaged)
    usable = [run for run in found if isinstance(run, Run) and run.has_weights]
    return {run.name: run for run in sorted(usable, key=lambda run: (run.name != DEFAULT_RUN, run.name))}


def show_damaged(damaged: list[DamagedRun]) -> None:
    """One line that opens to the reasons."""
    folders = "1 run folder" if len(damaged) == 1 else f"{len(damaged)} run folders"
    with st.expander(f"{folders} cannot be read", icon=":material/warning:"):
        for run in damaged:
            st.text(run.reason)


def show_collapsed(runs: Sequence[Run]) -> None:
    """Which of these runs answer the same for every face, by their evaluations."""
    for run in runs:
        reasons = {reason for metrics in run.evaluations.values() for reason in metrics.get("collapse", ())}
        if reasons:
            st.warning(escape(f"{run.name} has collapsed: {'; '.join(sorted(reasons))}."), icon=":material/warning:")


def show_no_runs() -> None:
    """What to do where no run has weights."""
    st.info("There is no trained network yet. Train one with the command below, then reload this page.")
    st.code("python -m emotion_core train", language="bash")
    with st.container(horizontal=True):
        st.caption("Looked in")
        st.text(str(checkpoints_folder()))
