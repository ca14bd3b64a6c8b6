"""Plain tables behind the figures that compare runs, made of predictions, histories and settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.calibration import reliability_table
from emotion_core.metrics.classification import confusion_matrix, precision_recall_f1
from emotion_core.metrics.columns import expression_columns
from emotion_core.metrics.table import METRICS

EXPRESSION_NEEDS = ["expression", *(f"prob_{name}" for name in EXPRESSIONS)]
"""Columns of predictions that are read for :func:`expression_answers`."""


def expression_answers(predictions: pd.DataFrame) -> tuple[npt.NDArray[np.int64], pd.DataFrame] | None:
    """Confusion counts, shape ``(8, 8)``, and the reliability table of one run; ``None`` where it says no expression.

    Raises:
        ValueError: as in :func:`~emotion_core.metrics.summary.summarize`.
    """
    columns = expression_columns(predictions)
    if columns is None:
        return None
    counts = confusion_matrix(columns.preds, columns.target, num_classes=len(EXPRESSIONS))
    return counts, reliability_table(columns.probs, columns.target)


def class_table(counts: Mapping[str, npt.NDArray[np.int64]], backbones: Mapping[str, str]) -> pd.DataFrame:
    """Precision, recall, F1 and support of every expression that occurs, long by ``run``."""
    parts = []
    for run, matrix in counts.items():
        precision, recall, f1 = precision_recall_f1(matrix)
        part = pd.DataFrame(
            {"expression": EXPRESSIONS, "precision": precision, "recall": recall, "f1": f1, "support": matrix.sum(axis=1)}
        )
        parts.append(part[part["support"] > 0].assign(run=run, backbone=backbones[run]))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["run", "backbone", "expression", "f1"])


MARKS = {"best": "★", "like best": "≈"}
"""Signs before a value: the best, and what cannot be told from it."""


def value_text(row: Mapping[str, Any], measure: str) -> str:
    """A value with its mark and its interval, such as ``★ 0.509 [0.474, 0.543]``; ``○`` for a reported one."""
    value, low, high = row[measure], row[f"{measure}_low"], row[f"{measure}_high"]
    if pd.isna(value):
        return ""
    mark = "○" if row["kind"] == "reported" else MARKS.get(row[f"{measure}_mark"], "")
    interval = "" if pd.isna(low) or pd.isna(high) else f" [{low:.3f}, {high:.3f}]"
    # Adding 0 takes the sign off a rounded zero.
    return f"{mark} {round(value, 3) + 0:.3f}{interval}".strip().replace("-", "\N{MINUS SIGN}")


def difference_text(row: Mapping[str, Any], measure: str) -> str:
    """A difference with its interval and corrected p-value, such as ``+0.021 [0.003, 0.045], p 0.012``."""
    value = row.get(f"{measure}_diff")
    if pd.isna(value):
        return ""
    low, high, p_value = row[f"{measure}_diff_low"], row[f"{measure}_diff_high"], row[f"{measure}_p"]
    p_text = "p < 0.001" if p_value < 0.001 else f"p {p_value:.3f}"
    return f"{value:+.3f} [{low:.3f}, {high:.3f}], {p_text}".replace("-", "\N{MINUS SIGN}")


def readable_table(table: pd.DataFrame, measures: Sequence[str]) -> pd.DataFrame:
    """A comparison as people read it: values with intervals and marks, then differences from the baseline.

    Args:
        table: as ``emotion_core.compare.comparison_table`` makes it.
        measures: keys.
    """
    rows: list[dict[str, Any]] = [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]
    columns: dict[str, list[str]] = {"run": [str(row["name"]) for row in rows]}
    for measure in measures:
        columns[METRICS[measure].header] = [value_text(row, measure) for row in rows]
    for measure in measures:
        if f"{measure}_diff" in table:
            columns[f"Δ {METRICS[measure].title}"] = [difference_text(row, measure) for row in rows]
    columns["images"] = ["" if pd.isna(row["images"]) else str(row["images"]) for row in rows]
    columns["note"] = [" ".join(filter(None, (row["collapsed"], row["apart"]))) for row in rows]
    return pd.DataFrame(columns)


def confusion_table(matrices: Mapping[str, npt.NDArray[Any]]) -> pd.DataFrame:
    """Cells of matrices, long by ``run``."""
    rows = [
        {"run": run, "true": true, "predicted": predicted, "value": matrix[i, j]}
        for run, matrix in matrices.items()
        for i, true in enumerate(EXPRESSIONS)
        for j, predicted in enumerate(EXPRESSIONS)
    ]
    return pd.DataFrame(rows, columns=["run", "true", "predicted", "value"])


def calibration_error(bins: pd.DataFrame) -> float:
    """ECE from a reliability table; ``nan`` without images."""
    known = bins[bins["count"] > 0]
    total = known["count"].sum()
    return float((known["count"] * (known["accuracy"] - known["confidence"]).abs()).sum() / total) if total else float("nan")


def history_table(histories: Mapping[str, Sequence[Mapping[str, Any]]], backbones: Mapping[str, str]) -> pd.DataFrame:
    """Epochs of runs, long by ``run``; single numbers and the phase only."""
    rows = [
        {"run": run, "backbone": backbones[run], "epoch": number}
        | {key: value for key, value in row.items() if isinstance(value, int | float | str) or value is None}
        for run, history in histories.items()
        for number, row in enumerate(history, start=1)
        if isinstance(row, Mapping)
    ]
    table = pd.DataFrame(rows)
    for name in table.columns.difference(["run", "backbone", "phase"]):
        table[name] = pd.to_numeric(table[name], errors="coerce")
    return table


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
