"""What is drawn below the table: one view at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from emotion_core.compare import Comparison, Entry, comparison_table
from emotion_core.compare.answers import calibration_error, class_table, confusion_table
from emotion_core.compare.matrix import MATRIX_MEASURE, generalisation_matrix, matrix_legend, matrix_table, readable_matrix
from emotion_core.compare.order import GROUPS, best_first
from emotion_core.compare.trainings import history_table, settings_of, settings_table
from emotion_core.compare.worth import worth_their_cost
from emotion_core.errors import EmotionCoreError
from emotion_core.figures.compare.classes import class_dots, confusion_heatmap, reliability_curves
from emotion_core.figures.compare.coverage import coverage_curves
from emotion_core.figures.compare.curves import WINDOW, curve_measures, training_curves
from emotion_core.figures.compare.forest import forest_plot, forest_rows
from emotion_core.figures.compare.generalisation import generalisation_heatmap
from emotion_core.figures.compare.profile import profile
from emotion_core.figures.compare.trade_off import trade_off, trade_off_rows
from emotion_core.metrics.classification import normalise_confusion
from emotion_core.metrics.table import METRICS
from emotion_core.results.costs import COSTS, cost_title
from emotion_core.results.tables import export_table
from pages.compare.cache import answers_of, compare_measure, coverage_of, histories_of
from pages.shared.charts import CHART
from pages.shared.downloads import offer_file
from pages.shared.figure_files import offer_figures
from pages.shared.words import count, escape

FEW = 8
"""So many lines can be distinguished in one figure."""

_NO_GROUP = {"measured": "no experiment", "reported": "reported"}
"""What runs without a group stand below."""

BY = {"by true expression": "row", "by predicted": "column", "images": "count"}


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a view draws from.

    Attributes:
        comparison: of the runs shown.
        measures: those of the table above.
        everything: every evaluation there is, also on other datasets.
    """

    comparison: Comparison
    measures: tuple[str, ...]
    everything: tuple[Entry, ...] = ()

    @property
    def entries(self) -> list[Entry]:
        """All of them, the comparable ones first."""
        return [*self.comparison.entries, *(entry for entry, _ in self.comparison.apart)]

    def tested(self, measure: str) -> Comparison:
        """The comparison in a measure that may not be one of those above."""
        return self.comparison if measure in self.measures else compare_measure(self.comparison, measure)

    @property
    def runs(self) -> list[Entry]:
        """Measured entries, the comparable ones first."""
        return [entry for entry in self.entries if entry.run is not None]

    def few(self) -> list[Entry]:
        """The baseline and the best of them by the first measure; as many as a figure can hold."""
        if len(self.runs) <= FEW:
            return self.runs
        st.caption(f"The {FEW} best of {len(self.runs)} runs; choose others above.")
        return best_first(self.runs, self.measures[0], leader=self.comparison.baseline)[:FEW]


def show_views(shown: Compared) -> None:
    """A switch and the chosen view."""
    view = st.segmented_control(
        "View", list(VIEWS), default=next(iter(VIEWS)), required=True, key="view", bind="query-params", wrap=True,
        label_visibility="collapsed",
    )  # fmt: skip
    VIEWS[str(view)](shown)


def _draw(figure: go.Figure, key: str, alt: str) -> None:
    st.plotly_chart(figure, key=f"figure-{key}", config=CHART, alt=alt)


def _offer(figures: Sequence[go.Figure], data: pd.DataFrame, name: str) -> None:
    """Numbers as CSV, figures as a page that needs nothing else and as pictures."""
    with st.container(horizontal=True, gap="small"):
        offer_file(
            "Data, CSV", lambda: export_table(data, "csv"), f"{name}.csv", "text/csv", key=f"data-{name}",
            meaning="The numbers of this view.",
        )  # fmt: skip
        if figures:
            with st.popover("Figure", icon=":material/image:"):
                offer_figures(figures, name)


def _ask_measure(shown: Compared) -> str:
    known = {words.title: key for key, words in METRICS.items() if any(key in entry.measures for entry in shown.entries)}
    titles = list(known)
    first = METRICS[shown.measures[0]].title
    title = st.selectbox("Measure", titles, index=titles.index(first), key="measure", bind="query-params", width=240)
    return known[title or first]


