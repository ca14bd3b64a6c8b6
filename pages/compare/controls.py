"""The row of controls above a comparison, all of it part of the page's address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry, Store
from emotion_core.compare.order import GROUPS, best_run
from emotion_core.compare.pairs import MARGIN
from emotion_core.metrics.table import METRICS
from emotion_core.results.experiments import Experiment
from pages.compare.cache import by_evaluation
from pages.shared.address import BASELINE, BENCHMARK, EXPERIMENT, ask_option
from pages.shared.words import escape

USUAL = ("accuracy", "f1_macro", "ccc_valence", "ccc_arousal")
"""Measures of the first screen: as many as fit beside each other."""

BEST = "best"
"""Stands for the best of the ticked runs."""

ALL = "all"
"""Stands for runs of every experiment, and of none."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was chosen, but for the runs and the baseline.

    Attributes:
        experiment: whose runs are listed; ``None`` for all runs.
        evaluation: ``<dataset>-<split>``.
        measured: every entry on it.
        listed: those of the experiment.
        search: words that the listed runs have to hold.
        group: a key of :data:`~emotion_core.compare.order.GROUPS`; ``None`` for no groups.
        measures: keys, the first one decides about order and answer; empty when all were taken away.
    """

    experiment: Experiment | None
    evaluation: str
    measured: tuple[Entry, ...]
    listed: tuple[Entry, ...]
    search: str
    group: str | None
    measures: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What few people change.

    Attributes:
        margin: smaller differences are practically none.
        all_trainings: whether trainings that repeat another one with another seed are listed, and further changes to a run.
        only_ticked: whether runs that are not ticked are hidden.
        reported: whether what others reported stands below.
    """

    margin: float
    all_trainings: bool
    only_ticked: bool
    reported: bool


def ask_what(store: Store, signature: str) -> Asked:
    """One row; several on a narrow screen."""
    columns = st.columns([3, 2.4, 2.2, 1.7, 3.7], vertical_alignment="bottom")
    experiment = _ask_experiment(columns[0], store)
    everything = by_evaluation(signature, None, store)
    mine = everything if experiment is None else by_evaluation(signature, experiment.name, store)
    evaluation = ask_option(
        columns[1],
        "Benchmark",
        list(mine),
        BENCHMARK,
        usual=None if experiment is None else experiment.benchmark,
        help="Dataset and split that the runs were measured on.",
    )
    listed = mine[evaluation]
    search = columns[2].text_input(
        "Search", key="search", bind="query-params", placeholder="name, backbone, role …",
        help="Lists runs that hold all of these words. Runs that are ticked stay on top.",
    )  # fmt: skip
    group = columns[3].selectbox(
        "Group by", list(GROUPS), index=None, key="group", bind="query-params", placeholder="nothing",
        help="Runs of one group stand together.",
    )  # fmt: skip
    return Asked(
        experiment=experiment,
        evaluation=evaluation,
        measured=everything[evaluation],
        listed=listed,
        search=search or "",
        group=group,
        measures=_ask_measures(columns[4], listed),
    )


def ask_settings(where: DeltaGenerator, asked: Asked) -> Settings:
    """What opens on demand."""
    with where.popover("More", icon=":material/tune:"):
        margin = st.number_input(
            "Practically the same within ±", 0.001, 1.0, MARGIN, 0.005, format="%.3f", key="margin", bind="query-params",
            help="In units of the measure: 0.010 is one percentage point of accuracy. Two one-sided tests say whether a "
            "difference is smaller than this.",
        )  # fmt: skip
        only_ticked = st.toggle("Hide runs that are not ticked", key="only", bind="query-params")
        all_trainings = st.toggle(
            "Every training",
            key="seeds",
            bind="query-params",
            help="List trainings that only repeat another one with another seed, or went into a mean of weights that is "
            "listed, and changes to a run that the experiment does not name. How far seeds spread stands below the table.",
        )
        reported = st.toggle(
            "Reported results",
            value=asked.experiment is None or asked.experiment.reported,
            # What an experiment starts with is its own.
            key="reported" if asked.experiment is None or asked.experiment.reported else "beside",
            bind="query-params",
            help="Show what others reported on this dataset, below and apart: nothing can be tested without predictions.",
        )
    return Settings(margin=float(margin), all_trainings=all_trainings, only_ticked=only_ticked, reported=reported)


def ask_baseline(where: DeltaGenerator, asked: Asked, ticked: Sequence[Entry]) -> str | None:
    """The run that the others are compared with: that of the experiment, or the best one, when nobody chooses another.

    Args:
        where: it is drawn.
        asked: the row above.
        ticked: what is compared, the best first.
    """
    names = [entry.name for entry in ticked]
    usual = asked.experiment.baseline if asked.experiment is not None else BEST
    chosen = ask_option(
        where, "Differences from", [BEST, *names], BASELINE, what="baseline",
        usual=usual if usual in names else BEST,
        words=lambda name: "the best run" if name == BEST else name,
        width=330,
        help="The run that all others are compared with. The best run is that of the first measure.",
    )  # fmt: skip
    return best_run(ticked, asked.measures[0]) if chosen == BEST else chosen


def offer_import(where: DeltaGenerator) -> None:
    """A button that opens the dialogue for results from elsewhere."""
    if (done := st.session_state.pop("imported", None)) is not None:
        st.toast(escape(done), icon=":material/check:")
    if where.button(
        "Bring your own results",
        icon=":material/upload_file:",
        help="Predictions of any network become a run that is compared like those here.",
    ):
        # What reads files is not waited for by those who bring none.
        from pages.compare.importing import open_import

        open_import()


def _ask_experiment(where: DeltaGenerator, store: Store) -> Experiment | None:
    inhabited = {entry.run.experiment for entry in store.entries if entry.run is not None}
    known = {experiment.name: experiment for experiment in store.experiments if experiment.name in inhabited}
    chosen = ask_option(
        where, "Experiment", [*known, ALL], EXPERIMENT,
        words=lambda name: known[name].title if name in known else "All runs",
        help="Runs that answer one question together. All runs: those of every experiment, on one benchmark.",
    )  # fmt: skip
    return known.get(chosen)


def _ask_measures(where: DeltaGenerator, listed: Sequence[Entry]) -> tuple[str, ...]:
    found = {key for entry in listed for key in entry.measures}
    known = {words.title: key for key, words in METRICS.items() if key in found}
    chosen = where.multiselect(
        "Measures",
        list(known),
        default=[METRICS[key].title for key in USUAL if METRICS[key].title in known] or list(known)[:4],
        key="measures",
        bind="query-params",
        placeholder="Choose at least one",
        help="The first one decides about the order and the answer. Hover over a column's name to read what it means.",
    )
    return tuple(known[title] for title in chosen if title in known)
