"""What the Compare page has read and computed, kept for all visitors until a file of it changes."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from emotion_core.compare import Comparison, Entry, Store, can_share, compare, why_not_comparable
from emotion_core.compare.answers import EXPRESSION_NEEDS, coverage_curve, expression_answers
from emotion_core.compare.order import best_first, best_run, rank_evaluations, split_repeats, without_unnamed
from emotion_core.compare.trainings import trainings_of
from emotion_core.errors import EmotionCoreError
from emotion_core.results.run import read_history
from emotion_core.results.summaries import FILE, load_summary
from pages.shared.words import count


@st.cache_resource(show_spinner=False, max_entries=64)
def by_evaluation(signature: str, experiment: str | None, _store: Store) -> dict[str, tuple[Entry, ...]]:
    """The entries of an experiment, or all there are, by evaluation; the evaluation that says most comes first."""
    mine = [
        entry
        for entry in _store.entries
        if experiment is None or (entry.run is not None and entry.run.experiment == experiment)
    ]
    found: dict[str, list[Entry]] = {name: [] for name in rank_evaluations(mine)}
    for entry in mine:
        found[entry.evaluation].append(entry)
    return {name: tuple(entries) for name, entries in found.items()}


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Entries of one evaluation in the order of a measure.

    Attributes:
        mine: those that are listed, the best first; at least one.
        repeats: those that only repeat one of them with another seed.
        anchor: the best of those that can be compared.
        fair: those that can be compared with it as they are.
        fitting: those that can be, at least on the images that both can answer.
    """

    mine: tuple[Entry, ...]
    repeats: tuple[Entry, ...]
    anchor: Entry
    fair: tuple[Entry, ...]
    fitting: tuple[Entry, ...]


@st.cache_resource(show_spinner=False, max_entries=64)
def rank(
    signature: str,
    place: tuple[str, str],
    measure: str | None,
    all_trainings: bool,
    order: tuple[str, ...],
    _listed: Sequence[Entry],
) -> Ranked:
    """Rank what is listed, which takes a while for thousands of runs and stays the same while one searches among them.

    Args:
        signature: of the store.
        place: experiment and evaluation, which say what is listed.
        measure: that decides.
        all_trainings: whether repeated trainings are listed, and changes to a run that the experiment does not name.
        order: the runs that the experiment names.
        _listed: at least one.
    """
    usual, repeats = split_repeats(_listed)
    usual = without_unnamed(usual, order)
    mine = best_first(_listed if all_trainings else usual, measure)
    leader = best_run(mine, measure)
    anchor = next(entry for entry in mine if entry.name == leader)
    return Ranked(
        mine=tuple(mine),
        repeats=tuple(repeats),
        anchor=anchor,
        fair=tuple(entry for entry in mine if why_not_comparable(anchor, entry) is None),
        fitting=tuple(entry for entry in mine if fits(anchor, entry)),
    )


def fits(anchor: Entry, entry: Entry) -> bool:
    """Whether a run can be ticked: it is comparable as it is, or on the images that both can answer."""
    return why_not_comparable(anchor, entry) is None or can_share(anchor, entry)


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
    return _compare_one(entries_of(comparison), key_of(comparison), measure, comparison.baseline, comparison.margin)


def entries_of(comparison: Comparison) -> list[Entry]:
    """All of them, the comparable ones first."""
    return [*comparison.entries, *(entry for entry, _ in comparison.apart)]


def key_of(comparison: Comparison) -> tuple[object, ...]:
    """What names a comparison, whatever its measures: its entries as they lie on the disk."""
    entries = entries_of(comparison)
    return tuple((entry.name, entry.source, hash((entry.subset, entry.between)), _stamp(entry)) for entry in entries)


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