def _columns(table: pd.DataFrame, measure: str, *more: str) -> pd.DataFrame:
    names = [
        "name",
        "kind",
        "backbone",
        measure,
        f"{measure}_low",
        f"{measure}_high",
        f"{measure}_mark",
        *more,
        "apart",
        "source",
    ]
    return table[names]


def _intervals(shown: Compared) -> None:
    with st.container(horizontal=True, gap="small"):
        measure = _ask_measure(shown)
        by = st.selectbox(
            "Group runs by", list(GROUPS), index=None, key="grouped", bind="query-params", placeholder="nothing", width=200
        )
    st.caption(METRICS[measure].help)
    table = comparison_table(shown.tested(measure), [measure])
    if by is not None:
        groups = {entry.name: GROUPS[by](entry) or _NO_GROUP[entry.kind] for entry in shown.entries}
        table = table.assign(group=table["name"].map(groups))
    figure = forest_plot(table, measure, baseline=shown.comparison.baseline)
    rows = forest_rows(table, measure)
    said = "; ".join(f"{name} {value:.3f}" for name, value in zip(rows["name"].head(10), rows[measure].head(10), strict=True))
    _draw(figure, "intervals", f"{METRICS[measure].title}: {said}")
    _offer([figure], _columns(rows, measure), f"intervals-{measure}")


def _trade_off(shown: Compared) -> None:
    costs = [name for name in COSTS if sum(entry.facts.get(name, 0) > 0 for entry in shown.entries) > 1]
    if not costs:
        st.info("What the runs cost is not known: fewer than two of them say their size or time.")
        return
    with st.container(horizontal=True, gap="small"):
        measure = _ask_measure(shown)
        titles = {cost_title(name): name for name in costs}
        cost = titles[st.selectbox("Cost", list(titles), key="cost", bind="query-params", width=240) or next(iter(titles))]
    comparison = shown.tested(measure)
    table = comparison_table(comparison, [measure])
    if (table[measure].notna() & (table[cost] > 0)).sum() < 2:
        st.info("Fewer than two entries have both; choose another measure or another cost.")
        return
    worth = worth_their_cost(comparison, measure, cost)
    figure = trade_off(table, measure, cost, worth)
    rows = trade_off_rows(table, measure, cost, worth)
    best = ", ".join(rows.loc[rows["worth"], "name"])
    _draw(figure, "trade-off", f"{METRICS[measure].title} against {cost_title(cost)}. Worth their cost: {best}")
    st.caption(
        "A run is worth its cost if it is significantly better than every run that costs less (Holm's correction over all "
        "pairs shown, 0.05); the cheapest always is. All others are faint."
    )
    _offer([figure], _columns(rows, measure, cost, "worth"), f"trade-off-{measure}-{cost}")


def _profile(shown: Compared) -> None:
    if len(shown.measures) < 2:
        st.info("Choose at least two measures above.")
        return
    names = [entry.name for entry in shown.few()]
    table = comparison_table(shown.comparison, shown.measures)
    table = table[(table["kind"] == "measured") & table["name"].isin(names)]
    fair = table[table["collapsed"] == ""]
    if 2 <= len(fair) < len(table):
        # One that says nothing would press all others together.
        st.caption(f"{count(len(table) - len(fair), 'collapsed run is', 'collapsed runs are')} left out.")
        table = fair
    if len(table) < 2:
        st.info("A profile needs at least two runs.")
        return
    figure = profile(table, shown.measures)
    _draw(figure, "profile", f"{count(len(table), 'run', 'runs')} on {count(len(shown.measures), 'measure', 'measures')}")
    st.caption("Each axis spans the 95 % intervals of the runs shown, and up is better on every one.")
    columns = [f"{measure}{which}" for measure in shown.measures for which in ("", "_low", "_high")]
    _offer([figure], table[["name", "backbone", *columns]], "profile")


