"""Which backbone is better, and is the difference real?"""

from __future__ import annotations

from emotion_core.compare.entries import Entry, Kind, Measure, Store, find_entries, judge_subset, load_store, reported_entries
from emotion_core.compare.pairs import ALPHA, MARGIN, USUAL, Comparison, Difference, compare, why_not_comparable
from emotion_core.compare.seeds import SeedSpread, repeated_trainings, seed_spread
from emotion_core.compare.shared import can_share, on_shared_images
from emotion_core.compare.tables import comparison_table, render_text

__all__ = [
    "ALPHA",
    "MARGIN",
    "USUAL",
    "Comparison",
    "Difference",
    "Entry",
    "Kind",
    "Measure",
    "SeedSpread",
    "Store",
    "can_share",
    "compare",
    "comparison_table",
    "find_entries",
    "judge_subset",
    "load_store",
    "on_shared_images",
    "render_text",
    "repeated_trainings",
    "reported_entries",
    "seed_spread",
    "why_not_comparable",
]
