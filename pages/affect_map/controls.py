"""The row of controls above the affect map. All of it is part of the page's address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from emotion_core.compare import Entry
from emotion_core.inspection.affect import QUARTERS
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.run import DEFAULT_RUN

VIEWS = ("true and predicted", "true", "predicted", "true → predicted", "density")
"""What can be shown; the first is shown when nobody asks."""

EVERYWHERE = "everywhere"


@dataclass(frozen=True, kw_only=True)
class MapChoice:
    """What was chosen.

    Attributes:
        entries: one or two evaluations on the same images.
        view: one of :data:`VIEWS`.
        expressions: only faces whose true expression is one of these; all when empty.
        region: only faces whose true place is in this quarter, or :data:`EVERYWHERE`.
        photos: whether faces from the Predict page are drawn.
    """

    entries: tuple[Entry, ...]
    view: str
    expressions: tuple[str, ...]
    region: str
    photos: bool


def says_affect(entry: Entry) -> bool:
    """Whether there are true and predicted valence and arousal."""
    return all(f"rmse_{axis}" in entry.measures for axis in AFFECT)


def ask_controls(entries: Sequence[Entry], *, photos: int) -> MapChoice:
    """One row; several on a narrow screen.

    Args:
        entries: measured ones, at least one.
        photos: how many faces from the Predict page could be drawn; without any, nothing is asked about them.
    """
    ordered = sorted(entries, key=_usefulness)
    columns = st.columns([2.3, 2.5, 2.5, 2.6, 1.9, 1.9], vertical_alignment="bottom")
    with columns[0]:
        evaluation = st.selectbox(
            "Evaluation",
            list(dict.fromkeys(entry.evaluation for entry in ordered)),
            key="evaluation",
            bind="query-params",
            help="Dataset and split whose faces are shown.",
        )
    mine = {entry.name: entry for entry in ordered if entry.evaluation == evaluation}
    with columns[1]:
        first = st.selectbox("Run", list(mine), key="a", bind="query-params", help="The network whose predictions are shown.")
    others = [name for name in mine if name != first and says_affect(mine[name])]
    with columns[2]:
        second = st.selectbox(
            "Second run",
            others,
            index=None,
            key="b",
            bind="query-params",
            placeholder="none" if others else "no other run",
            disabled=not others,
            help="Another network on the same faces, side by side.",
        )
    with columns[3]:
        view = st.selectbox(
            "Show",
            VIEWS,
            key="show",
            bind="query-params",
            help="True: where annotators put a face. Predicted: where the network puts it.",
        )
    with columns[4]:
        expressions = st.multiselect(
            "True expression", EXPRESSIONS, key="expression", bind="query-params", placeholder="all", wrap=False
        )
    with columns[5]:
        region = st.selectbox(
            "True region",
            (EVERYWHERE, *QUARTERS),
            key="region",
            bind="query-params",
            help="A quarter of the plane. Zero belongs to the pleasant and to the active side.",
        )
    shown = photos > 0 and st.toggle(
        f"Faces from Predict ({photos:,})",
        value=True,
        key="photos-shown",
        bind="query-params",
        help="Faces that were read on the Predict page in this session, as diamonds.",
    )
    return MapChoice(
        entries=tuple(mine[name] for name in (first, second) if name is not None),
        view=view,
        expressions=tuple(expressions),
        region=region,
        photos=shown,
    )


def _usefulness(entry: Entry) -> tuple[bool, bool, bool, str, str]:
    """Smallest first: says valence and arousal, is the default run, on the test split."""
    return not says_affect(entry), entry.name != DEFAULT_RUN, entry.split != "test", entry.evaluation, entry.name
