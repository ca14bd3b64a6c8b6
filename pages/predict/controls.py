"""The row of controls above results. All but the last are part of the page's address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import streamlit as st

from emotion_core.explain import METHODS
from emotion_core.labels import OUTPUTS
from emotion_core.metrics.priors import BALANCED, ESTIMATE, EVERYDAY, TRAINED
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
        opacity: of the heat map, 0 to 1.
        whole: take the whole picture as one face where none is found.
        mirror: flip test-time augmentation, the mean over each face and its mirror image.
        prior: name of the mix of expressions that is expected.
    """

    runs: tuple[Run, ...]
    output: str
    method: str
    opacity: float
    whole: bool
    mirror: bool
    prior: str


MIXES = {
    EVERYDAY.name: "Everyday photos",
    BALANCED.name: "All equally frequent",
    TRAINED: "As in training",
    ESTIMATE: "Estimated from these faces",
}


def ask_controls(runs: Mapping[str, Run]) -> PredictChoice:
    """One row; several on a narrow screen."""
    titles = {title: name for name, title in METHODS.items()}
    if strange := [name for name in st.query_params.get_all(RUN) if name not in runs]:
        say_unknown("run with weights", strange, "it is left out")
    columns = st.columns([4, 3.2, 2.5, 2, 2.6], vertical_alignment="bottom")
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
        title = st.selectbox(
            "Method",
            list(titles),
            key="method",
            bind="query-params",
            help="Grad-CAM comes with the prediction. Score-CAM masks the face hundreds of times and takes seconds "
            "a face. Eigen-CAM gives one map for all outputs.",
        )
    with columns[3]:
        opacity = st.slider("Opacity", 0.0, 1.0, 0.5, 0.05, key="opacity", bind="query-params")
    with columns[4]:
        whole = st.toggle(
            "Whole picture if no face",
            wrap=True,
            key="whole",
            bind="query-params",
            help="Where no face is found, the whole picture counts as one. Use it for pictures cut to the face.",
        )
        mirror = st.toggle(
            "Flip",
            wrap=True,
            value=True,
            key="mirror",
            bind="query-params",
            help="Flip test-time augmentation: the mean over each face and its mirror image. A little more accurate, half as "
            "fast.",
        )
        prior = _ask_prior()
    return PredictChoice(
        runs=tuple(runs[name] for name in chosen),
        output=output,
        method=titles[title],
        opacity=opacity,
        whole=whole,
        mirror=mirror,
        prior=prior,
    )


def _ask_prior() -> str:
    with st.popover("Expected mix", type="tertiary"):
        chosen = st.radio(
            "How frequent is each expression where the photos come from?",
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
