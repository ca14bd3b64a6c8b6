"""A comparison as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emotion_core.texts import p_text, plain, signed, with_interval

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


def interval_text(row: Mapping[str, Any], name: str) -> str:
    """A signed number with its interval, such as ``+0.021 [0.003, 0.045]``; empty where there is none.

    Args:
        row: with ``<name>``, ``<name>_low`` and ``<name>_high``.
        name: of the number.
    """
    value = row.get(name)
    return "" if pd.isna(value) else f"{signed(value)} [{plain(row[f'{name}_low'])}, {plain(row[f'{name}_high'])}]"


def difference_text(row: Mapping[str, Any], measure: str) -> str:
    """A difference with its interval and corrected p-value, such as ``+0.021 [0.003, 0.045], p 0.012``."""
    words = interval_text(row, f"{measure}_diff")
    return f"{words}, {p_text(row[f'{measure}_p'])}" if words else ""
