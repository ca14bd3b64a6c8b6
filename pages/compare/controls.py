"""The row of controls above a comparison, all of it part of the page's address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import streamlit as st

from emotion_core.compare import Entry, Store, repeated_trainings, reported_entries, why_not_comparable
from emotion_core.metrics.table import METRICS
from pages.compare.slices import EVERYTHING, judge_slice, saved_slices

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
    with columns[0]:
        evaluation = st.selectbox(
            "Measured on",
            rank_evaluations(store.entries),
            key="on",
            bind="query-params",
            help="Dataset and split. The first one is the test split that most runs were measured on.",
        )
    measured = [entry for entry in store.entries if entry.evaluation == evaluation]
    with columns[1]:
        kinds = st.multiselect(
            "Backbone or preset",
            _kinds(measured),
            key="kinds",
            bind="query-params",
            placeholder="All",
            help="Show only runs with one of these backbones or presets.",
        )
    shown = [entry for entry in measured if not kinds or entry.backbone in kinds or entry.preset in kinds]
    repeats = repeated_trainings(shown)
    with columns[5]:
        seeds = bool(repeats) and st.toggle(
            "Every seed",
            wrap=True,
            key="seeds",
            bind="query-params",
            disabled=bool(st.session_state.get("runs")),
            help="Show trainings that only repeat another one with another seed, or went into a mean of weights that is shown, "
            "unless runs are named. How far they spread stands below the table.",
        )
    usual = [entry for entry in shown if seeds or entry.name not in repeats]
    with columns[2]:
        names = st.multiselect(
            "Runs",
            [entry.name for entry in shown],
            key="runs",
            bind="query-params",
            placeholder=f"All {len(usual)}" if len(usual) > 1 else "All",
            help="Nothing chosen means all, of each training one seed. Tests are corrected for the number of runs shown.",
        )
    others = [entry for entry in shown if not names and entry not in usual]
    shown = [entry for entry in shown if entry.name in names] if names else usual
    known = [key for key in METRICS if any(key in entry.measures for entry in shown)]
    titles = {METRICS[key].title: key for key in known}
    with columns[3]:
        chosen = st.multiselect(
            "Measures",
            list(titles),
            default=[METRICS[key].title for key in USUAL if key in known] or list(titles)[:4],
            key="measures",
            bind="query-params",
            placeholder="Choose at least one",
            help="Columns of the table. Hover over a column's name to read what it means.",
        )
    measures = tuple(titles[title] for title in chosen if title in titles)
    with columns[4]:
        against = st.selectbox(
            "Differences from",
            [BEST, *(entry.name for entry in shown)],
            key="baseline",
            bind="query-params",
            help="The run that all others are compared with. The best run is that of the first measure.",
        )
    with columns[5]:
        reported = st.toggle(
            "Reported",
            value=True,
            key="reported",
            bind="query-params",
            help="Show what others reported on this dataset, below and apart: nothing can be tested without predictions.",
        )
    dataset = shown[0].dataset if shown else ""
    beside = reported_entries(dataset) if reported and shown else ()
    if shown and (slices := saved_slices(shown)):
        name = st.selectbox(
            "Slice",
            [EVERYTHING, *slices],
            key="slice",
            bind="query-params",
            width=280,
            help="Compare on the images of a filter that was kept on the Errors page. What others reported is on all images.",
        )
        if name in slices:
            judged, beside = judge_slice([*shown, *others], measured, name, slices[name]), ()
            hidden = {entry.name for entry in others}
            shown = [entry for entry in judged if entry.name not in hidden]
            others = [entry for entry in judged if entry.name in hidden]
    shown, beside = _best_first(shown, measures), tuple(_best_first(beside, measures))
    baseline = _best(shown, measures) if against == BEST or against is None else against
    return CompareChoice(
        evaluation=str(evaluation),
        entries=(*shown, *beside),
        other_seeds=tuple(others),
        measures=measures,
        baseline=baseline,
    )


def rank_evaluations(entries: Sequence[Entry]) -> list[str]:
    """Evaluations, test splits first, those with most runs first."""
    numbers = Counter(entry.evaluation for entry in entries)
    test = {entry.evaluation: entry.split == "test" for entry in entries}
    return sorted(numbers, key=lambda name: (not test[name], -numbers[name], name))


def _kinds(entries: Sequence[Entry]) -> list[str]:
    backbones = sorted({entry.backbone for entry in entries})
    presets = sorted({entry.preset for entry in entries if entry.preset} - set(backbones))
    return [*backbones, *presets]


def _best_first(entries: Sequence[Entry], measures: Sequence[str]) -> list[Entry]:
    """By the first measure; entries without it last."""

    def place(entry: Entry) -> float:
        value = entry.measures[measures[0]].value if measures and measures[0] in entry.measures else float("nan")
        return float("inf") if isnan(value) else -value if METRICS[measures[0]].better == "higher" else value

    return sorted(entries, key=place)


def _best(entries: Sequence[Entry], measures: Sequence[str]) -> str | None:
    """The best run of the largest group that can be compared; a collapsed one only where there is no other."""
    fair = [entry for entry in entries if why_not_comparable(entry, entry) is None]
    groups = Counter((entry.fingerprint, entry.num_classes) for entry in fair)
    if not groups:
        return entries[0].name if entries else None
    largest = groups.most_common(1)[0][0]
    group = [entry for entry in fair if (entry.fingerprint, entry.num_classes) == largest]
    group = [entry for entry in group if not entry.collapse] or group
    return _best_first(group, measures)[0].name
