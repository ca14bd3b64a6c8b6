"""Which runs are worth what they cost: those that are significantly better than everything cheaper."""

from __future__ import annotations

from emotion_core.compare.entries import Entry
from emotion_core.compare.pairs import ALPHA, Comparison
from emotion_core.metrics.table import METRICS


def worth_their_cost(comparison: Comparison, measure: str, cost: str) -> frozenset[str]:
    """Names of the runs that are significantly better than every run that costs less.

    The cheapest is worth its cost, since nothing is cheaper; of runs that cost the same, those that are not significantly worse
    than another one. Runs that have collapsed, lack the measure or the cost, or cannot be tested take no part.

    Args:
        comparison: with the measure among those that were compared; its p-values are corrected over all pairs shown.
        measure: key.
        cost: name of one of the facts of an entry, above 0; less is better.
    """
    able = [
        entry
        for entry in comparison.entries
        if not entry.collapse and entry.facts.get(cost, 0) > 0 and measure in entry.measures
    ]
    better = _better(comparison, measure)

    def worth(entry: Entry) -> bool:
        price = entry.facts[cost]
        cheaper = (other.name for other in able if other.facts[cost] < price)
        alike = (other.name for other in able if other.facts[cost] == price)
        return all((entry.name, name) in better for name in cheaper) and all((name, entry.name) not in better for name in alike)

    return frozenset(entry.name for entry in able if worth(entry))


def _better(comparison: Comparison, measure: str) -> frozenset[tuple[str, str]]:
    """Pairs of which the first is significantly better than the second."""
    upwards = METRICS[measure].better == "higher"
    return frozenset(
        (pair.first, pair.second) if (pair.value > 0) == upwards else (pair.second, pair.first)
        for pair in comparison.differences
        if pair.measure == measure and pair.p_holm < ALPHA
    )
