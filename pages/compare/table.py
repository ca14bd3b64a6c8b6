"""The table of runs, what stands apart from it, and both as files."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from emotion_core.compare import Comparison, Entry, seed_spread
from emotion_core.compare.readable import difference_text, readable_table, value_text
from emotion_core.metrics.table import METRICS
from emotion_core.results.costs import COSTS, cost_title
from emotion_core.results.tables import Form, export_table
from emotion_core.texts import plain
from pages.shared.downloads import offer_file
from pages.shared.words import count, escape

Rows = list[dict[str, Any]]
Columns = dict[str, tuple[list[Any], Any]]
"""What stands in each column, and how Streamlit shows it."""

ROW = 35
"""Height of a row of a dataframe, px."""

LETTER, NARROW, WIDE = 7.5, 190, 310
"""Width of a letter in a dataframe, and of the column of names: wide enough for a long one, never most of a screen; px."""


class _Cell(float):
    """A number that sorts as what it is and is shown with more words."""

    text: str

    def __new__(cls, value: float, text: str) -> _Cell:
        cell = super().__new__(cls, value)
        cell.text = text
        return cell


def show_table(comparison: Comparison, table: pd.DataFrame, measures: Sequence[str], other_seeds: Sequence[Entry]) -> None:
    """Runs that were compared, then those that could not be, then the spread over seeds, of runs that are not shown too."""
    tested, apart = table[table["apart"] == ""], table[table["apart"] != ""]
    if len(tested):
        _show(tested, measures, key="compared", baseline=comparison.baseline)
        _legend(comparison, tested, len(other_seeds))
    if len(apart):
        reported = apart["kind"] == "reported"
        words = [
            count(int(reported.sum()), "result that others reported", "results that others reported") if reported.any() else "",
            count(int((~reported).sum()), "run measured otherwise", "runs measured otherwise") if (~reported).any() else "",
        ]
        st.markdown(f"**Beside, not tested**: {' and '.join(filter(None, words))}.")
        if reported.any():
            st.caption(
                "○ Reported without predictions: no interval and no test is possible, and the test images may be others."
            )
        _show(apart, measures, key="apart", baseline=None)
    _show_seeds(comparison, measures, other_seeds)


def _show(table: pd.DataFrame, measures: Sequence[str], *, key: str, baseline: str | None) -> None:
    rows = [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]
    known = [measure for measure in measures if table[measure].notna().any()]
    compared = known if baseline is not None and len(rows) > 1 else []
    columns: Columns = {}
    _names(rows, columns)
    _values(rows, known, columns)
    if any(row["collapsed"] for row in rows):
        columns["collapsed"] = (
            [row["collapsed"] for row in rows],
            st.column_config.TextColumn(
                "⚠ collapsed", width=110, help="Why the run counts as collapsed: it answers nearly the same for every image."
            ),
        )
    _differences(rows, compared, str(baseline), columns)
    _facts(table, columns)
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, (values, _) in columns.items()})
    style = frame.style.format({name: _text for name in (*known, *(f"{measure}_diff" for measure in compared))})
    if key == "compared":
        best: list[Hashable] = [*known]
        style = style.map(_tint, subset=best)
    st.dataframe(
        style,
        hide_index=True,
        column_config={name: config for name, (_, config) in columns.items()},
        key=f"table-{key}",
        height=min(len(rows), 14 if key == "compared" else 6) * ROW + ROW + 3,
        placeholder="",
        alt=f"{len(rows)} rows with {', '.join(METRICS[measure].title for measure in known) or 'no measures'}",
    )


def _names(rows: Rows, columns: Columns) -> None:
    signs = ["○ " if row["kind"] == "reported" else "⚠ " if row["collapsed"] else "" for row in rows]
    names = [f"{sign}{row['name']}" for sign, row in zip(signs, rows, strict=True)]
    room = round(min(max(LETTER * max(map(len, names)) + 20, NARROW), WIDE))
    # A name that stays would leave a phone no room for what stands behind it.
    stays = "Mobi" not in (st.context.headers.get("User-Agent") or "")
    config = st.column_config.TextColumn("run", pinned=stays, width=room, help="Name of the run, or who reported it.")
    columns["run"] = (names, config)


def _values(rows: Rows, measures: Sequence[str], columns: Columns) -> None:
    width = 90 if all(row["kind"] == "reported" for row in rows) else 175
    for measure in measures:
        words = METRICS[measure]
        columns[measure] = (
            [_Cell(row[measure], value_text(row, measure)) for row in rows],
            st.column_config.NumberColumn(words.header, help=words.help, width=width),
        )


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


def _legend(comparison: Comparison, tested: pd.DataFrame, other_seeds: int) -> None:
    pairs = len(tested) * (len(tested) - 1) // 2
    if not pairs:
        alone = "One run alone: evaluate another on the same images to compare."
        if other_seeds:
            alone = (
                f"One training alone: “Every seed” above also shows {count(other_seeds, 'other seed', 'other seeds')} of it."
            )
        st.caption(f"{alone} [..] is the 95 % interval over images.")
        return
    words = (
        "★ best, ≈ not significantly different from the best at 0.05 after Holm's correction over "
        f"{count(pairs, 'pair', 'pairs')} of runs. "
    )
    words += "[..] is the 95 % interval over images"
    if comparison.baseline is not None:
        words += f", Δ the difference from {escape(comparison.baseline)} on the same images"
    st.caption(f"{words}.")


def _show_seeds(comparison: Comparison, measures: Sequence[str], other_seeds: Sequence[Entry]) -> None:
    entries = [*comparison.entries, *(entry for entry, _ in comparison.apart if entry.kind == "measured")]
    entries += other_seeds
    rows: dict[tuple[str, ...], dict[str, object]] = {}
    for measure in measures:
        for spread in seed_spread(entries, measure):
            row = rows.setdefault(
                spread.names, {"backbone": spread.backbone, "seeds": len(spread.names), "runs": ", ".join(spread.names)}
            )
            row[measure] = f"{plain(spread.mean)} ± {plain(spread.sd)}"
    if not rows:
        return
    st.markdown("**Same training, other seeds**: mean ± standard deviation over trainings, not over images.")
    frame = pd.DataFrame(list(rows.values()))
    order = ["backbone", *(measure for measure in measures if measure in frame), "seeds", "runs"]
    st.dataframe(
        frame[order],
        hide_index=True,
        key="table-seeds",
        column_config={
            **{
                measure: st.column_config.TextColumn(METRICS[measure].header, help=METRICS[measure].help)
                for measure in measures
            },
            "seeds": st.column_config.NumberColumn("seeds", width=65, help="How many trainings."),
            "runs": st.column_config.TextColumn("runs", width=340),
        },
        alt="Spread over seeds",
    )


def offer_table(table: pd.DataFrame, measures: Sequence[str], evaluation: str) -> None:
    """The table as CSV and JSON with every number, as Markdown and LaTeX as people read it."""
    forms: dict[str, tuple[Form, str, str, str]] = {
        "CSV": ("csv", "text/csv", "csv", "Every number in a column of its own."),
        "JSON": ("json", "application/json", "json", "The same for programs."),
        "Markdown": ("markdown", "text/markdown", "md", "As shown here."),
        "LaTeX": ("latex", "application/x-tex", "tex", "As shown here, a tabular."),
    }
    with st.container(horizontal=True, gap="small"):
        for title, (form, mime, ending, meaning) in forms.items():
            make = partial(_as_text, table, measures, form)
            offer_file(title, make, f"comparison-{evaluation}.{ending}", mime, key=form, meaning=meaning)


def _as_text(table: pd.DataFrame, measures: Sequence[str], form: Form) -> str:
    return export_table(table if form in ("csv", "json") else readable_table(table, measures), form)
