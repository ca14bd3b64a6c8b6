"""A comparison as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from emotion_core.metrics.table import METRICS
from emotion_core.texts import plain, signed, with_interval

MARKS = {"best": "★", "like best": "≈"}
"""Signs before a value: the best, and what is not significantly different from it."""


def value_text(row: Mapping[str, Any], measure: str) -> str:
    """A value with its mark and its interval, such as ``★ 0.509 [0.474, 0.543]``; ``○`` for a reported one."""
    value, low, high = row[measure], row[f"{measure}_low"], row[f"{measure}_high"]
    if pd.isna(value):
        return ""
    mark = "○" if row["kind"] == "reported" else MARKS.get(row[f"{measure}_mark"], "")
    ends = (None, None) if pd.isna(low) or pd.isna(high) else (low, high)
    return f"{mark} {with_interval(value, *ends)}".strip()


def difference_text(row: Mapping[str, Any], measure: str) -> str:
    """A difference with its interval and corrected p-value, such as ``+0.021 [0.003, 0.045], p 0.012``."""
    value = row.get(f"{measure}_diff")
    if pd.isna(value):
        return ""
    low, high, p_value = row[f"{measure}_diff_low"], row[f"{measure}_diff_high"], row[f"{measure}_p"]
    p_text = "p < 0.001" if p_value < 0.001 else f"p {p_value:.3f}"
    return f"{signed(value)} [{plain(low)}, {plain(high)}], {p_text}"


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
