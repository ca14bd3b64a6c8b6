"""How far off valence and arousal are: measures, residuals, quarters, and which of two runs is closer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.compare import Entry, why_not_comparable
from emotion_core.figures.affect_map.residuals import quarter_matrix, residual_figure, residual_reach
from emotion_core.figures.run_styles import run_styles
from emotion_core.inspection.affect import closer_run, quarter_counts
from emotion_core.labels import AFFECT
from emotion_core.metrics.table import METRICS
from emotion_core.texts import signed, with_interval
from pages.affect_map.faces import ChosenFaces
from pages.shared.charts import CHART, kept_figure
from pages.shared.words import count, escape


def show_measures(entries: Sequence[Entry], *, filtered: bool) -> None:
    """RMSE and CCC as they were stored, with their intervals."""
    keys = [f"{measure}_{axis}" for axis in AFFECT for measure in ("rmse", "ccc")]
    rows = [{"run": entry.name} | {key: _measured(entry, key) for key in keys} for entry in entries]
    words = {key: METRICS[key] for key in keys}
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        column_config={key: st.column_config.TextColumn(words[key].header, help=words[key].help) for key in keys},
        key="measures-table",
    )
    images = entries[0].images
    if images is not None:
        st.caption(
            f"On all {count(images, 'image', 'images')} of the evaluation{', whatever is filtered' if filtered else ''}; "
            "[..] is the 95 % interval over images."
        )


def _measured(entry: Entry, key: str) -> str:
    measure = entry.measures.get(key)
    return "not defined" if measure is None else with_interval(measure.value, measure.low, measure.high)


def show_errors(chosen: ChosenFaces, marked: npt.NDArray[np.int64]) -> None:
    """Residuals of both axes on one scale, and quarters: three figures for one run, four for two.

    Args:
        chosen: the faces.
        marked: rows of those that stand out among the residuals.
    """
    one = len(chosen.names) == 1
    columns = st.columns(3 if one else 2, gap="medium")
    _show_residuals(chosen, marked, columns[:2])
    _show_quarters(chosen, columns[2:] if one else st.columns(2, gap="medium"))
    st.caption(
        "In the quarters: counts, and below them shares of the true quarter. Zero belongs to the pleasant and to the active "
        "side, so a face at (0, 0) counts as excited, happy."
    )


def _show_residuals(chosen: ChosenFaces, marked: npt.NDArray[np.int64], columns: Sequence[DeltaGenerator]) -> None:
    faces = chosen.faces
    true = {axis: faces[axis].to_numpy(dtype=np.float64) for axis in AFFECT}
    said = {
        axis: {name: faces[f"{axis}_{i}"].to_numpy(dtype=np.float64) for i, name in enumerate(chosen.names)} for axis in AFFECT
    }
    reach = max(residual_reach(true[axis], said[axis].values()) for axis in AFFECT)
    styles = run_styles([entry.backbone for entry in chosen.entries])

    stand_out = np.searchsorted(chosen.rows, marked)

    def build(axis: str) -> go.Figure:
        return residual_figure(
            axis, true[axis], said[axis], styles=styles, hover=faces["sample_id"].tolist(), reach=reach, marked=stand_out
        )

    for column, axis in zip(columns, AFFECT, strict=True):
        means = ", ".join(f"{name} {signed(float(np.mean(values - true[axis])))}" for name, values in said[axis].items())
        column.plotly_chart(
            build(axis) if len(marked) else kept_figure(("residuals", chosen.key, axis), partial(build, axis)),
            key=f"residuals-{axis}",
            config=CHART,
            alt=f"Predicted minus true {axis} against true {axis}; mean {means}",
        )


def _show_quarters(chosen: ChosenFaces, columns: Sequence[DeltaGenerator]) -> None:
    faces = chosen.faces
    several = len(chosen.names) > 1
    for number, (column, name) in enumerate(zip(columns, chosen.names, strict=True)):
        counts = quarter_counts(faces, number)
        column.plotly_chart(
            kept_figure(("quarters", chosen.key, number), partial(quarter_matrix, counts, name if several else "")),
            key=f"quarters-{number}",
            config=CHART,
            alt=f"{name}: {int(np.trace(counts)):,} of {count(len(faces), 'face', 'faces')} are put in their true quarter",
        )


def show_closer(chosen: ChosenFaces) -> None:
    """Which of two runs lies closer to the truth, face by face."""
    found = closer_run(chosen.faces)
    first, second = chosen.names
    reason = why_not_comparable(*chosen.entries)
    if reason:
        st.warning(escape(reason), icon=":material/compare_arrows:")
    equal = f", as close as each other on {1 - found.first - found.second:.3f}" if found.first + found.second < 1 else ""
    st.markdown(
        f"**{escape(first)} is closer on {found.first:.3f}** of {count(found.images, 'face', 'faces')} "
        f"(95 % interval {found.low:.3f} to {found.high:.3f}), {escape(second)} on {found.second:.3f}{equal}."
    )
    nearer = first if found.difference < 0 else second
    sure = found.difference_low * found.difference_high > 0
    verdict = f"{escape(nearer)} is closer on average" if sure else "On average they are not significantly different"
    st.markdown(
        f"{verdict}: mean distance {found.first_distance:.3f} against {found.second_distance:.3f}, difference "
        f"{signed(found.difference)} (95 % interval {signed(found.difference_low)} to {signed(found.difference_high)})."
    )


def show_collapse(collapse: Sequence[tuple[str, str]]) -> None:
    """One warning a run and reason."""
    for name, reason in collapse:
        st.warning(f"{escape(name)} has collapsed. {escape(reason)}", icon=":material/warning:")
