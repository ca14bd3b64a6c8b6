"""Where a run looks on a whole split, and whether its overlays can be believed."""

from __future__ import annotations

import shlex
from functools import partial

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from emotion_core.errors import CheckpointError
from emotion_core.figures.errors.explanations import curve_figure, mean_maps_figure, score_figure
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.explanations import Explanations, findings, read_explanations
from emotion_core.results.run import Run
from emotion_core.texts import with_interval
from pages.shared.charts import CHART, kept_figure
from pages.shared.command import show_command
from pages.shared.sentence import sentence
from pages.shared.words import count, escape

VIEWS = {
    "right": ("Right answers", "Where it looks when it is right, by expression"),
    "wrong": ("Wrong: what it predicts", "Where it sees what it wrongly predicts, by true expression"),
    "missed": ("Wrong: the truth", "Where it sees the truth that it missed, by true expression"),
    "affect": ("Valence and arousal", "Where it looks for valence and arousal"),
}


def show_explanations(run: Run, dataset: str, split: str) -> None:
    """Mean heat maps, curves and what follows from them; the one command that makes them where there are none."""
    try:
        found = read_explanations(run, f"{dataset}-{split}")
    except CheckpointError as error:
        st.error(sentence(error), icon=":material/error:")
        return
    if found is None:
        st.info("Nothing is known about the explanations of this run on these images yet. Run this, then reload.")
        command = f"python -m emotion_core explain {shlex.quote(run.name)} --dataset {shlex.quote(dataset)} --split {split}"
        show_command(command)
        return
    key = (
        run.name,
        str(run.path),
        dataset,
        split,
        found.about["weights"],
        found.faithfulness["seed"],
        found.faithfulness["images"],
    )
    for finding in findings(found.faithfulness):
        st.markdown(escape(finding))
    left, right = st.columns([0.45, 0.55], gap="medium")
    with left:
        _show_maps(found, key)
    with right:
        _show_faithfulness(found, key)


def _show_maps(found: Explanations, key: tuple[object, ...]) -> None:
    maps = found.maps
    options = [view for view in VIEWS if _chosen(found, view)[2].any()]
    if not options:
        return
    view = st.segmented_control(
        "Mean heat maps of", options, format_func=lambda view: VIEWS[view][0], default=options[0], required=True,
        key=f"explanations-view-{key[0]}",
    )  # fmt: skip
    values, names, counts = _chosen(found, view)
    build = partial(mean_maps_figure, values, names, counts.tolist(), VIEWS[view][1])
    st.plotly_chart(
        kept_figure(("mean maps", key, view), build),
        key=f"mean-maps-{view}-{key[0]}",
        config=CHART,
        alt=f"{VIEWS[view][1]}; mean heat maps of {count(int(counts.max()), 'image', 'images')} at most",
    )
    height, width = maps.expression.shape[-2:]
    st.caption(
        f"Each face's Grad-CAM is scaled to [0, 1] and then averaged; {height} × {width} fields, as the network sees them. "
        "The outline is drawn where the parts of a face usually lie in AffectNet."
    )


def _chosen(found: Explanations, view: str) -> tuple[np.ndarray, list[str], np.ndarray]:
    maps = found.maps
    if view == "affect":
        names = list(AFFECT[: len(maps.affect)])
        return maps.affect, names, np.full(len(names), maps.num_images)
    right = int(view == "right")
    return maps.expression[:, right, int(view != "wrong")], list(EXPRESSIONS), maps.counts[:, right]


def _show_faithfulness(found: Explanations, key: tuple[object, ...]) -> None:
    faithfulness = found.faithfulness
    shown = st.segmented_control(
        "Can they be believed?", ["Scores", "Insertion", "Deletion", "ROAD"], default="Scores", required=True,
        key=f"explanations-measure-{key[0]}",
    )  # fmt: skip

    def build() -> go.Figure:
        if shown in ("Insertion", "Deletion"):
            return curve_figure(faithfulness, "insertion" if shown == "Insertion" else "deletion")
        return score_figure(faithfulness, "road" if shown == "ROAD" else "score")

    st.plotly_chart(
        kept_figure(("faithfulness", key, shown), build),
        key=f"faithfulness-{shown}-{key[0]}",
        config=CHART,
        alt=f"{shown} of heat map methods and of two controls; {' '.join(findings(faithfulness))}",
    )
    st.caption(
        f"Judged on {faithfulness['images']:,} of {count(faithfulness['of'], 'image', 'images')}, as many of each expression "
        "as there are, by the probability of the predicted expression. Insertion puts the most important pixels into a "
        "blurred picture, deletion makes them grey (Petsiuk et al. 2018); ROAD fills them in from around (Rong et al. 2022). "
        "The controls know nothing of the network: a random map as coarse as its own, and the centre of the picture, where "
        "faces are."
    )
    with st.expander("All figures", icon=":material/table:"):
        st.dataframe(_table(found), hide_index=True, key=f"faithfulness-table-{key[0]}")


def _table(found: Explanations) -> pd.DataFrame:
    def shown(entry: dict[str, float] | None) -> str:
        return "" if entry is None else with_interval(entry["value"], entry["low"], entry["high"])

    return pd.DataFrame(
        [
            {
                "method": entry["title"],
                "images": entry["images"],
                "insertion ↑": shown(entry["insertion"]),
                "deletion ↓": shown(entry["deletion"]),
                "ROAD ↑": shown(entry["road"]),
                "insertion \N{MINUS SIGN} deletion ↑": shown(entry["score"]),
                "against random": shown(entry["score"]["against"].get("random")),
                "against centre": shown(entry["score"]["against"].get("centre")),
            }
            for entry in found.faithfulness["methods"].values()
        ]
    )
