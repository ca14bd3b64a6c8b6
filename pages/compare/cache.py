"""What the Compare page has read and computed, kept for all visitors until a file of it changes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from emotion_core.compare import Comparison, Entry, compare
from emotion_core.compare.answers import EXPRESSION_NEEDS, coverage_curve, expression_answers
from emotion_core.compare.trainings import trainings_of
from emotion_core.errors import EmotionCoreError
from emotion_core.results.run import read_history
from emotion_core.results.summaries import FILE, load_summary
from pages.shared.words import count


@st.cache_resource(show_spinner=False, max_entries=32)
def _compare(
    signature: str, names: tuple[object, ...], measures: tuple[str, ...], baseline: str | None, margin: float, _entries: Any
) -> Comparison:
    return compare(_entries, measures, baseline=baseline, margin=margin)


def compare_cached(
    entries: Sequence[Entry], measures: tuple[str, ...], baseline: str | None, margin: float, signature: str
) -> Comparison:
    """The comparison of these entries. The first one of an evaluation resamples its images and says how far it is."""
    _resample([entry for entry in entries if entry.run is not None and entry.subset is None], measures)
    names = tuple((entry.name, entry.source, hash((entry.subset, entry.between))) for entry in entries)
    return _compare(signature, names, measures, baseline, margin, list(entries))


def _resample(entries: Sequence[Entry], measures: tuple[str, ...]) -> None:
    folders = {entry.run.evaluation(entry.evaluation).folder: entry for entry in entries if entry.run is not None}
    tried: set[Path] = st.session_state.setdefault("resampled", set())
    todo = {folder: entry for folder, entry in folders.items() if folder not in tried and not (folder / FILE).is_file()}
    if not todo:
        return
    bar, started = st.progress(0.0, text=f"Resampling {count(len(todo), 'evaluation', 'evaluations')} …"), time.monotonic()
    for done, (folder, entry) in enumerate(todo.items(), start=1):
        # What goes wrong here the comparison says, beside the entry.
        with contextlib.suppress(EmotionCoreError):
            load_summary(entry.run, entry.evaluation, measures)  # type: ignore[arg-type]
        tried.add(folder)
        left = (time.monotonic() - started) / done * (len(todo) - done)
        bar.progress(done / len(todo), text=f"{done} of {len(todo)} evaluations resampled, about {left:.0f} s left")
    bar.empty()


@st.cache_resource(show_spinner=False, max_entries=64)
def _compare_one(_entries: Any, key: tuple[object, ...], measure: str, baseline: str | None, margin: float) -> Comparison:
    return compare(_entries, (measure,), baseline=baseline, margin=margin)


def compare_measure(comparison: Comparison, measure: str) -> Comparison:
    """The same entries, compared in one other measure."""
    entries = [*comparison.entries, *(entry for entry, _ in comparison.apart)]
    key = tuple((entry.name, entry.source, hash(entry.subset), _stamp(entry)) for entry in entries)
    return _compare_one(entries, key, measure, comparison.baseline, comparison.margin)


def _stamp(entry: Entry) -> tuple[int, int] | None:
    try:
        return None if entry.run is None else entry.run.evaluation(entry.evaluation).stamp()
    except EmotionCoreError:  # the comparison says it, beside the entry
        return None


@st.cache_data(show_spinner=False, max_entries=512)
def _answers(
    path: str, evaluation: str, stamp: tuple[int, int], subset: int | None, _entry: Any
) -> tuple[Any, pd.DataFrame] | None:
    return expression_answers(_entry.predictions(EXPRESSION_NEEDS))


@st.cache_data(show_spinner=False, max_entries=512)
def _coverage(path: str, evaluation: str, stamp: tuple[int, int], subset: int | None, _entry: Any) -> pd.DataFrame | None:
    return coverage_curve(_entry.predictions(EXPRESSION_NEEDS))


def answers_of(entries: Sequence[Entry]) -> dict[str, tuple[Any, pd.DataFrame]]:
    """Confusion counts and reliability by run; runs that predict no expression, or cannot be read, are left out."""
    return _by_run(entries, _answers)


def coverage_of(entries: Sequence[Entry]) -> dict[str, pd.DataFrame]:
    """Accuracy by coverage and run, likewise."""
    return _by_run(entries, _coverage)


def _by_run(entries: Sequence[Entry], ask: Callable[..., Any]) -> dict[str, Any]:
    found = {}
    for entry in entries:
        if entry.run is None:
            continue
        stored = entry.run.evaluation(entry.evaluation)
        try:
            subset = None if entry.subset is None else hash((entry.subset, entry.between))
            answer = ask(str(stored.folder), entry.evaluation, stored.stamp(), subset, entry)
        except (EmotionCoreError, OSError, ValueError):
            continue
        if answer is not None:
            found[entry.name] = answer
    return found


@st.cache_data(show_spinner=False, max_entries=256)
def _history(path: str, modified: int, size: int) -> list[dict[str, Any]]:
    return read_history(Path(path))


def histories_of(entries: Sequence[Entry]) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Epochs by run and training; runs without a readable history are left out."""
    found: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for entry in entries:
        for training in trainings_of(entry.run) if entry.run is not None else ():
            try:
                status = (training.path / "history.jsonl").stat()
                history = _history(str(training.path), status.st_mtime_ns, status.st_size)
            except (EmotionCoreError, OSError, ValueError):
                continue
            if history:
                found.setdefault(entry.name, {})[training.name] = history
    return found
