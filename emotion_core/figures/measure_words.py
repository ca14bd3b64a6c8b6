"""The table of measures and the words for costs, by the names that pages know them by."""

from __future__ import annotations

from emotion_core.metrics.table import METRICS as MEASURE_WORDS
from emotion_core.results.costs import COSTS as COST_WORDS
from emotion_core.results.costs import cost_title

__all__ = ["COST_WORDS", "MEASURE_WORDS", "cost_title"]
