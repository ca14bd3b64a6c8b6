"""How far a training is: written by the process that trains, read by any other."""

from __future__ import annotations

import json
import math
import typing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from emotion_core.results.checked import read_bytes
from emotion_core.results.files import strict_json, write_text
from emotion_core.results.run import Run

PROGRESS = "progress.json"
LOG = "train.log"

STALE_SECONDS = 60.0
"""A training says about once a second how far it is; one that is silent for so long was killed."""

TAIL_BYTES = 64 * 1024
"""So much of a log is read, from its end, however large it is."""

State = Literal["running", "finished", "interrupted"]


@dataclass(frozen=True, kw_only=True)
class TrainingProgress:
    """Content of ``progress.json``.

    Attributes:
        pid: process that trains.
        host: machine that it runs on.
        updated: when this was written, seconds since 1970.
        phase: name of the phase.
        phase_index: its place, from 0.
        phases: how many there are.
        epoch: over the whole training, from 1.
        epochs: how many there are in all phases together.
        step: steps done in this epoch.
        steps: how many an epoch has.
        loss: mean over this epoch's steps; ``None`` before the first.
        lr: learning rate of the heads; ``None`` before the first step.
        images_per_second: of the last steps; ``None`` before the first.
        eta_seconds: time left for the whole training; ``None`` while it is not known.
        best: largest score on the validation split so far; ``None`` before the first epoch has ended.
    """

    pid: int
    host: str
    updated: float
    phase: str
    phase_index: int
    phases: int
    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float | None = None
    lr: float | None = None
    images_per_second: float | None = None
    eta_seconds: float | None = None
    best: float | None = None


_HINTS = typing.get_type_hints(TrainingProgress)
_OPTIONAL = frozenset(entry.name for entry in fields(TrainingProgress) if entry.default is None)


def write_progress(path: Path, progress: TrainingProgress) -> None:
    """Write ``progress.json`` into a run folder, whole or not at all; NaN becomes ``null``.

    Raises:
        OSError: it cannot be written.
    """
    values = {key: None if isinstance(value, float) and not math.isfinite(value) else value
              for key, value in asdict(progress).items()}  # fmt: skip
    write_text(path / PROGRESS, strict_json(values, ensure_ascii=False) + "\n")


def read_progress(path: Path) -> TrainingProgress | None:
    """How far the training in a run folder is; ``None`` when it does not say so, or what it says is damaged."""
    file = path / PROGRESS
    try:
        data = json.loads(read_bytes(file, largest=TAIL_BYTES))
        return TrainingProgress(**{name: _value(data, name) for name in _HINTS})
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return None


def _value(data: dict[str, Any], name: str) -> Any:
    """One entry, checked.

    Raises:
        KeyError: it is missing.
        ValueError: it is not of the right type, or not a number of at least 0 where one is needed.
    """
    hint = _HINTS[name]
    value = data.get(name) if name in _OPTIONAL else data[name]
    if value is None and name in _OPTIONAL:
        return None
    if hint is str and isinstance(value, str):
        return value
    # In Python a truth value is a number as well.
    if hint is str or isinstance(value, bool) or not isinstance(value, int if hint is int else int | float):
        raise ValueError(f"'{name}' is {value!r}")
    number = value if hint is int else float(value)
    if not math.isfinite(number):
        if name in _OPTIONAL:
            return None
        raise ValueError(f"'{name}' is {value!r}")
    # A loss may be any number, and so may a score: a concordance reaches down to -1.
    if number < 0 and name not in ("loss", "best"):
        raise ValueError(f"'{name}' is {value!r}")
    return number


def remove_progress(path: Path) -> None:
    """Take ``progress.json`` away, as a training does that came to its end; it may be missing.

    Raises:
        OSError: it cannot be removed.
    """
    (path / PROGRESS).unlink(missing_ok=True)


def tail(path: Path, lines: int = 20) -> list[str]:
    """Last lines of the log in a run folder; empty where there is none.

    What is not UTF-8 is replaced. The text is still untrusted.

    Args:
        path: run folder.
        lines: at most so many.
    """
    file = path / LOG
    try:
        if lines < 1 or not file.is_file():
            return []
        with file.open("rb") as stream:
            size = stream.seek(0, 2)
            start = max(0, size - TAIL_BYTES)
            stream.seek(start)
            content = stream.read(TAIL_BYTES)
    except OSError:
        return []
    found = content.decode(errors="replace").splitlines()
    # The first line was cut where reading began, unless there is no other.
    if start and len(found) > 1:
        del found[0]
    return found[-lines:]


def training_state(run: Run, now: float) -> State:
    """Whether a training runs, has ended, or was killed.

    Args:
        run: as it was read just now.
        now: seconds since 1970.
    """
    if run.info.finished:
        return "finished"
    progress = read_progress(run.path)
    # The clocks of two machines differ by seconds; a time far in the future says as little as one long past.
    return "running" if progress is not None and abs(now - progress.updated) <= STALE_SECONDS else "interrupted"