def _confusion(shown: Compared) -> None:
    known = answers_of(_speakers(shown))
    if not known:
        st.info("None of these runs predicts expressions.")
        return
    names = list(known)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        chosen = st.multiselect(
            "Side by side", names, default=names[:2], max_selections=4, key="matrices", bind="query-params", width=560,
            placeholder="Choose up to four runs",
        )  # fmt: skip
        by = st.segmented_control("Shares", list(BY), default=next(iter(BY)), required=True, key="by", bind="query-params")
    if not chosen:
        st.info("Choose at least one run to see what it mixes up.")
        return
    kind = BY[str(by)]
    matrices = {name: normalise_confusion(known[name][0], kind) for name in chosen}  # type: ignore[arg-type]
    limit = max(float(matrix.max()) for matrix in matrices.values())
    figures = [confusion_heatmap(matrix, name, by=kind, limit=limit) for name, matrix in matrices.items()]  # type: ignore[arg-type]
    _side_by_side(figures, "matrix")
    first, *others = chosen
    differences = {f"{name} − {first}": matrices[name] - matrices[first] for name in others}
    if differences:
        limit = max(float(np.abs(matrix).max()) for matrix in differences.values())
        st.markdown("**Difference**: blue cells are more frequent in the first-named run, orange ones less.")
        more = [
            confusion_heatmap(matrix, name, by=kind, limit=limit, difference=True)  # type: ignore[arg-type]
            for name, matrix in differences.items()
        ]
        _side_by_side(more, "difference")
        figures += more
    _offer(figures, confusion_table({**matrices, **differences}), "confusion")


def _side_by_side(figures: Sequence[go.Figure], key: str) -> None:
    columns = st.columns(max(2, len(figures)))
    for number, (column, figure) in enumerate(zip(columns, figures, strict=False)):
        with column:
            _draw(figure, f"{key}-{number}", f"Confusion matrix: {figure.layout.title.text}")


def _speakers(shown: Compared) -> list[Entry]:
    """Runs that predict expressions, the baseline first, then the best, then those that have collapsed."""
    measure = next((key for key in shown.measures if key in ("accuracy", "f1_macro", "cohen_kappa")), "accuracy")
    able = best_first(
        [entry for entry in shown.runs if "accuracy" in entry.measures], measure, leader=shown.comparison.baseline
    )
    return sorted(able, key=lambda entry: entry.name != shown.comparison.baseline and bool(entry.collapse))[: 4 * FEW]


def _expressions(shown: Compared) -> None:
    runs = [entry for entry in shown.few() if "accuracy" in entry.measures]
    known = answers_of(runs)
    if not known:
        st.info("None of these runs predicts expressions.")
        return
    table = class_table({name: counts for name, (counts, _) in known.items()}, _backbones(runs))
    figure = class_dots(table)
    _draw(figure, "expressions", "F1 of each expression by run")
    _offer(
        [figure],
        table[["run", "backbone", "expression", "precision", "recall", "recall_low", "recall_high", "f1", "support"]],
        "expressions",
    )


def _calibration(shown: Compared) -> None:
    runs = [entry for entry in shown.few() if "accuracy" in entry.measures]
    known = answers_of(runs)
    if not known:
        st.info("None of these runs predicts expressions.")
        return
    backbones = _backbones(runs)
    table = pd.concat(
        [bins.assign(run=name, backbone=backbones[name], ece=calibration_error(bins)) for name, (_, bins) in known.items()],
        ignore_index=True,
    )
    figure = reliability_curves(table)
    left, _ = st.columns([3, 1])
    with left:
        _draw(
            figure, "calibration", "; ".join(f"{name}, ECE {calibration_error(bins):.3f}" for name, (_, bins) in known.items())
        )
        st.caption(f"Below the dotted line a network is too sure. {METRICS['ece'].help} Large dots hold many images.")
        _offer([figure], table[["run", "backbone", "low", "high", "count", "confidence", "accuracy", "ece"]], "calibration")


def _coverage(shown: Compared) -> None:
    runs = [entry for entry in shown.few() if "accuracy" in entry.measures]
    curves = coverage_of(runs)
    if not curves:
        st.info("None of these runs predicts expressions.")
        return
    backbones = _backbones(runs)
    table = pd.concat([curve.assign(run=name, backbone=backbones[name]) for name, curve in curves.items()], ignore_index=True)
    figure = coverage_curves(table)
    half = table[table["coverage"] == 0.5]
    said = "; ".join(f"{name} {value:.3f}" for name, value in zip(half["run"], half["accuracy"], strict=True))
    _draw(figure, "coverage", f"Accuracy by share of images answered. Half of them: {said}")
    st.caption("A run that is allowed to say nothing of the faces that it is least sure of is right more often on the others.")
    _offer([figure], table[["run", "backbone", *(name for name in table if name not in ("run", "backbone"))]], "coverage")


