"""How runs were trained, beside each other: settings and histories."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from emotion_core.errors import CheckpointError
from emotion_core.results.find import find_named
from emotion_core.results.run import Run


def trainings_of(run: Run) -> list[Run]:
    """The trainings that a run comes from: itself, or those whose weights it is the mean of, as far as they are there.

    A run that has kept no history, and is no mean of weights, comes from none.
    """
    found: dict[Path, Run] = {}
    waiting = [run]
    seen: set[Path] = set()
    while waiting:
        each = waiting.pop(0)
        if each.path in seen:
            continue
        seen.add(each.path)
        if (each.path / "history.jsonl").is_file():
            found[each.path] = each
            continue
        for name in each.info.averaged:
            # One that cannot be read has no history either.
            with contextlib.suppress(CheckpointError):
                if (part := find_named(name, beside=each)) is not None:
                    waiting.append(part)
    return list(found.values())


def history_table(
    histories: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]], backbones: Mapping[str, str]
) -> pd.DataFrame:
    """Epochs of runs, long by ``run`` and ``training``; single numbers and the phase only.

    Args:
        histories: by run and the names of the trainings that it comes from.
        backbones: by run.
    """
    rows = [
        {"run": run, "training": training, "backbone": backbones[run], "epoch": number}
        | {key: value for key, value in row.items() if isinstance(value, int | float | str) or value is None}
        for run, trainings in histories.items()
        for training, history in trainings.items()
        for number, row in enumerate(history, start=1)
        if isinstance(row, Mapping)
    ]
    table = pd.DataFrame(rows)
    for name in table.columns.difference(["run", "training", "backbone", "phase"]):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    return table


def settings_of(run: Run) -> dict[str, object]:
    """How a run was trained, as nested plain data for :func:`settings_table`: its training first, then what surrounds it."""
    info = run.info
    training = {key: value for key, value in info.training.items() if key not in ("network", "seed")}
    facts = {"init": info.init, "seed": info.seed, "device": info.device, "temperature": float(info.temperature)}
    return {**training, **facts, "network": info.network, "dataset": info.dataset, "versions": info.versions}


def settings_table(settings: Mapping[str, Mapping[str, Any]], *, differences_only: bool) -> pd.DataFrame:
    """Settings of runs beside each other: a row a setting, a column a run.

    Args:
        settings: nested plain data by run.
        differences_only: leave out what is the same for all runs.

    Returns:
        ``setting`` and a column of text a run; empty text where a run has no such setting.
    """
    flat = {run: dict(_flatten(values)) for run, values in settings.items()}
    keys = list(dict.fromkeys(key for values in flat.values() for key in values))
    rows = [{"setting": key} | {run: values.get(key, "") for run, values in flat.items()} for key in keys]
    if differences_only:
        rows = [row for row in rows if len({text for name, text in row.items() if name != "setting"}) > 1]
    return pd.DataFrame(rows, columns=["setting", *flat])


def _flatten(values: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    found = []
    for key, value in values.items():
        if isinstance(value, Mapping):
            found += _flatten(value, f"{prefix}{key}.")
        elif isinstance(value, list | tuple) and any(isinstance(entry, Mapping) for entry in value):
            for number, entry in enumerate(value, start=1):
                found += _flatten(entry if isinstance(entry, Mapping) else {"": entry}, f"{prefix}{key}.{number}.")
        else:
            found.append((f"{prefix}{key}", _text(value)))
    return found


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(_text(entry) for entry in value)
    return f"{value:g}" if isinstance(value, float) else "none" if value is None else str(value)
