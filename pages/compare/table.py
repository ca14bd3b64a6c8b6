"""The table of runs, in which they are ticked, what stands apart from it, and both as files."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from emotion_core.compare import Comparison, comparison_table
from emotion_core.compare.order import GROUPS
from emotion_core.compare.pairs import MARGIN
from emotion_core.compare.paper import paper_table
from emotion_core.compare.readable import difference_text, interval_text, value_text
from emotion_core.metrics.table import METRICS
from emotion_core.results.costs import COSTS, cost_title
from emotion_core.results.tables import Form, export_table
from pages.compare.runs import Listed
from pages.shared.downloads import offer_file
from pages.shared.words import count, escape

Rows = list[dict[str, Any]]
Columns = dict[str, tuple[list[Any], Any]]
"""What stands in each column, and how Streamlit shows it."""

ROW = 35
"""Height of a row of a dataframe, px."""

LETTER, NARROW, WIDE = 7.5, 150, 310
"""Width of a letter in a dataframe; a column of names is as wide as the longest, and stays in sight up to the last; px."""


class _Cell(float):
    """A number that sorts as what it is and is shown with more words."""

    text: str

    def __new__(cls, value: float, text: str) -> _Cell:
        cell = super().__new__(cls, value)
        cell.text = text
        return cell


def show_rows(comparison: Comparison, listed: Listed, measures: Sequence[str]) -> None:
    """The listed runs, with a box to tick for each; those that are ticked are compared."""
    if not listed.rows:
        return
    reasons = {entry.name: reason for entry, reason in comparison.apart if entry.kind == "measured"}
    table = comparison_table(replace(comparison, entries=listed.rows, apart=()), measures)
    table["apart"] = [reasons.get(name, "") for name in table["name"]]
    _show(table, measures, listed=listed, baseline=comparison.baseline, margin=comparison.margin)


def show_beside(comparison: Comparison, listed: Listed, measures: Sequence[str]) -> None:
    """What cannot be tested: runs that were measured otherwise, and what others reported."""
    rows = {entry.name for entry in listed.rows}
    table = comparison_table(comparison, measures)
    apart = table[(table["apart"] != "") & ~((table["kind"] == "measured") & table["name"].isin(rows))]
    if not len(apart):
        return
    reported = apart["kind"] == "reported"
    words = [
        count(int(reported.sum()), "result that others reported", "results that others reported") if reported.any() else "",
        count(int((~reported).sum()), "run measured otherwise", "runs measured otherwise") if (~reported).any() else "",
    ]
    st.markdown(f"**Beside, not tested**: {' and '.join(filter(None, words))}.")
    if reported.any():
        st.caption("○ Reported without predictions: no interval and no test is possible, and the test images may be others.")
    _show(apart, measures)


def _show(
    table: pd.DataFrame,
    measures: Sequence[str],
    *,
    listed: Listed | None = None,
    baseline: str | None = None,
    margin: float = MARGIN,
) -> None:
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    known = [measure for measure in measures if table[measure].notna().any()]
    compared = known if baseline is not None and len(rows) > 1 else []
    columns: Columns = {}
    _names(rows, columns)
    if listed is not None and listed.group is not None:
        groups = [GROUPS[listed.group](entry) or "none" for entry in listed.rows]
        columns["group"] = groups, st.column_config.TextColumn(listed.group, width=140)
    _values(rows, known[:1], columns)
    if compared and baseline is not None:
        _tests(rows, compared[0], baseline, margin, columns)
    _values(rows, known[1:], columns)
    if any(row["collapsed"] for row in rows):
        columns["collapsed"] = (
            [row["collapsed"] for row in rows],
            st.column_config.TextColumn(
                "⚠ collapsed", width=110, help="Why the run counts as collapsed: it answers nearly the same for every image."
            ),
        )
    _differences(rows, compared[1:], str(baseline), columns)
    _facts(table, columns)
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, (values, _) in columns.items()})
    style = frame.style.format({name: _text for name in (*known, *(f"{measure}_diff" for measure in compared))})
    if listed is not None:
        best: list[Hashable] = [*known]
        style = style.map(_tint, subset=best)
    chosen: dict[str, Any] = {}
    if listed is not None:
        chosen = {"on_select": "rerun", "selection_mode": "multi-row", "key": listed.key}
        chosen["selection_default"] = {"selection": {"rows": listed.places}}
    st.dataframe(
        style,
        hide_index=True,
        column_config={name: config for name, (_, config) in columns.items()},
        height=min(len(rows), 6 if listed is None else 14) * ROW + ROW + 3,
        placeholder="",
        alt=f"{len(rows)} rows with {', '.join(METRICS[measure].title for measure in known) or 'no measures'}",
        **(chosen or {"key": "table-apart"}),
    )


def _names(rows: Rows, columns: Columns) -> None:
    signs = ["○ " if row["kind"] == "reported" else "⚠ " if row["collapsed"] else "" for row in rows]
    names = [f"{sign}{row['name']}" for sign, row in zip(signs, rows, strict=True)]
    room = round(max(LETTER * max(map(len, names), default=0) + 20, NARROW))
    # A long name that stays would leave no room for what stands behind it, any name on a phone.
    stays = room <= WIDE and "Mobi" not in (st.context.headers.get("User-Agent") or "")
    config = st.column_config.TextColumn(
        "run", pinned=stays, width=min(room, 2 * WIDE), help="Name of the run, or who reported it."
    )
    columns["run"] = (names, config)


def _values(rows: Rows, measures: Sequence[str], columns: Columns) -> None:
    width = 90 if all(row["kind"] == "reported" for row in rows) else 175
    for measure in measures:
        words = METRICS[measure]
        columns[measure] = (
            [_Cell(row[measure], value_text(row, measure)) for row in rows],
            st.column_config.NumberColumn(words.header, help=words.help, width=width),
        )


def _tests(rows: Rows, measure: str, baseline: str, margin: float, columns: Columns) -> None:
    """How a run differs from the baseline in the first measure: what is read first."""
    other = escape(baseline)
    name, title = f"{measure}_diff", METRICS[measure].title
    differences = [float("nan") if row[name] is None else row[name] for row in rows]
    columns[name] = (
        [_Cell(value, interval_text(row, name)) for value, row in zip(differences, rows, strict=True)],
        st.column_config.NumberColumn(
            f"Δ {title}",
            width=165,
            help=f"Difference in {title} from {other} on the same images, and its 95 % interval. The interval is that of this "
            "one difference: it is not corrected for the number of pairs, as p is.",
        ),
    )
    columns["p"] = (
        [row[f"{measure}_p"] for row in rows],
        st.column_config.NumberColumn(
            "p",
            width=62,
            format="%.3f",
            help=f"Of the paired test against {other} (accuracy: McNemar's exact test), after Holm's correction over all pairs "
            "of ticked runs. So p can be above 0.05 where the interval of the single difference leaves out 0.",
        ),
    )
    columns["verdict"] = (
        [row["apart"] or ("baseline" if row["name"] == baseline else row[f"{measure}_verdict"]) for row in rows],
        st.column_config.TextColumn(
            "verdict",
            width=175,
            help=f"Against {other}: significantly better or worse at 0.05; practically the same where two one-sided tests "
            f"show, likewise corrected, that the difference is below {margin:g}; else not significantly different, which "
            "does not mean that they are the same.",
        ),
    )
    columns["needed"] = (
        [_whole(row[f"{measure}_images_needed"]) for row in rows],
        st.column_config.NumberColumn(
            "images to tell",
            width=105,
            format="localized",
            help="How many test images it would take to find a difference of this size significant in four of five cases "
            "(power 0.8), at 0.05 by the number of pairs.",
        ),
    )


def _whole(number: float | None) -> int | None:
    return None if number is None or not math.isfinite(number) else int(number)


def _differences(rows: Rows, measures: Sequence[str], baseline: str, columns: Columns) -> None:
    for measure in measures:
        name, title = f"{measure}_diff", METRICS[measure].title
        columns[name] = (
            [_Cell(float("nan") if row[name] is None else row[name], difference_text(row, measure)) for row in rows],
            st.column_config.NumberColumn(
                f"Δ {title}",
                width=230,
                help=f"Difference in {title} from {escape(baseline)}, its 95 % interval over images, "
                "and the p-value after Holm's correction over all pairs of runs shown.",
            ),
        )


def _text(cell: object) -> str:
    return cell.text if isinstance(cell, _Cell) else str(cell)


def _tint(cell: object) -> str:
    """The best stands out; grey lies on a light and on a dark page alike."""
    return "background-color: rgba(31, 111, 139, 0.22)" if _text(cell).startswith("★") else ""


def _facts(table: pd.DataFrame, columns: Columns) -> None:
    """What describes a run beside its measures, as far as any row has it."""
    text = st.column_config.TextColumn
    number = st.column_config.NumberColumn
    for name, column in {
        "images": number("images", help="How many images it was measured on.", width=80, format="localized"),
        "views": number(
            "views",
            help="Of each picture: 2 with flip test-time augmentation, the mean over it and its mirror image.",
            width=70,
        ),
        "classes": number("classes", help="Between how many expressions it decides.", width=75),
        "seed": number("seed", help="Of the training.", width=65),
        "chosen_by": text("checkpoint", help="Which epoch is stored, and what chose it.", width=220),
        **{fact: number(f"{cost_title(fact)} ↓", help="What it costs; less is better.", format="%.3f") for fact in COSTS},
        "preset": text("preset", help="Training configuration, or the protocol of a report.", width=260),
        "apart": text("why not tested", width=340, help="Why a difference from the runs above would mean nothing."),
        "source": text("source", width=340, help="Where the numbers come from."),
    }.items():
        if name in table and ((table[name].notna()) & (table[name] != "")).any():
            columns[name] = (table[name].tolist(), column)
    if (table["kind"] == "measured").all() and table["classes"].nunique() < 2:
        columns.pop("classes", None)
    if not (table["views"] == 2).any():
        columns.pop("views", None)
    if (table["apart"] == "").all():
        columns.pop("source", None)


def offer_table(comparison: Comparison, measures: Sequence[str], evaluation: str) -> None:
    """The comparison as CSV and JSON with every number, as Markdown and LaTeX as it goes into a paper."""
    forms: dict[str, tuple[Form, str, str, str]] = {
        "CSV": ("csv", "text/csv", "csv", "Every number in a column of its own."),
        "JSON": ("json", "application/json", "json", "The same for programs."),
        "Markdown": ("markdown", "text/markdown", "md", "For a paper: with a caption, and sources as footnotes."),
        "LaTeX": ("latex", "application/x-tex", "tex", "For a paper: a table with a caption, and sources as footnotes."),
    }
    with st.container(horizontal=True, gap="small"):
        for title, (form, mime, ending, meaning) in forms.items():
            make = partial(_as_text, comparison, measures, form)
            offer_file(title, make, f"comparison-{evaluation}.{ending}", mime, key=form, meaning=meaning)


def _as_text(comparison: Comparison, measures: Sequence[str], form: Form) -> str:
    if form in ("markdown", "latex"):
        return paper_table(comparison, measures, form)
    return export_table(comparison_table(comparison, measures), form)