def _training(shown: Compared) -> None:
    runs = shown.few()
    histories = histories_of(runs)
    table = history_table(histories, _backbones(runs))
    names = curve_measures(table)
    if not names:
        st.info("None of these runs has kept the history of its training.")
        return
    with st.container(horizontal=True, gap="medium", vertical_alignment="bottom"):
        measure = st.selectbox("Curve", names, key="curve", bind="query-params", width=240) or names[0]
        smoothed = st.toggle(
            "Smooth",
            key="smooth",
            bind="query-params",
            help=f"Mean of {WINDOW} epochs around each; the values stay faintly behind.",
        )
    figure = training_curves(table, measure, smoothed=smoothed)
    _draw(figure, "training", f"{measure} by epoch of {count(len(histories), 'run', 'runs')}")
    missing = len(runs) - len(histories)
    if missing:
        st.caption(f"{count(missing, 'run has', 'runs have')} no history.")
    _offer([figure], table, f"training-{measure}")


def _settings(shown: Compared) -> None:
    only = st.toggle("Differences only", value=True, key="differences", bind="query-params", help="Hide what all runs share.")
    settings = {entry.name: settings_of(entry.run) for entry in shown.runs if entry.run is not None}
    table = settings_table(settings, differences_only=only)
    if table.empty:
        st.info("These runs were set up alike." if only else "These runs say nothing about their settings.")
        return
    st.dataframe(
        table,
        hide_index=True,
        key="table-settings",
        column_config={"setting": st.column_config.TextColumn("setting", pinned=True, width=220)},
        height=min(len(table), 18) * 35 + 38,
        alt="Settings of the runs",
    )
    _offer([], table, "settings")


def _generalisation(shown: Compared) -> None:
    keys = [key for key in METRICS if any(key in entry.measures for entry in shown.everything)]
    titles = {METRICS[key].title: key for key in keys}
    first = METRICS[MATRIX_MEASURE].title
    with st.container(horizontal=True, gap="small"):
        title = st.selectbox(
            "Measure", list(titles), index=list(titles).index(first) if first in titles else 0, key="across",
            bind="query-params", width=240, help="Balanced accuracy and macro F1 count each expression of a dataset the same.",
        )  # fmt: skip
    try:
        names = [entry.name for entry in shown.few()]
        matrix = generalisation_matrix(shown.everything, names=names, measure=titles[str(title)])
    except EmotionCoreError as error:
        st.info(escape(str(error)))
        return
    if len(matrix.evaluations) < 2:
        st.info(
            "These runs were measured on one dataset. Measure one on another: "
            "`python -m emotion_core evaluate RUN --dataset DATASET`."
        )
        return
    worst = {name: cell for name in matrix.rows if (cell := matrix.worst(name)) is not None}
    said = "; ".join(f"{name} does worst on {cell.entry.evaluation}, {cell.value:.3f}" for name, cell in worst.items())
    figure = generalisation_heatmap(matrix)
    _draw(figure, "generalisation", f"{METRICS[matrix.measure].title} by dataset. {said}")
    st.dataframe(readable_matrix(matrix), hide_index=True, key="table-generalisation", alt="The same with intervals")
    st.caption(f"{matrix_legend(matrix)} A frame marks the dataset that a run does worst on.")
    _offer([figure], matrix_table(matrix), f"generalisation-{matrix.measure}")


def _backbones(entries: Sequence[Entry]) -> dict[str, str]:
    return {entry.name: entry.backbone for entry in entries}


VIEWS: dict[str, Callable[[Compared], None]] = {
    "Intervals": _intervals,
    "Generalisation": _generalisation,
    "Trade-off": _trade_off,
    "Profile": _profile,
    "Confusion": _confusion,
    "Expressions": _expressions,
    "Calibration": _calibration,
    "Coverage": _coverage,
    "Training": _training,
    "Settings": _settings,
}
