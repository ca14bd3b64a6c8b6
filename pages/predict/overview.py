"""Many faces at a glance: a photo with boxes, a gallery, a table, a histogram."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from emotion_core.figures.expression_counts import expression_counts
from emotion_core.predict import Prediction
from emotion_core.texts import shorten
from pages.predict.views import chosen_face, show_photo
from pages.shared.charts import CHART
from pages.shared.words import count, escape

THUMBNAIL = 104
"""Width of a photo in the gallery, px: three fit side by side on a phone's 390."""

PAGE = 24
"""Photos a page of the gallery."""


def open_face(prediction: Prediction, *, key: str) -> int:
    """Show a photo with its boxes, and say whose card is open, from 0; the address says it too."""
    total = len(prediction.photo.faces)
    asked = st.query_params.get("face", "1")
    opened = int(asked) - 1 if asked.isdecimal() and 1 <= int(asked) <= total else 0
    words = [face_words(prediction, number) for number in range(total)]
    show_photo(prediction, words, opened, _open, key=key)
    if total > 1:
        st.caption("Choose a face to see all that was read from it.")
    return opened


def _open(key: str) -> None:
    number = chosen_face(key)
    if number is not None:
        st.query_params["face"] = str(number + 1)


def face_words(prediction: Prediction, number: int) -> str:
    """A face's verdict, and the probability where it is one."""
    reading = prediction.readings[number]
    if reading.expression is None:
        return "face" if reading.valence is None else f"valence {reading.valence:.2f}"
    if reading.stands is False:
        return reading.verdict
    return f"{reading.verdict} {reading.probabilities[reading.expression]:.2f}"


def show_overview(predictions: Sequence[Prediction]) -> None:
    """Gallery, table or histogram of several photos, as one run reads them."""
    kind = st.segmented_control(
        "Overview", ["Gallery", "Table", "Histogram"], default="Gallery", required=True, key="overview", bind="query-params"
    )
    if kind == "Gallery":
        _gallery([(number, each) for number, each in enumerate(predictions) if each.photo.preview])
    elif kind == "Table":
        faces = [(i, face) for i, each in enumerate(predictions) for face in range(len(each.photo.faces))]
        st.dataframe(
            faces_table(predictions),
            hide_index=True,
            key="faces-table",
            column_config=_COLUMNS,
            selection_mode="single-row",
            on_select=lambda: _chosen_row(faces),
        )
    else:
        said = Counter(reading.expression for each in predictions for reading in each.readings if reading.expression)
        if not said:
            st.text("No expression was read.")
            return
        words = ", ".join(f"{name} {number}" for name, number in said.most_common())
        st.plotly_chart(
            expression_counts(said), key="histogram", config=CHART, alt=f"Faces by most probable expression: {words}"
        )


def ask_opened(photos: int) -> int | None:
    """Which photo of several is open, from 0; the address says it too."""
    asked = st.query_params.get("card", "")
    return int(asked) - 1 if asked.isdecimal() and 1 <= int(asked) <= photos else None


def open_photo(number: int | None, face: int = 0) -> None:
    """Open one photo of several, or close it."""
    if number is None:
        st.query_params.pop("card", None)
        st.query_params.pop("face", None)
        return
    st.query_params["card"] = str(number + 1)
    st.query_params["face"] = str(face + 1)


def _chosen_row(faces: Sequence[tuple[int, int]]) -> None:
    state = st.session_state["faces-table"]
    rows = state["selection"]["rows"]
    if rows and rows[0] < len(faces):
        open_photo(*faces[rows[0]])


def _gallery(predictions: Sequence[tuple[int, Prediction]]) -> None:
    pages = -(-len(predictions) // PAGE)
    page = st.pagination(pages, key=f"gallery-page-{pages}") if pages > 1 else 1
    with st.container(horizontal=True, gap="small", key="gallery"):
        for number, prediction in predictions[(page - 1) * PAGE : page * PAGE]:
            total = len(prediction.photo.faces)
            words = face_words(prediction, 0) if total == 1 else count(total, "face", "faces") if total else "no face"
            name = shorten(prediction.photo.name, 30)
            with st.container(width=THUMBNAIL, gap="xxsmall"):
                st.image(prediction.photo.preview, width=THUMBNAIL, alt=f"{name}: {words}")
                if not total:
                    st.caption(words.capitalize())
                    continue
                st.button(
                    escape(words.capitalize()),
                    type="tertiary",
                    key=f"open-{number}",
                    on_click=open_photo,
                    args=(number,),
                    help=f"Opens the card of {escape(name)}",
                )


_COLUMNS = {
    "confidence": st.column_config.ProgressColumn("confidence", min_value=0, max_value=1, format="%.3f"),
    "valence": st.column_config.NumberColumn("valence", format="%.3f", help="-1 unpleasant to 1 pleasant"),
    "arousal": st.column_config.NumberColumn("arousal", format="%.3f", help="-1 calm to 1 active"),
    "size": st.column_config.NumberColumn("size, px", help="Longer side of the face in the photo"),
}


def faces_table(predictions: Sequence[Prediction]) -> pd.DataFrame:
    """A row a face. Sorted by a click on a column's name."""
    rows = [
        {
            "photo": shorten(prediction.photo.name, 40),
            "face": number,
            "expression": reading.expression,
            "confidence": None if reading.expression is None else reading.probabilities[reading.expression],
            "valence": reading.valence,
            "arousal": reading.arousal,
            "size": max(found.face.box[2:]),
        }
        for prediction in predictions
        for number, (found, reading) in enumerate(zip(prediction.photo.faces, prediction.readings, strict=True), start=1)
    ]
    return pd.DataFrame(rows)
