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


def describe_runs(runs: Sequence[Run]) -> str:
    """How well and how fast each run reads faces, and why the first is the default, as far as its figures say."""
    lines = ["Trained networks. Several read each face side by side.", ""]
    for run in runs:
        facts = _facts(run)
        lines.append(f"- **{escape(run.name)}**{': ' if facts else ''}{', '.join(facts)}")
    dataset = _judged_on(runs[0]) if runs else None
    if runs and runs[0].name == DEFAULT_RUN and dataset is not None and _on_the_front(runs, dataset):
        lines += ["", f"The first is the default: no other here is as accurate on {escape(dataset)} in its time."]
    return "\n".join(lines)


def _judged_on(run: Run) -> str | None:
    """The dataset whose test images the run's accuracy holds for."""
    for metrics in run.evaluations.values():
        if metrics.get("split") == "test" and _accuracy(run, metrics["dataset"]) is not None:
            return str(metrics["dataset"])
    return None


def _accuracy(run: Run, dataset: str) -> float | None:
    value = run.evaluations.get(f"{dataset}-test", {}).get("measures", {}).get("accuracy", {}).get("value")
    return None if value is None else float(value)


def _milliseconds(run: Run) -> float | None:
    value = run.info.timings.get("ms_per_face")
    return None if value is None else float(value)


def _facts(run: Run) -> list[str]:
    facts = []
    if (dataset := _judged_on(run)) is not None:
        facts.append(f"accuracy {_accuracy(run, dataset):.3f} on {escape(dataset)}")
    if (time := _milliseconds(run)) is not None:
        facts.append(f"{time:.1f} ms a face on {escape(str(run.info.timings.get('measured_on', 'one machine')))}")
    return facts


def _on_the_front(runs: Sequence[Run], dataset: str) -> bool:
    """Whether no other run is at least as accurate in at most the time of the first."""
    first, *others = [(_accuracy(run, dataset), _milliseconds(run)) for run in runs]
    if first[0] is None or first[1] is None:
        return False
    known = [(accuracy, time) for accuracy, time in others if accuracy is not None and time is not None]
    return all(accuracy < first[0] or time > first[1] for accuracy, time in known)


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
