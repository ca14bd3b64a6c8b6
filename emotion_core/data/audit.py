"""What is wrong with a dataset? Counts, broken files, pictures that occur twice, labels that contradict each other."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from emotion_core.data.audit_pictures import THRESHOLD, Scan, equal_groups, hash_pictures, scan, similar_pairs
from emotion_core.data.table import FaceTable, Problem
from emotion_core.errors import DataError
from emotion_core.labels import AFFECT, EXPRESSIONS

HELD_OUT = ("val", "test")
"""Splits that must not share a picture with ``train``."""

NO_SPLIT = "none"
"""What images that belong to no split are counted under."""

CONFLICT = 0.3
"""Valence or arousal of equal pictures may differ by so much before it counts as a conflict."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SplitCounts:
    """What one split holds.

    Attributes:
        images: number of pictures.
        classes: how many show each expression, all eight named.
        no_expression: pictures without a usable expression.
        missing: pictures without valence, and without arousal.
    """

    images: int
    classes: dict[str, int]
    no_expression: int
    missing: dict[str, int]


@dataclass(frozen=True, kw_only=True)
class Duplicates:
    """Pictures that are the same pixel for pixel.

    Attributes:
        distinct: number of different pictures.
        repeats: readable images minus different pictures: how many could go without losing one.
        groups: ids of each picture that occurs more than once.
        by_splits: groups and their images, by the splits in which a group stands, such as ``"train"`` or ``"train + val"``.
        leaked: ids of validation and test images that also stand in the training split.
    """

    distinct: int
    repeats: int
    groups: tuple[tuple[str, ...], ...]
    by_splits: dict[str, dict[str, int]]
    leaked: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class NearPair:
    """Two different pictures that are all but the same; one id stands for each, should it occur several times."""

    ids: tuple[str, str]
    correlation: float
    mirrored: bool


