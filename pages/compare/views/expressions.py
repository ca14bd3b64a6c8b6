"""Views of predicted expressions: what is mixed up, and how sure the networks are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from emotion_core.compare import Entry
from emotion_core.compare.answers import calibration_error, class_table, confusion_table
from emotion_core.compare.order import best_first
from emotion_core.figures.compare.classes import By, class_dots, confusion_heatmap, reliability_curves
from emotion_core.figures.compare.coverage import coverage_curves
from emotion_core.metrics.classification import normalise_confusion
from emotion_core.metrics.table import METRICS
from pages.compare.cache import answers_of, coverage_of
from pages.compare.views.shown import FEW, Compared, backbones, draw, offer

BY: dict[str, By] = {"by true expression": "row", "by predicted": "column", "images": "count"}
NO_EXPRESSIONS = "None of these runs predicts expressions."

_Answer = TypeVar("_Answer")


def show_confusion(shown: Compared) -> None:
    known = answers_of(_speakers(shown))
    if not known:
        st.info(NO_EXPRESSIONS)
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
    matrices = {name: normalise_confusion(known[name][0], kind) for name in chosen}
    limit = max(float(matrix.max()) for matrix in matrices.values())
    figures = [confusion_heatmap(matrix, name, by=kind, limit=limit) for name, matrix in matrices.items()]
    _side_by_side(figures, "matrix")
    first, *others = chosen
    differences = {f"{name} − {first}": matrices[name] - matrices[first] for name in others}
    if differences:
        limit = max(float(np.abs(matrix).max()) for matrix in differences.values())
        st.markdown("**Difference**: blue cells are more frequent in the first-named run, orange ones less.")
        more = [confusion_heatmap(matrix, name, by=kind, limit=limit, difference=True) for name, matrix in differences.items()]
        _side_by_side(more, "difference")
        figures += more
    offer(figures, confusion_table({**matrices, **differences}), "confusion")


def _side_by_side(figures: Sequence[go.Figure], key: str) -> None:
    columns = st.columns(max(2, len(figures)))
    for number, (column, figure) in enumerate(zip(columns, figures, strict=False)):
        with column:
            draw(figure, f"{key}-{number}", f"Confusion matrix: {figure.layout.title.text}")


def _speakers(shown: Compared) -> list[Entry]:
    """Runs that predict expressions, the baseline first, then the best, then those that have collapsed."""
    measure = next((key for key in shown.measures if key in ("accuracy", "f1_macro", "cohen_kappa")), "accuracy")
    able = best_first(
        [entry for entry in shown.runs if "accuracy" in entry.measures], measure, leader=shown.comparison.baseline
    )
    return sorted(able, key=lambda entry: entry.name != shown.comparison.baseline and bool(entry.collapse))[: 4 * FEW]


def _ask_few(shown: Compared, ask: Callable[[list[Entry]], dict[str, _Answer]]) -> dict[str, _Answer]:
    """What is asked of the few runs that predict expressions, by run; that there is none is said."""
    known = ask([entry for entry in shown.few() if "accuracy" in entry.measures])
    if not known:
        st.info(NO_EXPRESSIONS)
    return known


def _below_each_other(tables: dict[str, pd.DataFrame], shown: Compared) -> pd.DataFrame:
    """The tables as one, run and backbone first."""
    named = backbones(shown.runs)
    table = pd.concat([table.assign(run=name, backbone=named[name]) for name, table in tables.items()], ignore_index=True)
    return table[["run", "backbone", *table.columns.drop(["run", "backbone"])]]


def show_expressions(shown: Compared) -> None:
    known = _ask_few(shown, answers_of)
    if not known:
        return
    table = class_table({name: counts for name, (counts, _) in known.items()}, backbones(shown.runs))
    figure = class_dots(table)
    draw(figure, "expressions", "F1 of each expression by run")
    offer(
        [figure],
        table[["run", "backbone", "expression", "precision", "recall", "recall_low", "recall_high", "f1", "support"]],
        "expressions",
    )


def show_calibration(shown: Compared) -> None:
    known = _ask_few(shown, answers_of)
    if not known:
        return
    errors = {name: calibration_error(bins) for name, (_, bins) in known.items()}
    table = _below_each_other({name: bins.assign(ece=errors[name]) for name, (_, bins) in known.items()}, shown)
    figure = reliability_curves(table)
    left, _ = st.columns([3, 1])
    with left:
        draw(figure, "calibration", "; ".join(f"{name}, ECE {error:.3f}" for name, error in errors.items()))
        st.caption(f"Below the dotted line a network is too sure. {METRICS['ece'].help} Large dots hold many images.")
        offer([figure], table[["run", "backbone", "low", "high", "count", "confidence", "accuracy", "ece"]], "calibration")


def show_coverage(shown: Compared) -> None:
    curves = _ask_few(shown, coverage_of)
    if not curves:
        return
    table = _below_each_other(curves, shown)
    figure = coverage_curves(table)
    half = table[table["coverage"] == 0.5]
    said = "; ".join(f"{name} {value:.3f}" for name, value in zip(half["run"], half["accuracy"], strict=True))
    draw(figure, "coverage", f"Accuracy by share of images answered. Half of them: {said}")
    st.caption("A run that may abstain on the faces it is least sure of is right more often on the others.")
    offer([figure], table, "coverage")
