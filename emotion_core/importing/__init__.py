"""Bring your own results: predictions of any network become a run that is compared like ours."""

from __future__ import annotations

from emotion_core.importing.columns import ORDERS, ROLES, Columns, guess_columns, read_classes
from emotion_core.importing.outputs import Finding
from emotion_core.importing.prepare import Prepared, prepare
from emotion_core.importing.reading import read_results
from emotion_core.importing.store import ORIGIN, remove_results, store_results
from emotion_core.importing.truth import Truth, find_truth, known_benchmarks

__all__ = [
    "ORDERS",
    "ORIGIN",
    "ROLES",
    "Columns",
    "Finding",
    "Prepared",
    "Truth",
    "find_truth",
    "guess_columns",
    "known_benchmarks",
    "prepare",
    "read_classes",
    "read_results",
    "remove_results",
    "store_results",
]
