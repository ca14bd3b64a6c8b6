"""Images that were chosen one by one on a figure: named in the address, so that every page shows the same ones."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from emotion_core.compare import Entry
from emotion_core.errors import ConfigError
from emotion_core.inspection.sets import decode_set, encode_set
from pages.shared.address import BASELINE, BENCHMARK, RUN, SET
from pages.shared.words import escape

Rows = npt.NDArray[np.int64]
Ids = npt.NDArray[np.object_]

TOOL = "chosen-tool"
"""With which the last images were chosen, kept for the next choice; empty for a click, which needs an empty hand."""

ROUND = "chosen-round"
"""How often images were chosen: a new figure forgets the last choice, which it shows as marks instead."""

_SAID = "chosen-said"


def read_set(ids: Ids) -> Rows:
    """Positions of the images that the address names, ascending; says so where it names none of these.

    Args:
        ids: of all images of the evaluation, sorted.
    """
    said = st.session_state.pop(_SAID, None)
    if said:
        st.warning(escape(said))
    text = st.query_params.get(SET, "")
    try:
        return decode_set(text, ids) if text else np.zeros(0, dtype=np.int64)
    except ConfigError as error:
        st.warning(escape(str(error)), icon=":material/link_off:")
        return np.zeros(0, dtype=np.int64)


def keep_points(key: str, rows: Rows, places: Rows, ids: Ids) -> None:
    """Name the images that were chosen on a figure in the address; none chosen takes them out. For callbacks.

    Args:
        key: of the figure.
        rows: row numbers that its points may carry, ascending.
        places: position of each of these among ``ids``.
        ids: of all images of the evaluation, sorted.
    """
    selection = st.session_state[key].selection
    numbers = np.array(sorted(chosen_rows(selection.points)), dtype=np.int64)
    if len(numbers):
        st.session_state[TOOL] = "lasso" if selection.lasso else "select" if selection.box else ""
    st.session_state[ROUND] = st.session_state.get(ROUND, 0) + 1
    known = np.isin(rows, numbers)
    if not known.any():
        forget_set()
        return
    try:
        st.query_params[SET] = encode_set(places[known], ids)
    except ConfigError as error:
        st.session_state[_SAID] = str(error)


def forget_set() -> None:
    """Take the chosen images out of the address."""
    st.query_params.pop(SET, None)


def show_way_on(entries: Sequence[Entry]) -> None:
    """To the chosen images on the page of errors, and back to all of them."""
    query = {BENCHMARK: entries[0].evaluation, RUN: entries[0].name, SET: st.query_params.get(SET, ""), "outcome": "all"}
    if len(entries) > 1:
        query[BASELINE] = entries[1].name
    with st.container(horizontal=True, vertical_alignment="center"):
        st.page_link("pages/errors/page.py", label="Open in Errors", icon=":material/search_insights:", query_params=query)
        st.button("Choose none", key="choose-none", type="tertiary", icon=":material/close:", on_click=_choose_none)


def _choose_none() -> None:
    """Also put the tool away, so that a click chooses a face again."""
    st.session_state[TOOL] = ""
    forget_set()


def chosen_rows(points: Iterable[Mapping[str, Any]]) -> set[int]:
    """Row numbers of the chosen points; faces from elsewhere, which are no rows, do not count."""
    numbers = set()
    for point in points:
        data = point.get("customdata")
        # A single number comes bare or in a list, as the browser likes.
        value = data[0] if isinstance(data, Sequence) and not isinstance(data, str) and data else data
        if isinstance(value, int | float) and value >= 0:
            numbers.add(int(value))
    return numbers
