"""Which evaluation, which runs and which run come first."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

from emotion_core.compare.entries import Entry
from emotion_core.compare.pairs import why_not_comparable
from emotion_core.compare.seeds import repeated_trainings
from emotion_core.metrics.table import METRICS


def rank_evaluations(entries: Sequence[Entry]) -> list[str]:
    """Evaluations, test splits first, those with most runs first."""
    numbers = Counter(entry.evaluation for entry in entries)
    test = {entry.evaluation: entry.split == "test" for entry in entries}
    return sorted(numbers, key=lambda name: (not test[name], -numbers[name], name))


def search_entries(entries: Sequence[Entry], words: str) -> list[Entry]:
    """Entries whose name, backbone, preset, role or change holds every one of some words, whatever their case."""
    wanted = words.casefold().split()
    return [entry for entry in entries if all(word in entry.text for word in wanted)]


GROUPS: dict[str, Callable[[Entry], str]] = {
    "experiment": lambda entry: entry.run.experiment if entry.run is not None else "",
    "role": lambda entry: entry.run.info.role if entry.run is not None else "",
    "backbone": lambda entry: entry.backbone,
}
"""What a list of entries can be grouped by, and the group of an entry."""


def grouped(entries: Sequence[Entry], by: str | None) -> list[Entry]:
    """Entries of one group together, groups in the order of their first entries; as they are without a group.

    Args:
        entries: in the order that counts within a group.
        by: a key of :data:`GROUPS`.
    """
    if by is None:
        return list(entries)
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(GROUPS[by](entry), []).append(entry)
    return [entry for group in groups.values() for entry in group]


def split_repeats(entries: Sequence[Entry]) -> tuple[list[Entry], list[Entry]]:
    """Entries of which each training stands once, and those that only repeat one of them; both in the order given."""
    repeats = repeated_trainings(entries)
    return [entry for entry in entries if entry.name not in repeats], [entry for entry in entries if entry.name in repeats]


def without_unnamed(entries: Sequence[Entry], order: Sequence[str]) -> list[Entry]:
    """Entries without those that only change one of the others in something, where an experiment names the others alone.

    Args:
        entries: of an experiment.
        order: names that it gives; without any, all stay.
    """
    there = {entry.name for entry in entries}

    def unnamed(entry: Entry) -> bool:
        info = None if entry.run is None else entry.run.info
        changes = info is not None and info.role == "ablation" and info.variant_of in there
        return changes and bool(there & set(order)) and entry.name not in order

    return [entry for entry in entries if not unnamed(entry)]


def most_useful_first(entries: Sequence[Entry], able: Callable[[Entry], bool], default: str) -> list[Entry]:
    """What a page shows first when nobody asks: those that can say what it is about, the default run, test splits.

    Args:
        entries: what there is.
        able: whether an entry can say what the page is about.
        default: name of the default run.
    """

    def place(entry: Entry) -> tuple[bool, bool, bool, str, str]:
        return not able(entry), entry.name != default, entry.split != "test", entry.evaluation, entry.name

    return sorted(entries, key=place)


def best_first(entries: Sequence[Entry], measure: str | None, *, leader: str | None = None) -> list[Entry]:
    """Entries by one measure, those without it last; the order given decides between equals.

    Args:
        entries: what is sorted.
        measure: its key; without one, the order given stays.
        leader: name of the run that comes before all others.
    """

    def place(entry: Entry) -> tuple[bool, float]:
        value = float("nan") if measure is None or measure not in entry.measures else entry.measures[measure].value
        if math.isnan(value):
            return entry.name != leader, math.inf
        return entry.name != leader, -value if measure is not None and METRICS[measure].better == "higher" else value

    return sorted(entries, key=place)


def best_run(entries: Sequence[Entry], measure: str | None) -> str | None:
    """Name of the best run of the largest group that can be compared; a collapsed one only where there is no other.

    Args:
        entries: measured ones.
        measure: key of the measure that decides; without one, the first run.

    Returns:
        ``None`` without entries.
    """
    fair = [entry for entry in entries if why_not_comparable(entry, entry) is None]
    groups = Counter((entry.fingerprint, entry.num_classes) for entry in fair)
    if not groups:
        return entries[0].name if entries else None
    largest = groups.most_common(1)[0][0]
    group = [entry for entry in fair if (entry.fingerprint, entry.num_classes) == largest]
    group = [entry for entry in group if not entry.collapse] or group
    return best_first(group, measure)[0].name
