"""Networks that can read faces."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from emotion_core.results.find import DEFAULT_RUN, list_runs
from emotion_core.results.run import DamagedRun, Run
from emotion_core.results.standing import none_is_better, standing_of
from pages.shared.runs import show_damaged
from pages.shared.words import escape


def runs_with_weights() -> dict[str, Run]:
    """Runs that can predict, by name, the default one first. Says which folders cannot be read."""
    found = list_runs()
    damaged = [run for run in found if isinstance(run, DamagedRun)]
    if damaged:
        show_damaged(damaged)
    usable = [run for run in found if isinstance(run, Run) and run.has_weights]
    return {run.name: run for run in sorted(usable, key=lambda run: (run.name != DEFAULT_RUN, run.name))}


def describe_runs(runs: Sequence[Run]) -> str:
    """How well and how fast each run reads faces, and why the first is the default, as far as its figures say."""
    lines = ["Trained networks. Several read each face side by side.", ""]
    known = [standing_of(run) for run in runs]
    for run, standing in zip(runs, known, strict=True):
        facts = []
        if standing.accuracy is not None:
            both = " with flip" if standing.mirrored else ""
            facts.append(f"accuracy {standing.accuracy:.3f} on {escape(standing.dataset)}{both}")
        if standing.milliseconds is not None:
            facts.append(f"{standing.milliseconds:.1f} ms a face on {escape(standing.measured_on)}")
        lines.append(f"- **{escape(run.name)}**{': ' if facts else ''}{', '.join(facts)}")
    if runs and runs[0].name == DEFAULT_RUN and none_is_better(known[0], known[1:]):
        images = f"{escape(known[0].dataset)} and timed on the same machine"
        lines += ["", f"The first is the default: of those measured on {images}, none is as accurate in its time."]
    return "\n".join(lines)


def show_collapsed(runs: Sequence[Run]) -> None:
    """Which of these runs answer the same for every face, by their evaluations."""
    for run in runs:
        reasons = {reason for metrics in run.evaluations.values() for reason in metrics.get("collapse", ())}
        if reasons:
            st.warning(escape(f"{run.name} has collapsed: {'; '.join(sorted(reasons))}."), icon=":material/warning:")
