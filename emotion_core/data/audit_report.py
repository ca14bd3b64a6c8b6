"""An audit as text: one thing a paragraph, counts first, then a few ids to look at."""

from __future__ import annotations

from collections.abc import Iterable

from emotion_core.data.audit import NO_SPLIT, Audit, Conflict
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.texts import printable


def describe_audit(audit: Audit, *, examples: int = 3) -> str:
    """The report that the command line prints.

    Args:
        audit: what was found.
        examples: so many ids, groups or pairs are shown of each kind; ``to_dict`` has them all.
    """
    paragraphs = [
        [f"{audit.dataset}: {audit.images:,} images"],
        _counts(audit),
        _files(audit, examples),
        _duplicates(audit, examples),
        _conflicts(audit, examples),
        _near_duplicates(audit, examples),
    ]
    text = "\n\n".join("\n".join(lines) for lines in paragraphs)
    # Ids are file names, which are untrusted: a control character in one must not reach the terminal.
    return printable(text, keep="\n")


def _counts(audit: Audit) -> list[str]:
    columns = audit.splits.values()
    rows = [
        ("images", [split.images for split in columns]),
        *((name, [split.classes[name] for split in columns]) for name in EXPRESSIONS),
        ("no usable expression", [split.no_expression for split in columns]),
        *((f"no {name}", [split.missing[name] for split in columns]) for name in AFFECT),
    ]
    head = f"{'':<22}" + "".join(f"{'no split' if name == NO_SPLIT else name:>10}" for name in audit.splits)
    lines = [head, *(f"{name:<22}" + "".join(f"{value:>10,}" for value in values) for name, values in rows)]
    return [*lines, *(f"{name} outside [-1, 1]: {audit.out_of_range[name]:,}" for name in AFFECT)]


def _files(audit: Audit, examples: int) -> list[str]:
    lines = []
    for what, problems in (("broken samples, left out", audit.problems), ("unreadable pictures", audit.unreadable)):
        lines += [f"{what}: {len(problems):,}", *_shown(map(str, problems), len(problems), examples)]
    return lines


def _duplicates(audit: Audit, examples: int) -> list[str]:
    found = audit.duplicates
    images = sum(map(len, found.groups))
    lines = [
        "exact duplicates: the same pixels after decoding",
        f"  {found.distinct:,} distinct pictures; {found.repeats:,} images repeat one of them (readable images minus distinct)",
        f"  {len(found.groups):,} groups of {images:,} images in all",
        *(f"    {name}: {tally['groups']:,} groups, {tally['images']:,} images" for name, tally in found.by_splits.items()),
        f"  leaked, that is held-out images that also stand in train: {_leaked(found.leaked)}",
    ]
    # Groups that cross a border between splits do the most harm, so they are shown first.
    splits = {sample_id: name for name, ids in found.leaked.items() for sample_id in ids}
    groups = sorted(found.groups, key=lambda ids: not any(sample_id in splits for sample_id in ids))
    return lines + _shown((" = ".join(ids) for ids in groups), len(groups), examples)


def _conflicts(audit: Audit, examples: int) -> list[str]:
    counts = ", ".join(f"{kind} {count:,}" for kind, count in audit.count_conflicts().items())
    head = f"label conflicts between exact duplicates: {len(audit.conflicts):,} groups ({counts})"
    return [head, *_shown(map(_conflict, audit.conflicts), len(audit.conflicts), examples)]


def _conflict(conflict: Conflict) -> str:
    labels = []
    for sample_id, label in conflict.labels.items():
        values = (label[kind] for kind in conflict.kinds)
        words = ("none" if value is None else value if isinstance(value, str) else f"{value:+.2f}" for value in values)
        labels.append(f"{sample_id} ({', '.join(words)})")
    return f"{', '.join(conflict.kinds)}: {'; '.join(labels)}"


def _near_duplicates(audit: Audit, examples: int) -> list[str]:
    found = audit.near_duplicates
    mirrored = sum(pair.mirrored for pair in found.pairs)
    lines = [
        f"near duplicates: different pictures whose thumbnails correlate by {found.threshold:g} or more",
        f"  {len(found.pairs):,} pairs of distinct pictures, {mirrored:,} of them mirrored",
        *(f"    {name}: {count:,} pairs" for name, count in found.by_splits.items()),
        f"  further held-out images that nearly stand in train: {_leaked(found.leaked)}",
    ]
    pairs = (f"{' ~ '.join(pair.ids)} ({pair.correlation:.3f}{', mirrored' if pair.mirrored else ''})" for pair in found.pairs)
    return lines + _shown(pairs, len(found.pairs), examples)


def _leaked(leaked: dict[str, tuple[str, ...]]) -> str:
    parts = ", ".join(f"{split} {len(ids):,}" for split, ids in leaked.items())
    return f"{sum(map(len, leaked.values())):,} ({parts})"


def _shown(entries: Iterable[str], count: int, examples: int) -> list[str]:
    lines = [f"  e.g. {entry}" for entry, _ in zip(entries, range(examples), strict=False)]
    return lines if count <= examples else [*lines, f"  … and {count - examples:,} more"]
