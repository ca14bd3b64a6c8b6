"""The row of controls above the affect map. All of it is part of the page's address."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from emotion_core.compare import Entry
from emotion_core.figures.affect_map.contours import LEAST_FACES
from emotion_core.inspection.affect import QUARTERS
from emotion_core.labels import AFFECT, EXPRESSIONS
from pages.shared.entries import EntryHelp, ask_entries

CONTOURS = "contours by expression"

VIEWS = ("true and predicted", "true", "predicted", "true → predicted", "density", CONTOURS)
"""What can be shown; the first is shown when nobody asks, the last only where there are many faces."""

EVERYWHERE = "everywhere"

HELP = EntryHelp(
    evaluation="Dataset and split whose faces are shown.",
    first="The network whose predictions are shown.",
    second="Another network on the same faces, side by side.",
)


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
    columns = st.columns([2.3, 2.5, 2.5, 2.6, 1.9, 1.9], vertical_alignment="bottom")
    chosen = ask_entries(columns[:3], entries, says_affect, HELP, second_able=says_affect)
    with columns[3]:
        many = min(entry.images or 0 for entry in chosen) >= LEAST_FACES
        view = st.selectbox(
            "Show",
            VIEWS if many else VIEWS[:-1],
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
        entries=chosen,
        view=view,
        expressions=tuple(expressions),
        region=region,
        photos=shown,
    )
