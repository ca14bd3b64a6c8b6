"""One image: everything that is known about it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from emotion_core.figures.errors.place import place_arrows
from emotion_core.figures.plane import AffectPoint
from emotion_core.labels import AFFECT
from emotion_core.texts import shorten, signed
from pages.errors.chosen import ChosenImages
from pages.errors.desk import Series, series_name, show_desk
from pages.errors.gallery import face_lines, open_image, small_lines
from pages.errors.trying import offer_trying
from pages.shared.charts import CHART
from pages.shared.inspected import Inspected
from pages.shared.pictures import SIDE, pictures_root, thumbnail, why_no_pictures
from pages.shared.words import count

PLANE = 280
"""Width of the plane, px."""
NEAREST = 8


def close_image() -> None:
    """Take the image out of the address."""
    st.query_params.pop("image", None)


def asked_image(inspected: Inspected) -> int | None:
    """Position of the image that the address names; says so when there is no such image."""
    name = st.query_params.get("image")
    if name is None:
        return None
    found = np.flatnonzero(inspected.table["sample_id"].to_numpy() == name)
    if not len(found):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"There is no image '{shorten(name)}' in this evaluation.")
            st.button("Close", on_click=close_image)
        return None
    return int(found[0])


@st.dialog("One image", width="large", on_dismiss=close_image)
def show_image(chosen: ChosenImages) -> None:
    """The image that the address names. Going on to the next is up to the browser, and draws only this again."""
    inspected = chosen.inspected
    row = asked_image(inspected)
    if row is None:
        return
    missing = why_no_pictures(inspected.dataset)
    if missing:
        st.text(missing)
    series, at = _series(chosen, row)
    show_desk(series, at, open_image)
    show_details(inspected, row, seen=missing is None)
    if missing is None:
        image = inspected.table.iloc[row]
        true = image["expression"]
        offer_trying(inspected, str(image["sample_id"]), true if isinstance(true, str) else None)


def _series(chosen: ChosenImages, row: int) -> tuple[Series, int]:
    """The chosen images; or this one alone, where it is none of them."""
    rows = chosen.rows
    at = np.flatnonzero(rows == row)
    if not len(at):
        alone = np.array([row], dtype=np.int64)
        words = "1: not among the chosen images"
        return Series(inspected=chosen.inspected, rows=alone, name=series_name(chosen.inspected.ids(alone)), of=words), 0
    words = count(len(rows), "image", "images")
    return Series(inspected=chosen.inspected, rows=rows, name=series_name(chosen.inspected.ids(rows)), of=words), int(at[0])


def show_details(inspected: Inspected, row: int, *, seen: bool) -> None:
    """What is wanted of few images, drawn when somebody opens it.

    Args:
        inspected: where the image comes from.
        row: its position.
        seen: whether its picture can be shown.
    """
    opened = st.expander(
        "Numbers, place on the plane, images that look alike", key="details", on_change="rerun", bind="query-params"
    )
    if not opened.open:
        return
    image = inspected.table.iloc[row]
    with opened:
        left, right = st.columns([0.3, 0.7], gap="medium")
        with left:
            _show_place(inspected, image, str(image["sample_id"]))
        with right:
            _show_values(inspected, image)
            if seen:
                _show_neighbours(inspected, row)


def _show_place(inspected: Inspected, image: pd.Series, sample_id: str) -> None:
    points = []
    for number, name in ((None, "annotated"), *enumerate(inspected.names)):
        ending = "" if number is None else f"_{number}"
        valence, arousal = image[f"valence{ending}"], image[f"arousal{ending}"]
        if np.isfinite([valence, arousal]).all():
            expression = image["expression" if number is None else f"predicted_{number}"]
            points.append(
                AffectPoint(
                    image=sample_id, valence=float(np.clip(valence, -1, 1)), arousal=float(np.clip(arousal, -1, 1)),
                    expression=expression if isinstance(expression, str) else None, run=shorten(name, 30),
                )
            )  # fmt: skip
    if not points:
        return
    figure = place_arrows(points[0], points[1:], side=PLANE)
    said = "; ".join(f"{point.run}: valence {point.valence:.3f}, arousal {point.arousal:.3f}" for point in points)
    st.plotly_chart(figure, width="content", key=f"place-{sample_id}", config=CHART, alt=said)


def _show_values(inspected: Inspected, image: pd.Series) -> None:
    """All numbers, a row for the annotators and one a run."""
    rows = [{"": "annotated", "expression": image["expression"], "valence": image["valence"], "arousal": image["arousal"]}]
    for number, name in enumerate(inspected.names):
        correct = image[f"correct_{number}"]
        sign = {1.0: "✓ ", 0.0: "✗ "}.get(correct, "")
        said = image[f"predicted_{number}"]
        rows.append(
            {
                "": name,
                "expression": f"{sign}{said}" if isinstance(said, str) else None,
                **{key: image[f"{key}_{number}"] for key in ("valence", "arousal", "confidence", "margin", "loss")},
            }
        )
    numbers = ("valence", "arousal", "confidence", "margin", "loss")
    table = pd.DataFrame(rows, columns=["", "expression", *numbers])
    shown = {name: [_number(value, name) for value in table[name]] for name in numbers}
    st.dataframe(table.assign(**shown), hide_index=True, key="values")


def _number(value: float, name: str) -> str:
    return "" if pd.isna(value) else signed(value) if name in AFFECT else f"{value:.3f}"


def _show_neighbours(inspected: Inspected, row: int) -> None:
    names = [entry.name for entry in inspected.entries if entry.run is not None and entry.run.has_weights]
    if not names:
        return
    whose = st.pills(
        "Which images look alike to the network?",
        names,
        key="nearest",
        help="Images whose features before the heads point most nearly the same way. The first time reads all images.",
    )
    if whose is None:
        return
    from pages.errors.neighbours import nearest_images
    from pages.errors.overlays import predictors_of

    predictors = predictors_of([entry for entry in inspected.entries if entry.name == whose])
    if whose not in predictors:
        return
    found = nearest_images(inspected, predictors[whose], row, NEAREST)
    with st.container(horizontal=True, gap="small"):
        for other, cosine in found:
            image = inspected.table.iloc[other]
            sample_id = str(image["sample_id"])
            content = thumbnail(inspected.dataset, pictures_root(inspected.dataset), sample_id)
            with st.container(width=SIDE, gap="xxsmall", key=f"near-{other}"):
                if content is not None:
                    st.image(content, width=SIDE, alt=shorten(sample_id))
                lines = face_lines(image, inspected.names, inspected.flags.verdicts)
                st.markdown(small_lines([f"cosine {cosine:.3f}", *lines]))
                st.button("Open", key=f"near-open-{other}", type="tertiary", on_click=open_image, args=(sample_id,))
