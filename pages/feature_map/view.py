"""The map: colours, a lasso, the chosen faces, and the neighbours of one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.figures.feature_map import MANY, NO_VALUE, VERDICTS, Newcomer, feature_figure
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.feature_map import FeatureMap
from emotion_core.texts import shorten
from pages.feature_map.newcomers import count_newcomers, place_newcomers
from pages.shared.chosen import ROUND, TOOL, keep_points, read_set, show_way_on
from pages.shared.inspected import Inspected
from pages.shared.pictures import show_pictures
from pages.shared.words import count, escape

Rows = npt.NDArray[np.int64]

TRUE, PREDICTED, RIGHT = "true expression", "predicted expression", "right or wrong"
NEAREST = 8
WAYS = {
    "pacmap": "PaCMAP (Wang et al. 2021) of the first principal components",
    "pca": "the first two principal components (PaCMAP would part groups better: pip install 'emotion-core[maps]')",
}
CONFIG = {"displaylogo": False, "scrollZoom": True, "modeBarButtonsToRemove": ["toImage", "autoScale2d"]}


def show_map(inspected: Inspected, found: FeatureMap, columns: Sequence[DeltaGenerator]) -> None:
    """Two controls, then the map.

    Args:
        inspected: the faces, with the answers of one run.
        found: the map.
        columns: for the controls.
    """
    slices = inspected.flags.slices
    options = (TRUE, PREDICTED, RIGHT, *(str(name) for name in slices.columns))
    by = columns[0].selectbox("Colour by", options, key="colour", bind="query-params")
    waiting = count_newcomers()
    drop = waiting > 0 and columns[1].toggle(
        f"Faces from Predict ({waiting:,})", value=True, key="newcomers", bind="query-params",
        help="Faces that were read on the Predict page in this visit, as diamonds.",
    )  # fmt: skip
    _show(inspected, found, str(by), drop=drop)


@st.fragment
def _show(inspected: Inspected, found: FeatureMap, by: str, *, drop: bool) -> None:
    """The map and what is chosen on it; choosing draws nothing else again."""
    ids = inspected.table["sample_id"].to_numpy()
    marked = np.intersect1d(read_set(ids), found.rows)
    newcomers = place_newcomers(inspected, found) if drop else ()
    left, right = st.columns([0.62, 0.38], gap="medium")
    with left:
        _draw(inspected, found, by, marked, newcomers)
        st.caption(
            f"{count(len(found.rows), 'face', 'faces')}; near each other: alike to the network. Laid out by "
            f"{WAYS[found.method]}, which hold {found.kept:.3f} of the variance of {len(found.mean):,} features. Only nearness "
            "means something: not the axes, and not the size of gaps."
        )
    with right:
        if newcomers:
            st.caption(
                "A diamond is a face from Predict: at the mean of its ten nearest neighbours, weighted by one over distance."
                if found.method == "pacmap"
                else "A diamond is a face from Predict: at its own two principal components."
            )
        _show_chosen(inspected, found, marked)


def _draw(inspected: Inspected, found: FeatureMap, by: str, marked: Rows, newcomers: Sequence[Newcomer]) -> None:
    groups, names, ordered = _groups(inspected, found, by)
    table = inspected.table.iloc[found.rows]
    hover: list[str] = []
    if len(found.rows) <= MANY:
        said = zip(table["sample_id"], table["expression"], table["predicted_0"], strict=True)
        hover = [f"{name}\ntrue {_word(true)}, predicted {_word(predicted)}" for name, true, predicted in said]
    key = f"features-{st.session_state.get(ROUND, 0)}"
    figure = feature_figure(
        found.places, groups, names, found.rows, hover=hover, title=f"Faces by what the network sees, coloured by {by}",
        marked=marked.tolist(), newcomers=newcomers, ordered=ordered, tool=st.session_state.get(TOOL) or "pan",
    )  # fmt: skip
    st.plotly_chart(
        figure,
        key=key,
        config=CONFIG,
        on_select=lambda: keep_points(key, found.rows, found.rows, inspected.table["sample_id"].to_numpy()),
        alt=f"Map of {count(len(found.rows), 'face', 'faces')} by the features of {inspected.names[0]}, coloured by {by}",
    )


def _groups(inspected: Inspected, found: FeatureMap, by: str) -> tuple[npt.NDArray[np.object_], list[str], bool]:
    """Group of each face, names of all groups, and whether these go from low to high."""
    table = inspected.table
    if by == RIGHT:
        right = table["correct_0"].to_numpy()[found.rows]
        names = np.select([right == 1, right == 0], list(VERDICTS), NO_VALUE).astype(object)
        return names, [*VERDICTS, NO_VALUE], False
    slices = inspected.flags.slices
    if by in slices:
        values = slices[by].reindex(table["sample_id"].to_numpy()[found.rows])
        names = values.astype(object).where(values.notna(), NO_VALUE).to_numpy(dtype=object)
        return names, [*(str(name) for name in values.cat.categories), NO_VALUE], bool(values.cat.ordered)
    column = table["expression" if by == TRUE else "predicted_0"].iloc[found.rows]
    names = column.astype(object).where(column.notna(), NO_VALUE).to_numpy(dtype=object)
    return names, [*EXPRESSIONS, NO_VALUE], False


def _show_chosen(inspected: Inspected, found: FeatureMap, marked: Rows) -> None:
    if not len(marked):
        st.caption("Click a face to see its neighbours, or take the lasso or the box above the map and draw around faces.")
        return
    table = inspected.table
    st.markdown(f"**{count(len(marked), 'face', 'faces')} chosen**{_right_of(inspected, marked)}")
    show_way_on(inspected.entries)
    shown = [(str(table["sample_id"].iloc[row]), _words(inspected, row)) for row in marked.tolist()]
    show_pictures(inspected.dataset, shown, key="on-map")
    if len(marked) == 1:
        st.markdown(f"**Nearest to {escape(shorten(shown[0][0]))}**")
        at = int(np.searchsorted(found.rows, marked[0]))
        near, distance = found.nearest(found.components[at], NEAREST + 1)
        pairs = [(found.rows[place], far) for place, far in zip(near, distance, strict=True) if place != at][:NEAREST]
        show_pictures(
            inspected.dataset,
            [(str(table["sample_id"].iloc[row]), f"{_words(inspected, row)}, distance {far:.2f}") for row, far in pairs],
            key="near-on-map",
        )
        st.caption("By Euclidean distance among the principal components, not on the map.")


def _right_of(inspected: Inspected, rows: Rows) -> str:
    right = inspected.table["correct_0"].to_numpy()[rows]
    known = np.isfinite(right) & (len(rows) > 1)
    return f", {right[known].mean():.3f} of them right" if known.any() else ""


def _words(inspected: Inspected, row: int) -> str:
    image = inspected.table.iloc[row]
    said, right = image["predicted_0"], image["correct_0"]
    sign = "✓ " if right == 1 else "✗ " if right == 0 else ""
    return f"{sign}{_word(said)}, true {_word(image['expression'])}"


def _word(expression: object) -> str:
    return expression if isinstance(expression, str) else "not known"
