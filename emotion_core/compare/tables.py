"""A comparison as a table and as text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from emotion_core.compare.entries import Entry, Measure
from emotion_core.compare.pairs import Comparison
from emotion_core.compare.verdicts import images_to_tell, verdict
from emotion_core.errors import ConfigError
from emotion_core.metrics.table import METRICS
from emotion_core.results.run import describe_selection
from emotion_core.texts import p_text


def comparison_table(comparison: Comparison, measures: Sequence[str]) -> pd.DataFrame:
    """The comparison as a plain table: a row an entry, and for each measure its value, interval, mark and difference.

    Columns beside the descriptive ones: ``<measure>``, ``<measure>_low``, ``<measure>_high``, ``<measure>_mark`` and, with a
    baseline, ``<measure>_diff``, ``_diff_low``, ``_diff_high``, ``_p`` and ``_p_same`` (after Holm's correction), ``_verdict``
    and ``_images_needed``; see :mod:`emotion_core.compare.verdicts`.
    """
    reasons = {id(entry): reason for entry, reason in comparison.apart}
    rows = []
    for entry in (*comparison.entries, *(entry for entry, _ in comparison.apart)):
        row: dict[str, Any] = {
            "name": entry.name,
            "kind": entry.kind,
            "backbone": entry.backbone,
            "dataset": entry.dataset,
            "split": entry.split,
            "classes": entry.num_classes,
            "images": entry.images,
            "views": entry.views,
            "preset": entry.preset,
            "seed": entry.seed,
            "chosen_by": _chosen(entry),
            "collapsed": " ".join(entry.collapse),
            "apart": reasons.get(id(entry), ""),
            "source": entry.source,
            **entry.facts,
        }
        for measure in measures:
            row |= _cells(comparison, entry, measure, tested=id(entry) not in reasons)
        rows.append(row)
    # Numbers that reported entries lack stay whole numbers.
    return pd.DataFrame(rows).astype({name: "Int64" for name in ("classes", "images", "views", "seed") if rows}).copy()


def _chosen(entry: Entry) -> str:
    return describe_selection(entry.chosen_by) if entry.chosen_by else ""


def _cells(comparison: Comparison, entry: Entry, measure: str, *, tested: bool) -> dict[str, Any]:
    known = entry.measures.get(measure, Measure(value=float("nan")))
    cells: dict[str, Any] = {measure: known.value, f"{measure}_low": known.low, f"{measure}_high": known.high}
    cells[f"{measure}_mark"] = comparison.marks.get(measure, {}).get(entry.name, "") if tested else ""
    if comparison.baseline is not None:
        difference = comparison.against_baseline(entry.name, measure) if tested else None
        cells[f"{measure}_diff"] = None if difference is None else difference.value
        cells[f"{measure}_diff_low"] = None if difference is None else difference.low
        cells[f"{measure}_diff_high"] = None if difference is None else difference.high
        cells[f"{measure}_p"] = None if difference is None else difference.p_holm
        cells[f"{measure}_p_same"] = None if difference is None else difference.p_same
        cells[f"{measure}_verdict"] = "" if difference is None else verdict(difference)
        cells[f"{measure}_images_needed"] = None if difference is None else images_to_tell(difference)
    return cells


def render_text(comparison: Comparison, measures: Sequence[str]) -> str:
    """The comparison for a terminal: a block a measure, a line an entry.

    ``*`` marks the best, ``=`` what is not significantly different from it; reported values have no interval and no mark.

    Raises:
        ConfigError: no entry has one of the measures.
    """
    apart = {id(entry) for entry, _ in comparison.apart}
    entries = [*comparison.entries, *(entry for entry, _ in comparison.apart)]
    width = max(len(entry.name) for entry in entries)
    lines: list[str] = []
    for measure in measures:
        if not any(measure in entry.measures for entry in entries):
            known = sorted({key for entry in entries for key in entry.measures})
            raise ConfigError(
                f"No run has the measure '{measure}'. Known: {', '.join(known)}. "
                "A measure that is newer than an evaluation is computed with 'python -m emotion_core remeasure RUN'."
            )
        lines += ["", f"{measure} ({METRICS[measure].better} is better)"]
        for entry in entries:
            if measure in entry.measures:
                lines.append(_line(comparison, entry, measure, width, tested=id(entry) not in apart))
    lines += [""] if comparison.apart else []
    lines += [f"not tested: {reason}" for reason in dict.fromkeys(reason for _, reason in comparison.apart)]
    lines += [f"collapsed: {entry.name}: {reason}" for entry in entries for reason in entry.collapse]
    legend = (
        "* best   = not significantly different from the best (Holm over all pairs shown, 0.05)   "
        "[..] 95 % interval over images"
    )
    return "\n".join([*lines[1:], "", legend]) + "\n"


def _line(comparison: Comparison, entry: Entry, measure: str, width: int, *, tested: bool) -> str:
    known = entry.measures[measure]
    word = comparison.marks.get(measure, {}).get(entry.name, "") if tested else ""
    mark = {"best": "*", "like best": "="}.get(word, " ")
    line = f"{mark} {entry.name:<{width}} {known.value:7.3f}"
    line += f" [{known.low:.3f}, {known.high:.3f}]" if known.low is not None and known.high is not None else " reported      "
    difference = comparison.against_baseline(entry.name, measure) if tested else None
    if difference is not None:
        line += f"  {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]  {p_text(difference.p_holm)}"
        line += f"  {verdict(difference)}"
    return line
