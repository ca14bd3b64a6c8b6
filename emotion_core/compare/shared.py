"""Networks that know other expressions, or were run on fewer images: compared on what all of them can answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emotion_core.compare.entries import Entry, judge_subset
from emotion_core.labels import EXPRESSIONS
from emotion_core.texts import listing


def on_shared_images(entries: Sequence[Entry]) -> tuple[list[Entry], str]:
    """Judge entries on the images that all of them can answer, each between the expressions that all of them know.

    So a network that knows seven expressions and one that knows eight decide between the same seven on the same images. Nothing
    changes where all were measured on the same images between the same expressions.

    Args:
        entries: of one comparison; those that are reported, or of another benchmark than the first, stay as they are.

    Returns:
        The entries in their order, and a sentence that says what they are compared on; empty where nothing changed.

    Raises:
        CheckpointError: predictions are missing or damaged.
    """
    first = next((entry for entry in entries if entry.run is not None), None)
    mine = [] if first is None else [entry for entry in entries if _same_benchmark(first, entry)]
    if len({(entry.fingerprint, entry.classes) for entry in mine}) < 2:
        return list(entries), ""
    known = [name for name in EXPRESSIONS if all(name in entry.classes for entry in mine)]
    images = {entry.fingerprint: _images(entry, known) for entry in mine}
    shared = frozenset.intersection(*images.values())
    if not shared or len(known) < 2:
        return list(entries), ""
    total = max(entry.images or 0 for entry in mine)
    judged = {id(entry): judge_subset(entry, shared, between=tuple(known)) for entry in mine}
    without = [name for name in EXPRESSIONS if name not in known and any(name in entry.classes for entry in mine)]
    words = f"On the {len(shared):,} of {total:,} images that all of these runs can answer, between {len(known)} expressions"
    words += f" (without {listing(without)})." if without else "."
    return [_as_benchmark(judged.get(id(entry), entry)) for entry in entries], words


def can_share(first: Entry, entry: Entry) -> bool:
    """Whether two entries that were measured on other images, or know other expressions, have a benchmark in common."""
    fair = all(one.chosen_by.get("split") != one.split for one in (first, entry))
    return fair and _same_benchmark(first, entry) and (first.fingerprint, first.classes) != (entry.fingerprint, entry.classes)


def _same_benchmark(first: Entry, entry: Entry) -> bool:
    return entry.run is not None and (entry.evaluation, entry.benchmark) == (first.evaluation, first.benchmark)


def _images(entry: Entry, known: Sequence[str]) -> frozenset[str]:
    """Ids of the images that an entry was measured on and that show an expression which all know, or none at all."""
    table = entry.predictions(["expression"])
    fits = table["expression"].isna() | table["expression"].isin(known)
    return frozenset(table["sample_id"][fits])


def _as_benchmark(entry: Entry) -> Entry:
    return entry if entry.subset is None else replace(entry, fingerprint=entry.benchmark)
