"""What two datasets have in common: pictures of the one that show the same photograph as a picture of the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from emotion_core.data.audit import NO_SPLIT
from emotion_core.data.table import FaceTable
from emotion_core.data.twins import THRESHOLD, TwinPair, thumbnails, twin_pairs
from emotion_core.texts import printable


@dataclass(frozen=True, kw_only=True)
class NearTwin:
    """Two images of two datasets that show one photograph.

    Attributes:
        ids: in the first and in the second dataset.
        splits: in which they stand.
        expressions: what they are labelled with; ``None`` where there is no label.
        correlation: of both pictures, laid over each other.
        mirrored: whether one is the other's mirror image.
    """

    ids: tuple[str, str]
    splits: tuple[str, str]
    expressions: tuple[str | None, str | None]
    correlation: float
    mirrored: bool


@dataclass(frozen=True, kw_only=True)
class Between:
    """All twins of two datasets.

    Attributes:
        datasets: names of both.
        threshold: least correlation.
        twins: all pairs, in the order of the first dataset.
    """

    datasets: tuple[str, str]
    threshold: float
    twins: tuple[NearTwin, ...]

    def count_images(self) -> tuple[int, int]:
        """How many images of either dataset have a twin in the other."""
        first, second = ({twin.ids[side] for twin in self.twins} for side in (0, 1))
        return len(first), len(second)

    def count_splits(self) -> dict[tuple[str, str], int]:
        """Pairs by the splits in which both images stand."""
        return dict(sorted(Counter(twin.splits for twin in self.twins).items()))

    def count_agreeing(self) -> tuple[int, int]:
        """How many pairs have the same expression, of how many that both datasets label."""
        known = [twin.expressions for twin in self.twins if None not in twin.expressions]
        return sum(one == other for one, other in known), len(known)

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON."""
        agreeing, labelled = self.count_agreeing()
        return {**asdict(self), "images": self.count_images(), "labelled_pairs": labelled, "agreeing_pairs": agreeing}


def audit_between(
    table: FaceTable,
    other: FaceTable,
    *,
    threshold: float = THRESHOLD,
    workers: int = 4,
    progress: Callable[[int], object] | None = None,
) -> Between:
    """Look for photographs that stand in two datasets.

    Args:
        table: every picture of the first, as :func:`~emotion_core.data.audit_tables.read_dataset` gives it.
        other: every picture of the second.
        threshold: least correlation, in (0, 1].
        workers: threads that decode.
        progress: called with 1 after every picture.
    """
    mine, theirs = (thumbnails(faces, workers=workers, progress=progress) for faces in (table, other))
    pairs = twin_pairs(mine, theirs, threshold=threshold)
    return Between(
        datasets=(table.name, other.name),
        threshold=threshold,
        twins=tuple(_describe(table.frame, other.frame, pair) for pair in pairs),
    )


def _describe(mine: pd.DataFrame, theirs: pd.DataFrame, pair: TwinPair) -> NearTwin:
    one, other = mine.iloc[pair.first], theirs.iloc[pair.second]
    return NearTwin(
        ids=(str(one["sample_id"]), str(other["sample_id"])),
        splits=(str(one["split"]) or NO_SPLIT, str(other["split"]) or NO_SPLIT),
        expressions=(_label(one["expression"]), _label(other["expression"])),
        correlation=round(pair.correlation, 4),
        mirrored=pair.mirrored,
    )


def _label(value: object) -> str | None:
    return value if isinstance(value, str) else None


def describe_between(found: Between, *, examples: int = 3) -> str:
    """The report that the command line prints.

    Args:
        found: by :func:`audit_between`.
        examples: so many pairs are shown; ``to_dict`` has them all.
    """
    one, other = found.datasets
    here, there = found.count_images()
    agreeing, labelled = found.count_agreeing()
    mirrored = sum(twin.mirrored for twin in found.twins)
    lines = [
        f"near twins in {other}: pictures that show one photograph, cut, lit, compressed or mirrored otherwise (correlation "
        f"{found.threshold:g} or more)",
        f"  {here:,} images of {one} and {there:,} of {other}, in {len(found.twins):,} pairs, {mirrored:,} of them mirrored",
        *(f"    {mine} here, {theirs} there: {count:,} pairs" for (mine, theirs), count in found.count_splits().items()),
        *([f"  labels: the same expression in {agreeing:,} of {labelled:,} pairs that have one in both"] if labelled else []),
        *(f"  e.g. {' ~ '.join(twin.ids)} ({twin.correlation:.3f})" for twin in found.twins[:examples]),
    ]
    # Ids are file names, which are untrusted: a control character in one must not reach the terminal.
    return printable("\n".join(lines), keep="\n")
