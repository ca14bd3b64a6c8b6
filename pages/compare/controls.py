"""The row of controls above a comparison, all of it part of the page's address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry, Store, reported_entries
from emotion_core.compare.order import best_first, best_run, of_kinds, rank_evaluations, rank_kinds, split_repeats
from emotion_core.metrics.table import METRICS
from pages.compare.slices import ask_slice

USUAL = ("accuracy", "f1_macro", "ccc_valence", "ccc_arousal")
"""Measures of the first screen: as many as fit beside each other."""

BEST = "the best run"


@dataclass(frozen=True, kw_only=True)
class CompareChoice:
    """What was chosen.

    Attributes:
        evaluation: ``<dataset>-<split>``.
        entries: measured ones first, reported ones after them.
        other_seeds: measured ones that only repeat one of these with another seed, and are not shown.
        measures: keys; empty when all were taken away.
        baseline: name of the run that others are compared with; ``None`` where there is no run.
    """

    evaluation: str
    entries: tuple[Entry, ...]
    other_seeds: tuple[Entry, ...]
    measures: tuple[str, ...]
    baseline: str | None


def ask_choice(store: Store) -> CompareChoice:
    """One row; several on a narrow screen."""
    columns = st.columns([2.8, 2.3, 2, 3.4, 2.2, 2.1], vertical_alignment="bottom")
    evaluation = _ask_evaluation(columns[0], store.entries)
    measured = [entry for entry in store.entries if entry.evaluation == evaluation]
    candidates = of_kinds(measured, _ask_kinds(columns[1], measured))
    usual, repeats = split_repeats(candidates)
    if repeats and _ask_seeds(columns[5]):
        usual, repeats = candidates, []
    names = _ask_runs(columns[2], candidates, len(usual))
    shown, others = ([entry for entry in candidates if entry.name in names], []) if names else (usual, repeats)
    measures = _ask_measures(columns[3], shown)
    against = _ask_baseline(columns[4], shown)
    reported = _ask_reported(columns[5])
    beside = reported_entries(shown[0].dataset) if reported and shown else ()
    chosen = ask_slice(shown, others, measured)
    if chosen is not None:
        # What others reported is on all images.
        (shown, others), beside = chosen, ()
    first = measures[0] if measures else None
    return CompareChoice(
        evaluation=evaluation,
        entries=(*best_first(shown, first), *best_first(beside, first)),
        other_seeds=tuple(others),
        measures=measures,
        baseline=best_run(best_first(shown, first), first) if against == BEST else against,
    )


def _ask_evaluation(where: DeltaGenerator, entries: Sequence[Entry]) -> str:
    return str(
        where.selectbox(
            "Measured on",
            rank_evaluations(entries),
            key="on",
            bind="query-params",
            help="Dataset and split. The first one is the test split that most runs were measured on.",
        )
    )


def _ask_kinds(where: DeltaGenerator, measured: Sequence[Entry]) -> list[str]:
    return where.multiselect(
        "Backbone or preset",
        rank_kinds(measured),
        key="kinds",
        bind="query-params",
        placeholder="All",
        help="Show only runs with one of these backbones or presets.",
    )


def _ask_seeds(where: DeltaGenerator) -> bool:
    return where.toggle(
        "Every seed",
        wrap=True,
        key="seeds",
        bind="query-params",
        disabled=bool(st.session_state.get("runs")),
        help="Show trainings that only repeat another one with another seed, or went into a mean of weights that is shown, "
        "unless runs are named. How far they spread stands below the table.",
    )


def _ask_runs(where: DeltaGenerator, candidates: Sequence[Entry], usual: int) -> list[str]:
    return where.multiselect(
        "Runs",
        [entry.name for entry in candidates],
        key="runs",
        bind="query-params",
        placeholder=f"All {usual}" if usual > 1 else "All",
        help="Nothing chosen means all, of each training one seed. Tests are corrected for the number of runs shown.",
    )


def _ask_measures(where: DeltaGenerator, shown: Sequence[Entry]) -> tuple[str, ...]:
    known = {METRICS[key].title: key for key in METRICS if any(key in entry.measures for entry in shown)}
    chosen = where.multiselect(
        "Measures",
        list(known),
        default=[METRICS[key].title for key in USUAL if METRICS[key].title in known] or list(known)[:4],
        key="measures",
        bind="query-params",
        placeholder="Choose at least one",
        help="Columns of the table. Hover over a column's name to read what it means.",
    )
    return tuple(known[title] for title in chosen if title in known)


def _ask_baseline(where: DeltaGenerator, shown: Sequence[Entry]) -> str:
    against = where.selectbox(
        "Differences from",
        [BEST, *(entry.name for entry in shown)],
        key="baseline",
        bind="query-params",
        help="The run that all others are compared with. The best run is that of the first measure.",
    )
    return against or BEST


def _ask_reported(where: DeltaGenerator) -> bool:
    return where.toggle(
        "Reported",
        value=True,
        key="reported",
        bind="query-params",
        help="Show what others reported on this dataset, below and apart: nothing can be tested without predictions.",
    )