@dataclass(frozen=True, kw_only=True)
class NearDuplicates:
    """Different pictures that are all but the same, as they are or mirrored.

    Attributes:
        threshold: least correlation of their thumbnails.
        pairs: all of them.
        by_splits: number of pairs by the splits in which both pictures stand.
        leaked: ids of validation and test images with such a picture in the training split, and no equal one there.
    """

    threshold: float
    pairs: tuple[NearPair, ...]
    by_splits: dict[str, int]
    leaked: dict[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Equal pictures with different labels.

    Attributes:
        kinds: what differs: ``"expression"``, ``"valence"``, ``"arousal"``.
        labels: expression, valence and arousal by id; ``None`` where there is none.
    """

    kinds: tuple[str, ...]
    labels: dict[str, dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All that was found in one dataset.

    Attributes:
        dataset: its name.
        images: number of pictures, with and without usable labels.
        splits: counts by split.
        out_of_range: how many samples have valence, and how many arousal, outside [-1, 1]; loaders leave them out.
        problems: broken samples that the loader left out.
        unreadable: pictures that cannot be decoded.
        duplicates: pictures that are the same.
        near_duplicates: pictures that are all but the same.
        conflicts: equal pictures with different labels.
    """

    dataset: str
    images: int
    splits: dict[str, SplitCounts]
    out_of_range: dict[str, int]
    problems: tuple[Problem, ...]
    unreadable: tuple[Problem, ...]
    duplicates: Duplicates
    near_duplicates: NearDuplicates
    conflicts: tuple[Conflict, ...]

    def count_conflicts(self) -> dict[str, int]:
        """How many groups of equal pictures differ in expression, valence and arousal."""
        return {kind: sum(kind in conflict.kinds for conflict in self.conflicts) for kind in ("expression", *AFFECT)}

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain values for JSON, complete, with the counts that a reader would want first."""
        record = asdict(self)
        equal, near = record["duplicates"], record["near_duplicates"]
        record["duplicates"] = {"num_groups": len(equal["groups"]), "num_leaked": _num_leaked(equal), **equal}
        record["near_duplicates"] = {"num_pairs": len(near["pairs"]), "num_leaked": _num_leaked(near), **near}
        record["num_conflicts"] = self.count_conflicts()
        return record


def leaked_ids(
    table: FaceTable,
    *,
    splits: Sequence[str] = HELD_OUT,
    digests: Mapping[str, bytes] | None = None,
    workers: int = 4,
    progress: Callable[[int], object] | None = None,
) -> frozenset[str]:
    """Images that also stand in the training split, pixel for pixel.

    Args:
        table: every picture of the dataset, those without label too, for a network may have met them (see
            :func:`~emotion_core.data.audit_tables.add_unlabelled`). Only ``train`` and ``splits`` are decoded; pictures that
            cannot be read are passed over.
        splits: which splits to look for.
        digests: hashes of pictures that were decoded before, by id, from
            :func:`~emotion_core.data.audit_pictures.picture_digest`; these are not decoded again.
        workers: threads that decode.
        progress: called with 1 after every picture.

    Returns:
        Ids of images in ``splits``.
    """
    chosen = table.where(table.frame["split"].isin(["train", *splits]))
    known = dict(digests or {})
    rest = [sample_id for sample_id in chosen.sample_ids if sample_id not in known]
    known |= hash_pictures(rest, chosen.read_bytes, workers=workers, progress=progress)
    leaked = _leaked(chosen, equal_groups([known.get(sample_id) for sample_id in chosen.sample_ids]), splits)
    return frozenset(sample_id for ids in leaked.values() for sample_id in ids)


def audit(
    table: FaceTable,
    *,
    threshold: float = THRESHOLD,
    workers: int = 4,
    progress: Callable[[int], object] | None = None,
) -> Audit:
    """Count a dataset and look for what would spoil a result on it.

    Args:
        table: every picture of the dataset, as :func:`~emotion_core.data.audit_tables.read_dataset` gives it.
        threshold: least correlation of near duplicates, in (0, 1].
        workers: threads that decode.
        progress: called with 1 after every picture.

    Raises:
        DataError: the table is empty.
    """
    if not len(table):
        raise DataError(f"'{table.name}' has no images to audit.")
    start = time.perf_counter()
    seen = scan(table, workers=workers, progress=progress)
    decoded = time.perf_counter()
    groups = equal_groups(seen.digests)
    near = _near_duplicates(table, seen, groups, threshold)
    log.info("pictures read in %.0f s, compared in %.0f s", decoded - start, time.perf_counter() - decoded)
    repeated = [group for group in groups if len(group) > 1]
    ids, splits = table.sample_ids, _splits(table)
    by_splits: dict[str, Counter[str]] = {}
    for group in repeated:
        by_splits.setdefault(_stand_in(splits[index] for index in group), Counter()).update(groups=1, images=len(group))
    return Audit(
        dataset=table.name,
        images=len(table),
        splits=_count_splits(table),
        out_of_range=_count_out_of_range(table),
        problems=table.problems,
        unreadable=seen.unreadable,
        duplicates=Duplicates(
            distinct=len(groups),
            repeats=sum(len(group) - 1 for group in groups),
            groups=tuple(tuple(ids[index] for index in group) for group in repeated),
            by_splits={name: dict(by_splits[name]) for name in sorted(by_splits, key=_split_order)},
            leaked=_leaked(table, groups, HELD_OUT),
        ),
        near_duplicates=near,
        conflicts=tuple(_conflicts(table, repeated)),
    )


def _near_duplicates(table: FaceTable, seen: Scan, groups: list[list[int]], threshold: float) -> NearDuplicates:
    """Near duplicates among different pictures, of which each is compared once."""
    ids, splits = table.sample_ids, _splits(table)
    pairs = similar_pairs(seen.thumbnails[[group[0] for group in groups]], threshold=threshold)
    counts: Counter[str] = Counter()
    leaked: set[int] = set()
    for pair in pairs:
        one, other = groups[pair.first], groups[pair.second]
        counts[_stand_in(splits[index] for index in one + other)] += 1
        for mine, theirs in ((one, other), (other, one)):
            if any(splits[index] == "train" for index in theirs) and all(splits[index] != "train" for index in mine):
                leaked.update(mine)
    return NearDuplicates(
        threshold=threshold,
        pairs=tuple(
            NearPair(
                ids=(ids[groups[pair.first][0]], ids[groups[pair.second][0]]),
                correlation=round(pair.correlation, 4),
                mirrored=pair.mirrored,
            )
            for pair in pairs
        ),
        by_splits={name: counts[name] for name in sorted(counts, key=_split_order)},
        leaked={split: tuple(ids[index] for index in sorted(leaked) if splits[index] == split) for split in HELD_OUT},
    )


def _leaked(table: FaceTable, groups: list[list[int]], held_out: Sequence[str]) -> dict[str, tuple[str, ...]]:
    ids, splits = table.sample_ids, _splits(table)
    leaked = sorted(index for group in groups if any(splits[index] == "train" for index in group) for index in group)
    return {split: tuple(ids[index] for index in leaked if splits[index] == split) for split in held_out}


def _conflicts(table: FaceTable, groups: list[list[int]]) -> Iterable[Conflict]:
    ids, names = table.sample_ids, table.frame["expression"].to_numpy(dtype=object)
    affect = table.frame[list(AFFECT)].to_numpy(dtype=np.float64)
    for group in groups:
        kinds = ["expression"] if len({names[index] for index in group if not pd.isna(names[index])}) > 1 else []
        for column, kind in enumerate(AFFECT):
            values = affect[group, column][~np.isnan(affect[group, column])]
            # Labels have few decimals: a difference of 0.3 must not turn into one of 0.30000000000000004.
            if len(values) > 1 and round(float(np.ptp(values)), 6) > CONFLICT:
                kinds.append(kind)
        if kinds:
            labels = {
                ids[index]: {
                    "expression": None if pd.isna(names[index]) else str(names[index]),
                    "valence": _number(affect[index, 0]),
                    "arousal": _number(affect[index, 1]),
                }
                for index in group
            }
            yield Conflict(kinds=tuple(kinds), labels=labels)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _count_splits(table: FaceTable) -> dict[str, SplitCounts]:
    splits = np.array(_splits(table), dtype=object)
    counts = {}
    for split in sorted(set(splits), key=_split_order):
        frame = table.frame[splits == split]
        classes = frame["expression"].value_counts()
        counts[str(split)] = SplitCounts(
            images=len(frame),
            classes={name: int(classes.get(name, 0)) for name in EXPRESSIONS},
            no_expression=int((~frame["expression"].isin(EXPRESSIONS)).sum()),
            missing={name: int(frame[name].isna().sum()) for name in AFFECT},
        )
    return counts


def _count_out_of_range(table: FaceTable) -> dict[str, int]:
    refused = [problem for problem in table.problems if "outside [-1, 1]" in problem.reason]
    # A layout has a file for each number, or a line for all of them, which then says which number it means.
    found = {
        name: sum(problem.path.endswith(f"_{name[:3]}.npy") or problem.reason.startswith(f"{name} ") for problem in refused)
        for name in AFFECT
    }
    return {name: found[name] + int((table.frame[name].abs() > 1).sum()) for name in AFFECT}


def _splits(table: FaceTable) -> list[str]:
    return [str(split) or NO_SPLIT for split in table.frame["split"]]


def _stand_in(splits: Iterable[str]) -> str:
    """Name of a set of splits, such as ``"train + val"``."""
    return " + ".join(sorted(set(splits), key=_split_order))


def _split_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Sorts by how many splits a name joins, then train, val, test, others."""
    known = ("train", *HELD_OUT)
    parts = name.split(" + ")
    return len(parts), [(known.index(part) if part in known else len(known), part) for part in parts]


def _num_leaked(record: dict[str, Any]) -> int:
    return sum(len(ids) for ids in record["leaked"].values())
