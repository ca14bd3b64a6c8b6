"""The answer of a comparison in a few sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from emotion_core.compare.entries import Entry
from emotion_core.compare.order import best_first
from emotion_core.compare.pairs import Comparison, Difference
from emotion_core.compare.verdicts import verdict
from emotion_core.metrics.table import METRICS
from emotion_core.texts import listing, p_text, plain, signed, with_interval

NAMED = 6
"""So many runs are named in a sentence; of more, the first and the number of the others."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a comparison says about one measure.

    Attributes:
        measure: its key.
        best: the run with the best value.
        like: names of those that are not significantly different from it, the best first.
        worse: names of those that are significantly worse.
        smallest: the run with the fewest parameters; ``None`` where fewer than two say how many they have.
        cost: difference of the smallest from the best; ``None`` where it is the best itself.
    """

    measure: str
    best: Entry
    like: tuple[str, ...]
    worse: tuple[str, ...]
    smallest: Entry | None
    cost: Difference | None


def find_answer(comparison: Comparison, measure: str) -> Answer | None:
    """What a comparison says about one of its measures; ``None`` where no run has it."""
    known = [entry for entry in best_first(comparison.entries, measure) if _value(entry, measure) is not None]
    marks = comparison.marks.get(measure, {})
    best = next((entry for entry in known if marks.get(entry.name) == "best"), None)
    if best is None:
        return None
    others = [entry.name for entry in known if entry is not best]
    sized = [entry for entry in known if entry.facts.get("num_params_millions", 0) > 0]
    # Of several of one size the best, which stands first, speaks for them.
    smallest = min(sized, key=lambda entry: entry.facts["num_params_millions"]) if len(sized) > 1 else None
    return Answer(
        measure=measure,
        best=best,
        like=tuple(name for name in others if marks[name]),
        worse=tuple(name for name in others if not marks[name]),
        smallest=smallest,
        cost=None if smallest is None or smallest is best else comparison.between(smallest.name, best.name, measure),
    )


def headline(answer: Answer) -> str:
    """Which run is best, in a sentence."""
    known = answer.best.measures[answer.measure]
    value = with_interval(known.value, known.low, known.high)
    return f"{answer.best.name} has the best {METRICS[answer.measure].title}, {value}."


def details(answer: Answer) -> str:
    """Which runs are not significantly different from the best, which are worse, and what the smallest one costs."""
    said = []
    if answer.like:
        said.append(f"Not significantly different from it: {_names(answer.like)}.")
    if answer.worse:
        said.append(f"Significantly worse: {_names(answer.worse)}.")
    if answer.smallest is answer.best:
        said.append("It is also the smallest network.")
    elif answer.smallest is not None and answer.cost is not None:
        said.append(_cost(answer.smallest, answer.cost))
    return " ".join(said)


def first_words(entries: Sequence[Entry], measure: str) -> str:
    """What is true before anything is tested: how many runs, on how many images, and which has the best value."""
    first = entries[0]
    runs, images = f"{len(entries):,} run{'s' if len(entries) > 1 else ''}", f"{first.images or 0:,} images"
    words = f"Comparing {runs} on {images} of {first.dataset}, split {first.split} …"
    [best, *_] = best_first(entries, measure)
    value = _value(best, measure)
    return words if value is None else f"{words} Best {METRICS[measure].title}: {best.name}, {plain(value)}."


def _cost(smallest: Entry, cost: Difference) -> str:
    size = f"{smallest.facts['num_params_millions']:.1f} M parameters"
    difference = f"{signed(cost.value)} [{plain(cost.low)}, {plain(cost.high)}], {p_text(cost.p_holm)}"
    return f"The smallest network, {smallest.name} ({size}), differs from it by {difference}: {verdict(cost)}."


def _names(names: Sequence[str]) -> str:
    if len(names) <= NAMED:
        return listing(names)
    return f"{', '.join(names[: NAMED - 1])} and {len(names) - NAMED + 1} others"


def _value(entry: Entry, measure: str) -> float | None:
    value = entry.measures[measure].value if measure in entry.measures else math.nan
    return value if math.isfinite(value) else None
