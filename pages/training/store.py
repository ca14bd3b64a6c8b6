"""Runs and how their trainings went: read again only where a file has changed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from emotion_core.errors import CheckpointError
from emotion_core.results.course import Course, make_course
from emotion_core.results.find import DEFAULT_RUN, find_named
from emotion_core.results.progress import State, TrainingProgress, read_progress, training_state
from emotion_core.results.run import Run, read_history, read_run

SIGNS: dict[State, str] = {"running": "●", "finished": "✓", "interrupted": "‖"}

Stamp = tuple[str, int, int]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A run as it is now.

    Attributes:
        run: its folder.
        state: whether it still trains.
        progress: how far it is; ``None`` unless it trains or was killed.
        course: its epochs.
        stamp: path, time and size of the history that ``course`` was read from.
    """

    run: Run
    state: State
    progress: TrainingProgress | None
    course: Course
    stamp: Stamp


def rank_runs(runs: Sequence[Run]) -> dict[str, State]:
    """Runs with their states: those that train, those that finished last, those that were interrupted."""
    now = time.time()
    order = {"running": 0, "finished": 1, "interrupted": 2}
    states = {run.name: training_state(run, now) for run in runs}

    def place(run: Run) -> tuple[int, float, bool, str]:
        # Runs that came with one checkout have one age; of those the default one comes first.
        return order[states[run.name]], -(_modified(run) // 60), run.name != DEFAULT_RUN, run.name

    return {run.name: states[run.name] for run in sorted(runs, key=place)}


def watch(path: Path) -> Watched:
    """Read a run as it is now.

    Raises:
        CheckpointError: it is damaged or gone.
    """
    run = read_run(path)
    state = training_state(run, time.time())
    progress = None if state == "finished" else read_progress(path)
    stamp = _stamp(path / "history.jsonl")
    try:
        history = _history(*stamp)
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, CheckpointError):
            raise
        raise CheckpointError(f"'{stamp[0]}' cannot be read ({error}). Restore it, or train the run again.") from error
    info = run.info
    course = make_course(run.name, info.backbone, history, training=info.training, selection=info.selection, state=state)
    return Watched(run=run, state=state, progress=progress, course=course, stamp=stamp)


def count_epochs(path: Path) -> int:
    """How many epochs a training has in all; 0 where that cannot be read."""
    try:
        return watch(path).course.total
    except CheckpointError:
        return 0


def parts_of(run: Run) -> list[Watched]:
    """The runs that one is the mean of, as far as they lie beside it and can be read."""
    parts = []
    for name in run.info.averaged or run.info.members:
        try:
            if (part := find_named(name, beside=run)) is not None:
                parts.append(watch(part.path))
        except CheckpointError:
            # Its own page says why.
            continue
    return parts


def training_of(part: Watched) -> Watched:
    """What shows how a part of a mean has trained: itself, or of a part that is a mean too, the first of its own."""
    if len(part.course.table):
        return part
    return next((inner for inner in parts_of(part.run) if len(inner.course.table)), part)


def seconds_since_epoch(run: Run) -> float:
    """How long ago the last epoch ended, or training began."""
    return max(0.0, time.time() - _modified(run))


def _modified(run: Run) -> float:
    """When training last left a trace, seconds since 1970."""
    times = [_stamp(run.path / name)[1] for name in ("history.jsonl", "run.json")]
    return (times[0] or times[1]) / 1e9


def _stamp(path: Path) -> Stamp:
    try:
        status = path.stat()
        return str(path), status.st_mtime_ns, status.st_size
    except OSError:
        return str(path), 0, 0


# Shared between visitors and never changed.
@st.cache_resource(show_spinner=False, max_entries=64)
def _history(path: str, modified: int, size: int) -> list[dict[str, Any]]:
    return read_history(Path(path).parent)
