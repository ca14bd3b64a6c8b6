"""What there is to compare: read once, and again when a file of it has changed."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from emotion_core.compare import Comparison, Entry, Store, compare, load_store
from emotion_core.errors import EmotionCoreError
from emotion_core.figures.compare_tables import EXPRESSION_NEEDS, expression_answers
from emotion_core.results.run import checkpoints_folder, list_runs, read_history
from emotion_core.results.summaries import FILE, load_summary, read_predictions
from pages.shared.words import count

Signature = tuple[tuple[str, int, int], ...]


def store_signature(folder: Path) -> Signature:
    """Name, time and size of every file that describes a run or its measures; nothing is opened."""
    found = []
    for run in sorted(folder.iterdir()) if folder.is_dir() else []:
        for path in (run / "run.json", *sorted(run.glob("evaluations/*/metrics.json"))):
            try:
                status = path.stat()
                found.append((str(path), status.st_mtime_ns, status.st_size))
            except OSError:
                found.append((str(path), 0, 0))
    return tuple(found)


# What is kept is frozen, so it is shared between visitors instead of being copied for each.
@st.cache_resource(show_spinner=False, max_entries=4)
def _load(folder: str, signature: Signature) -> Store:
    return load_store(Path(folder))


def read_store() -> tuple[Store, Signature]:
    """Every evaluation in the usual folder, and what it was read from."""
    folder = checkpoints_folder()
    signature = store_signature(folder)
    return _load(str(folder), signature), signature


@st.cache_resource(show_spinner=False, max_entries=32)
def _compare(
    signature: Signature, names: tuple[object, ...], measures: tuple[str, ...], baseline: str | None, _entries: Any
) -> Comparison:
    return compare(_entries, measures, baseline=baseline)


def compare_cached(
    entries: Sequence[Entry], measures: tuple[str, ...], baseline: str | None, signature: Signature
) -> Comparison:
    """The comparison of these entries. The first one of an evaluation resamples its images and says how far it is."""
    _resample([entry for entry in entries if entry.run is not None and entry.part is None])
    names = tuple((entry.name, entry.source, hash(entry.part)) for entry in entries)
    return _compare(signature, names, measures, baseline, list(entries))


def _resample(entries: Sequence[Entry]) -> None:
    folders = {entry.run.path / "evaluations" / entry.evaluation: entry for entry in entries if entry.run is not None}
    tried: set[Path] = st.session_state.setdefault("resampled", set())
    todo = {
        folder: entry
        for folder, entry in folders.items()
        if folder not in tried and not (folder / FILE).is_file() and (folder / "predictions.parquet").is_file()
    }
    if not todo:
        return
    bar, started = st.progress(0.0, text=f"Resampling {count(len(todo), 'evaluation', 'evaluations')} …"), time.monotonic()
    for done, (folder, entry) in enumerate(todo.items(), start=1):
        # What goes wrong here the comparison says, beside the entry.
        with contextlib.suppress(EmotionCoreError):
            load_summary(entry.run, entry.evaluation)  # type: ignore[arg-type]
        tried.add(folder)
        left = (time.monotonic() - started) / done * (len(todo) - done)
        bar.progress(done / len(todo), text=f"{done} of {len(todo)} evaluations resampled, about {left:.0f} s left")
    bar.empty()


@st.cache_data(show_spinner=False, max_entries=512)
def _answers(path: str, evaluation: str, modified: int, part: int | None, _entry: Any) -> tuple[Any, pd.DataFrame] | None:
    predictions = read_predictions(_entry.run, evaluation, ["sample_id", *EXPRESSION_NEEDS])
    if _entry.part is not None:
        predictions = predictions[predictions["sample_id"].isin(_entry.part)]
    return expression_answers(predictions)


def answers_of(entries: Sequence[Entry]) -> dict[str, tuple[Any, pd.DataFrame]]:
    """Confusion counts and reliability by run; runs that say no expression, or cannot be read, are left out."""
    found = {}
    for entry in entries:
        if entry.run is None:
            continue
        path = entry.run.path / "evaluations" / entry.evaluation / "predictions.parquet"
        try:
            part = None if entry.part is None else hash(entry.part)
            answers = _answers(str(path), entry.evaluation, path.stat().st_mtime_ns, part, entry)
        except (EmotionCoreError, OSError, ValueError):
            continue
        if answers is not None:
            found[entry.name] = answers
    return found


@st.cache_data(show_spinner=False, max_entries=256)
def _history(path: str, modified: int, size: int) -> list[dict[str, Any]]:
    return read_history(Path(path))


def histories_of(entries: Sequence[Entry]) -> dict[str, list[dict[str, Any]]]:
    """Epochs by run; runs without a readable history are left out."""
    found = {}
    for entry in entries:
        if entry.run is None:
            continue
        try:
            status = (entry.run.path / "history.jsonl").stat()
            history = _history(str(entry.run.path), status.st_mtime_ns, status.st_size)
        except (EmotionCoreError, OSError, ValueError):
            continue
        if history:
            found[entry.name] = history
    return found


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
