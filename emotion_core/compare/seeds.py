"""Runs that differ in their seed alone, and how far they spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from emotion_core.compare.entries import Entry


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
    """A measure over trainings that differ in their seed alone.

    Attributes:
        backbone: of all of them.
        preset: title of their training configuration.
        names: of the runs.
        mean: over the runs.
        sd: standard deviation over the runs, with one degree of freedom less.
    """

    backbone: str
    preset: str
    names: tuple[str, ...]
    mean: float
    sd: float


def seed_spread(entries: Sequence[Entry], measure: str) -> tuple[SeedSpread, ...]:
    """Mean and standard deviation over runs that were measured on the same images and differ in their seed alone.

    This is the spread over trainings; the intervals beside it are the spread over images.
    """
    found = []
    for group in _trainings([entry for entry in entries if np.isfinite(_value(entry, measure))]):
        by_seed: dict[int | None, Entry] = {}
        for entry in group:
            by_seed.setdefault(entry.seed, entry)
        runs = list(by_seed.values())
        values = [_value(entry, measure) for entry in runs]
        if len(values) > 1:
            first = runs[0]
            found.append(
                SeedSpread(
                    backbone=first.backbone,
                    preset=first.preset,
                    names=tuple(entry.name for entry in runs),
                    mean=float(np.mean(values)),
                    sd=float(np.std(values, ddof=1)),
                )
            )
    return tuple(found)


def repeated_trainings(entries: Sequence[Entry]) -> frozenset[str]:
    """Names of runs that another one of them stands for: the same training with a lower seed, or the mean of their weights."""
    names = {entry.name for entry in entries}
    repeats = {name for entry in entries if entry.run is not None for name in entry.run.info.averaged}
    seeds = {entry.name: entry.run.info for entry in entries if entry.run is not None and entry.run.info.role == "seed"}
    repeats |= {name for name, info in seeds.items() if info.variant_of in names}
    for group in _trainings(entries):
        first = min(group, key=lambda entry: entry.seed or 0)
        repeats |= {entry.name for entry in group if entry.seed != first.seed}
    return frozenset(repeats) & names


def _trainings(entries: Sequence[Entry]) -> list[list[Entry]]:
    """Measured entries, those together that differ in their seed alone, and were measured alike."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        if entry.run is not None and entry.seed is not None:
            images = (entry.evaluation, entry.fingerprint, entry.subset, entry.views)
            groups.setdefault((images, entry.backbone, entry.run.info.recipe), []).append(entry)
    return list(groups.values())


def _value(entry: Entry, measure: str) -> float:
    return entry.measures[measure].value if measure in entry.measures else float("nan")
