"""The table of runs, what stands apart from it, and both as files."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from emotion_core.compare import Comparison, Entry, seed_spread
from emotion_core.figures.compare_tables import difference_text, readable_table, value_text
from emotion_core.metrics.table import METRICS
from emotion_core.results.costs import COSTS, cost_title
from emotion_core.results.tables import export_table
from pages.shared.words import count, escape

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
    rows = table.to_dict("records")
    signs = ["○ " if row["kind"] == "reported" else "⚠ " if row["collapsed"] else "" for row in rows]
    reported = all(row["kind"] == "reported" for row in rows)
    names = [f"{sign}{row['name']}" for sign, row in zip(signs, rows, strict=True)]
    columns: dict[str, object] = {"run": names}
    room = round(min(max(LETTER * max(map(len, names)) + 20, NARROW), WIDE))
    # A name that stays would leave a phone no room for what stands behind it.
    stays = "Mobi" not in (st.context.headers.get("User-Agent") or "")
    config = {"run": st.column_config.TextColumn("run", pinned=stays, width=room, help="Name of the run, or who reported it.")}
    texts = []
    known = [measure for measure in measures if table[measure].notna().any()]
    for measure in known:
        words = METRICS[measure]
        columns[measure] = pd.Series([_Cell(row[measure], value_text(row, measure)) for row in rows], dtype=object)
        config[measure] = st.column_config.NumberColumn(words.header, help=words.help, width=90 if reported else 175)
        texts.append(measure)
    if any(row["collapsed"] for row in rows):
        columns["collapsed"] = [row["collapsed"] for row in rows]
        config["collapsed"] = st.column_config.TextColumn(
            "⚠ collapsed", width=110, help="Why the run counts as collapsed: it answers nearly the same for every image."
        )
    for measure in known if baseline is not None and len(rows) > 1 else ():
        name = f"{measure}_diff"
        columns[name] = pd.Series(
            [_Cell(float("nan") if row[name] is None else row[name], difference_text(row, measure)) for row in rows],
            dtype=object,
        )
        config[name] = st.column_config.NumberColumn(
            f"Δ {METRICS[measure].title}",
            width=230,
            help=f"Difference in {METRICS[measure].title} from {escape(str(baseline))}, its 95 % interval over images, "
            "and the p-value after Holm's correction over all pairs of runs shown.",
        )
        texts.append(name)
    _facts(table, columns, config)
    frame = pd.DataFrame(columns)
    style = frame.style.format({name: _text for name in texts})
    if key == "compared":
        style = style.map(_tint, subset=known)
    st.dataframe(
        style,
        hide_index=True,
        column_config=config,
        key=f"table-{key}",
        height=min(len(rows), 14 if key == "compared" else 6) * ROW + ROW + 3,
        placeholder="",
        alt=f"{len(rows)} rows with {', '.join(METRICS[measure].title for measure in known) or 'no measures'}",
    )


def _text(cell: _Cell) -> str:
    return cell.text


def _tint(cell: _Cell) -> str:
    """The best stands out; grey lies on a light and on a dark page alike."""
    return "background-color: rgba(31, 111, 139, 0.22)" if cell.text.startswith("★") else ""


def _facts(table: pd.DataFrame, columns: dict[str, object], config: dict[str, object]) -> None:
    """What describes a run beside its measures, as far as any row has it."""
    text = st.column_config.TextColumn
    number = st.column_config.NumberColumn
    for name, column in {
        "images": number("images", help="How many images it was measured on.", width=80, format="localized"),
        "views": number(
            "views", help="Of each picture: with 2, its outputs are the mean with those of its mirror image.", width=70
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
            columns[name] = table[name].tolist() if table[name].dtype == object else table[name].to_numpy(dtype=object)
            config[name] = column
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
        f"★ best, ≈ cannot be told from the best at 0.05 after Holm's correction over {count(pairs, 'pair', 'pairs')} of runs. "
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
            row[measure] = f"{spread.mean:.3f} ± {spread.sd:.3f}".replace("-", "\N{MINUS SIGN}")
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
    forms = {
        "CSV": ("csv", "text/csv", "csv", "Every number in a column of its own."),
        "JSON": ("json", "application/json", "json", "The same for programs."),
        "Markdown": ("markdown", "text/markdown", "md", "As shown here."),
        "LaTeX": ("latex", "application/x-tex", "tex", "As shown here, a tabular."),
    }
    with st.container(horizontal=True, gap="small"):
        for title, (form, mime, ending, help_text) in forms.items():
            st.download_button(
                title,
                lambda form=form: export_table(
                    table if form in ("csv", "json") else readable_table(table, measures),
                    form,  # type: ignore[arg-type]
                ),
                file_name=f"comparison-{evaluation}.{ending}",
                mime=mime,
                icon=":material/download:",
                on_click="ignore",
                key=f"download-{form}",
                help=help_text,
            )
