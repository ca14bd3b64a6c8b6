"""The view of other datasets."""

from __future__ import annotations

import streamlit as st

from emotion_core.compare.matrix import MATRIX_MEASURE, generalisation_matrix, matrix_legend, matrix_table, readable_matrix
from emotion_core.errors import EmotionCoreError
from emotion_core.figures.compare.generalisation import generalisation_heatmap
from emotion_core.metrics.table import METRICS
from pages.compare.views.shown import Compared, draw, offer
from pages.shared.words import escape


def show_generalisation(shown: Compared) -> None:
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
    draw(figure, "generalisation", f"{METRICS[matrix.measure].title} by dataset. {said}")
    st.dataframe(
        readable_matrix(matrix),
        hide_index=True,
        key="table-generalisation",
        # Values with their intervals are wider than Streamlit takes them for.
        column_config={key: st.column_config.TextColumn(key, width=165) for key in matrix.evaluations},
        alt="The same with intervals",
    )
    st.caption(f"{matrix_legend(matrix)} A frame marks the dataset that a run does worst on.")
    offer([figure], matrix_table(matrix), f"generalisation-{matrix.measure}")
