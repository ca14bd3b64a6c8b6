"""Which runs there are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st

from emotion_core.results.run import DEFAULT_RUN, DamagedRun, Run, checkpoints_folder, list_runs
from pages.shared.words import escape


def runs_with_weights() -> dict[str, Run]:
    """Runs that can predict, by name, the default one first. Says which folders cannot be read."""
    found = list_runs()
    damaged = [run for run in found if isinstance(run, DamagedRun)]
    if damaged:
        show_damaged(damaged)
    usable = [run for run in found if isinstance(run, Run) and run.has_weights]
    return {run.name: run for run in sorted(usable, key=lambda run: (run.name != DEFAULT_RUN, run.name))}


@dataclass(frozen=True)
class _Figures:
    """What is known of a run; files of other versions may lack anything."""

    dataset: str = ""
    fingerprint: str = ""
    accuracy: float | None = None
    mirrored: bool = False
    milliseconds: float | None = None
    measured_on: str = ""

    def comparable(self, other: _Figures) -> bool:
        """Whether both have an accuracy on the same images and a time on the same machine."""
        same = (self.fingerprint, self.measured_on) == (other.fingerprint, other.measured_on)
        return same and None not in (self.accuracy, self.milliseconds, other.accuracy, other.milliseconds)


def describe_runs(runs: Sequence[Run]) -> str:
    """How well and how fast each run reads faces, and why the first is the default, as far as its figures say."""
    lines = ["Trained networks. Several read each face side by side.", ""]
    known = [_figures(run) for run in runs]
    for run, figures in zip(runs, known, strict=True):
        facts = []
        if figures.accuracy is not None:
            both = " with mirror images" if figures.mirrored else ""
            facts.append(f"accuracy {figures.accuracy:.3f} on {escape(figures.dataset)}{both}")
        if figures.milliseconds is not None:
            facts.append(f"{figures.milliseconds:.1f} ms a face on {escape(figures.measured_on)}")
        lines.append(f"- **{escape(run.name)}**{': ' if facts else ''}{', '.join(facts)}")
    if runs and runs[0].name == DEFAULT_RUN and _none_is_better(known[0], known[1:]):
        images = f"{escape(known[0].dataset)} and timed on the same machine"
        lines += ["", f"The first is the default: of those measured on {images}, none is as accurate in its time."]
    return "\n".join(lines)


def _none_is_better(first: _Figures, others: Sequence[_Figures]) -> bool:
    rivals = [other for other in others if first.comparable(other)]
    return bool(rivals) and not any(
        (other.accuracy or 0) >= (first.accuracy or 0) and (other.milliseconds or 0) <= (first.milliseconds or 0)
        for other in rivals
    )


def _figures(run: Run) -> _Figures:
    """The first accuracy on test images, and the time a face takes."""
    timings = run.info.timings
    found = _Figures(
        milliseconds=_number(timings.get("ms_per_face")), measured_on=str(timings.get("measured_on", "an unnamed machine"))
    )
    for metrics in run.evaluations.values():
        measures = metrics.get("measures") if metrics.get("split") == "test" else None
        accuracy = measures.get("accuracy") if isinstance(measures, Mapping) else None
        value = _number(accuracy.get("value")) if isinstance(accuracy, Mapping) else None
        if value is not None:
            dataset, fingerprint = (str(metrics.get(key, "")) for key in ("dataset", "fingerprint"))
            mirrored = bool(metrics.get("flip"))
            return replace(found, dataset=dataset, fingerprint=fingerprint, accuracy=value, mirrored=mirrored)
    return found


def _number(value: object) -> float | None:
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else None  # type: ignore[arg-type]


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
