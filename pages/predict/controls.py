"""The row of controls above results. All but the last are part of the page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.explain import METHODS
from emotion_core.labels import AFFECT, OUTPUTS
from emotion_core.metrics.priors import BALANCED, ESTIMATE, EVERYDAY, TRAINED
from emotion_core.predict.heat import Shows, default_shows
from emotion_core.results.run import Run
from pages.predict.runs import describe_runs
from pages.shared.address import RUN, say_unknown

PREDICTED = "predicted expression"


@dataclass(frozen=True, kw_only=True)
class PredictChoice:
    """What was chosen.

    Attributes:
        runs: at least one, unless all were taken away.
        output: :data:`PREDICTED`, or one of :data:`~emotion_core.labels.OUTPUTS`.
        method: a key of :data:`~emotion_core.explain.METHODS`.
        sides: what heat maps show of expressions, and of valence and arousal.
        own_scale: each heat map has a scale of its own.
        whole: take the whole picture as one face where none is found.
        mirror: flip test-time augmentation, the mean over each face and its mirror image.
        prior: name of the mix of expressions that is expected.
    """

    runs: tuple[Run, ...]
    output: str
    method: str
    sides: tuple[Shows, Shows]
    own_scale: bool
    whole: bool
    mirror: bool
    prior: str

    def shows(self, output: str) -> Shows:
        """Which side of an output its heat map shows."""
        return self.sides[output in AFFECT]


SIDES: Mapping[str, Shows] = {"Speaks for it": "for", "Speaks against it": "against", "Both": "both"}

MIXES = {
    EVERYDAY.name: "Everyday photos",
    BALANCED.name: "All equally frequent",
    TRAINED: "As in training",
    ESTIMATE: "Estimated from these faces",
}


def ask_controls(runs: Mapping[str, Run]) -> PredictChoice:
    """One row; several on a narrow screen. What few need opens on demand."""
    if strange := [name for name in st.query_params.get_all(RUN) if name not in runs]:
        say_unknown("run with weights", strange, "it is left out")
    columns = st.columns([4, 3, 2.6, 1.4], vertical_alignment="bottom")
    with columns[0]:
        chosen = st.multiselect(
            "Runs",
            list(runs),
            default=list(runs)[:1],
            key="run",
            bind="query-params",
            placeholder="Choose at least one run",
            wrap=True,
            help=describe_runs(list(runs.values())),
        )
    with columns[1]:
        output = st.selectbox(
            "Heat map of",
            [PREDICTED, *OUTPUTS],
            key="output",
            bind="query-params",
            help="The heat map shows which parts of the face speak for this output.",
        )
    with columns[2]:
        sides = _ask_sides(output)
    with columns[3], st.popover("More", icon=":material/tune:", width="stretch"):
        method, own_scale = _ask_maps()
        whole, mirror = _ask_faces()
        prior = _ask_prior()
    return PredictChoice(
        runs=tuple(runs[name] for name in chosen),
        output=output,
        method=method,
        sides=sides,
        own_scale=own_scale,
        whole=whole,
        mirror=mirror,
        prior=prior,
    )


def _ask_sides(output: str) -> tuple[Shows, Shows]:
    """What maps show; valence and arousal have a choice of their own, since both of their sides mean something."""
    affect = output in AFFECT
    chosen = st.selectbox(
        "Shows what",
        list(SIDES),
        index=list(SIDES.values()).index(default_shows(output)),
        key="shows_affect" if affect else "shows",
        bind="query-params",
        help="What speaks for the output, what speaks against it, or both in two colours. For Grad-CAM only.",
    )
    shows = SIDES[chosen]
    return ("for", shows) if affect else (shows, "both")


def _ask_maps() -> tuple[str, bool]:
    """How heat maps are made, and whether each has a scale of its own."""
    titles = {title: name for name, title in METHODS.items()}
    title = st.selectbox(
        "Method",
        list(titles),
        key="method",
        bind="query-params",
        help="Grad-CAM comes with the prediction, and it alone has a sign and units. Score-CAM masks the face hundreds of "
        "times and takes seconds. Eigen-CAM gives one map for all outputs.",
    )
    own_scale = st.toggle(
        "Own scale for each map",
        key="own_scale",
        bind="query-params",
        help="Shows weak evidence too. Otherwise the Grad-CAM maps of a card share one scale, in units of the output: "
        "where little speaks for it, its map stays dark.",
    )
    return titles[title], own_scale


def _ask_faces() -> tuple[bool, bool]:
    """What counts as a face, and how it is read."""
    whole = st.toggle(
        "Whole picture if no face",
        key="whole",
        bind="query-params",
        help="Where no face is found, the whole picture counts as one. Use it for pictures cut to the face.",
    )
    mirror = st.toggle(
        "Flip",
        value=True,
        key="mirror",
        bind="query-params",
        help="Flip test-time augmentation: the mean over each face and its mirror image. A little more accurate, half as fast.",
    )
    return whole, mirror


def ask_flip(where: DeltaGenerator, key: str) -> bool:
    """Flip test-time augmentation where pictures come one after the other, so that speed counts."""
    return where.toggle(
        "Flip", key=key, bind="query-params", help="The mean over each face and its mirror image; half as fast."
    )


def _ask_prior() -> str:
    """The mix of expressions that is expected."""
    chosen = st.radio(
        "Expected mix: how frequent is each expression where the photos come from?",
        list(MIXES),
        format_func=lambda name: MIXES[name],
        key="prior",
        bind="query-params",
    )
    st.caption(
        "The same face is more probably neutral where most faces are. Everyday photos have the mix that people saw in "
        "FER+\u2019s training pictures; from 30 faces on, the mix can be estimated from the faces themselves."
    )
    return str(chosen)
