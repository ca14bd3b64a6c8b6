"""A comparison as it goes into a paper: a table in LaTeX or Markdown, with a caption and footnotes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from emotion_core.compare.entries import Entry
from emotion_core.compare.pairs import ALPHA, Comparison
from emotion_core.errors import ConfigError
from emotion_core.metrics.table import METRICS
from emotion_core.results.tables import markdown, markdown_table, tex
from emotion_core.texts import listing, plain

PaperForm = Literal["latex", "markdown"]

PAPER_MEASURES = ("accuracy", "f1_macro", "ccc_valence", "ccc_arousal")
"""What a table holds when nobody asks for other measures: as many as fit on a page."""

INLINE = 2
"""With more measures, intervals stand below their values in LaTeX."""

SIGNIFICANT = "†"


@dataclass(frozen=True, kw_only=True)
class _Cell:
    value: str
    interval: str = ""
    bold: bool = False
    dagger: bool = False


def paper_table(comparison: Comparison, measures: Sequence[str], form: PaperForm) -> str:
    """The comparison as a table with a caption.

    The best value of each measure is bold, and a dagger marks what is significantly different from the baseline, or from the
    best where there is no baseline. Footnotes give the sources of reported rows, and say why others are not tested.

    Args:
        comparison: its marks and differences have to hold the measures.
        measures: keys.
        form: ``"latex"``, a ``table`` for the package booktabs; or ``"markdown"``, with footnotes as GitHub and Pandoc
            read them.

    Raises:
        ConfigError: no entry has one of the measures.
    """
    entries = [*comparison.entries, *(entry for entry, _ in comparison.apart)]
    for measure in measures:
        if not any(measure in entry.measures for entry in entries):
            raise ConfigError(f"No run has the measure '{measure}'. Leave it out of --measures.")
    entries = [entry for entry in entries if any(measure in entry.measures for measure in measures)]
    notes = _notes(comparison)
    heads = [METRICS[measure].header for measure in measures]
    cells = [[_cell(comparison, entry, measure) for measure in measures] for entry in entries]
    # Who reported a row is in its footnote.
    names = [entry.backbone if entry.kind == "reported" else entry.name for entry in entries]
    said = caption(comparison, any(cell.dagger for row in cells for cell in row))
    write = _latex if form == "latex" else _markdown
    return write(names, heads, cells, [notes.get(id(entry)) for entry in entries], said)


def caption(comparison: Comparison, significant: bool) -> str:
    """What the table shows: split, images, intervals, tests and correction.

    Args:
        comparison: that it shows.
        significant: whether anything in it has a dagger.
    """
    entries = [*comparison.entries, *(entry for entry, _ in comparison.apart)]
    first = next((entry for entry in entries if entry.kind == "measured"), None)
    parts = []
    if first is not None:
        between = "" if first.between is None else f", between {len(first.between)} expressions ({listing(first.between)})"
        parts.append(
            f"{first.dataset}, {first.split} split, {first.images:,} images{between}; values with 95 % bootstrap intervals "
            "over images."
        )
    parts.append("Bold: best.")
    if len(comparison.entries) > 1:
        other = "the best" if comparison.baseline is None else comparison.baseline
        exact = "McNemar's exact test for accuracy, for all others the" if _tests_accuracy(comparison) else "The"
        parts.append(
            f"{f'{SIGNIFICANT}: ' if significant else 'None is '}significantly different from {other} at {ALPHA:g}. {exact} "
            "normal approximation over paired bootstrap resamples; Holm's correction over all pairs of runs shown, measure by "
            "measure."
        )
    return " ".join(parts)


def _tests_accuracy(comparison: Comparison) -> bool:
    return any(difference.measure == "accuracy" for difference in comparison.differences)


def _notes(comparison: Comparison) -> dict[int, str]:
    """A footnote for each entry without a test, by its identity."""
    return {
        id(entry): f"Reported: {entry.source}." if entry.kind == "reported" else f"Not tested: {reason}"
        for entry, reason in comparison.apart
    }


def _cell(comparison: Comparison, entry: Entry, measure: str) -> _Cell:
    known = entry.measures.get(measure)
    if known is None or not math.isfinite(known.value):
        return _Cell(value="")
    tested = any(entry is other for other in comparison.entries)
    ends = known.low is not None and known.high is not None and math.isfinite(known.low) and math.isfinite(known.high)
    return _Cell(
        value=plain(known.value),
        interval=f"[{plain(known.low)}, {plain(known.high)}]" if ends else "",  # type: ignore[arg-type]
        bold=tested and comparison.marks.get(measure, {}).get(entry.name) == "best",
        dagger=tested and _differs(comparison, entry, measure),
    )


def _differs(comparison: Comparison, entry: Entry, measure: str) -> bool:
    if comparison.baseline is None:
        return comparison.marks.get(measure, {}).get(entry.name) == "" and len(comparison.entries) > 1
    difference = comparison.against_baseline(entry.name, measure)
    return difference is not None and difference.p_holm < ALPHA


def _numbered(notes: Sequence[str | None]) -> dict[str, int]:
    """Numbers of different footnotes, in the order in which they are met."""
    return {note: number for number, note in enumerate(dict.fromkeys(note for note in notes if note), start=1)}


def _latex(names: Sequence[str], heads: Sequence[str], cells: list[list[_Cell]], notes: Sequence[str | None], said: str) -> str:
    numbers = _numbered(notes)
    marks = [f"\\textsuperscript{{{_letter(numbers[note])}}}" if note else "" for note in notes]
    index = [f"{tex(name)}{mark}" for name, mark in zip(names, marks, strict=True)]
    stacked = len(heads) > INLINE
    table = pd.DataFrame(
        [[_latex_cell(cell, stacked=stacked) for cell in row] for row in cells],
        index=index,
        columns=[_latex_head(head, stacked=stacked) for head in heads],
    )
    text = table.style.to_latex(
        hrules=True,
        position="tbp",
        position_float="centering",
        caption=tex(said),
        label="tab:comparison",
        column_format="l" + "c" * len(heads),
    )
    kinds = [note is None for note in notes]
    lines = text.splitlines()
    place = lines.index("\\centering") + 1
    lines[place:place] = ["\\small", "\\setlength{\\tabcolsep}{3pt}", "\\setlength{\\belowcaptionskip}{6pt}"]
    if True in kinds and False in kinds:
        # A rule between what was tested and what was not.
        start = next(place for place, line in enumerate(lines) if line == "\\midrule")
        lines.insert(start + 1 + kinds.index(False), "\\midrule")
    sources = [f"\\textsuperscript{{{_letter(number)}}} {tex(note)}" for note, number in numbers.items()]
    if sources:
        foot = "\\par\\smallskip\n\\parbox{\\linewidth}{\\footnotesize\\raggedright " + "\\\\\n".join(sources) + "}"
        lines.insert(lines.index("\\end{table}"), foot)
    return "\n".join(["% \\usepackage{booktabs}", *lines]) + "\n"


def _latex_cell(cell: _Cell, *, stacked: bool) -> str:
    if not cell.value:
        return "--"
    value = f"\\textbf{{{tex(cell.value)}}}" if cell.bold else tex(cell.value)
    dagger = "\\textsuperscript{\\dag}" if cell.dagger else ""
    # Where it takes no room, values stay below each other.
    value += f"\\rlap{{{dagger}}}" if dagger and (stacked or not cell.interval) else dagger
    if not cell.interval:
        return value
    small = f"{{\\scriptsize {tex(cell.interval)}}}"
    # From the first line on, so that the name of the run stands beside the value.
    return f"\\begin{{tabular}}[t]{{@{{}}c@{{}}}}{value}\\\\[-2pt]{small}\\end{{tabular}}" if stacked else f"{value} {small}"


def _latex_head(head: str, *, stacked: bool) -> str:
    first, space, last = tex(head).partition(" ")
    # An arrow alone makes no second line.
    return f"\\shortstack{{{first}\\\\{last}}}" if stacked and space and " " in last else tex(head)


def _letter(number: int) -> str:
    """Numbers would be read as powers."""
    return chr(ord("a") + number - 1) if number <= 26 else str(number)


def _markdown(
    names: Sequence[str], heads: Sequence[str], cells: list[list[_Cell]], notes: Sequence[str | None], said: str
) -> str:
    numbers = _numbered(notes)
    marks = [f"[^{numbers[note]}]" if note else "" for note in notes]
    index = [f"{markdown(name)}{mark}" for name, mark in zip(names, marks, strict=True)]
    rows = [[name, *map(_markdown_cell, row)] for name, row in zip(index, cells, strict=True)]
    table = markdown_table(["run", *map(markdown, heads)], rows, align=["---", *["---:"] * len(heads)])
    sources = [f"[^{number}]: {markdown(note)}\n" for note, number in numbers.items()]
    return f"{markdown(said)}\n\n{table}" + ("\n" + "".join(sources) if sources else "")


def _markdown_cell(cell: _Cell) -> str:
    value = f"**{cell.value}**" if cell.bold else cell.value
    return f"{value}{SIGNIFICANT if cell.dagger else ''} {cell.interval}".strip()
