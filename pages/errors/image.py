"""One image: everything that is known about it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from emotion_core.figures.errors.place import place_arrows
from emotion_core.figures.plane import AffectPoint
from emotion_core.figures.probabilities import probability_bars
from emotion_core.inspection.table import probabilities
from emotion_core.labels import AFFECT, EXPRESSIONS, OUTPUTS
from emotion_core.texts import shorten, signed
from pages.errors.chosen import ChosenImages
from pages.errors.gallery import face_lines, open_image, small_lines
from pages.errors.heat import OFF, ask_heat
from pages.errors.reviews import show_review
from pages.shared.charts import CHART
from pages.shared.inspected import Inspected
from pages.shared.pictures import SIDE, pictures_root, read_picture, thumbnail, why_no_pictures
from pages.shared.words import count

Picture = npt.NDArray[np.uint8]

LARGE = 224
"""Width of the picture, px."""
BARS = 380
"""Width of the bars, px."""
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
    """The image that the address names. Going on to the next draws only this again."""
    inspected = chosen.inspected
    row = asked_image(inspected)
    if row is None:
        return
    image = inspected.table.iloc[row]
    sample_id = str(image["sample_id"])
    _show_way(chosen, row)
    st.markdown(f"### {_verdict(inspected, image)}")
    picture = read_picture(inspected.dataset, pictures_root(inspected.dataset), sample_id) if _at_hand(inspected) else None
    help_text = "Grad-CAM shows which parts of the face speak for this output. The first heat map loads the network."
    output = OFF if picture is None else ask_heat((OFF, *OUTPUTS), "overlay", help_text)
    line = st.container(horizontal=True, gap="medium")
    with line:
        if picture is not None:
            _show_picture(picture, sample_id)
            if output != OFF:
                _show_overlays(inspected, sample_id, picture, output)
    # Three pictures fill a line; what does not fit beside fewer goes to the next one by itself.
    with st.container(horizontal=True, gap="medium") if output != OFF and len(inspected.names) > 1 else line:
        _show_bars(inspected, row, sample_id)
        _show_place(inspected, image, sample_id)
    _show_facts(inspected, image)
    _show_values(inspected, image)
    true = image["expression"]
    show_review(inspected.dataset, sample_id, true if isinstance(true, str) else None)
    if picture is not None:
        _show_neighbours(inspected, row)


def _show_way(chosen: ChosenImages, row: int) -> None:
    """Previous, next, and where one is."""
    rows = chosen.rows
    at = np.flatnonzero(rows == row)
    place = int(at[0]) if len(at) else -1
    before = chosen.inspected.ids(rows[place - 1 : place])[0] if place > 0 else None
    after = chosen.inspected.ids(rows[place + 1 : place + 2])[0] if place + 1 < len(rows) else None
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        for label, sign, shortcut, sample in (
            ("Previous", ":material/chevron_left:", "Left", before),
            ("Next", ":material/chevron_right:", "Right", after),
        ):
            st.button(
                label, icon=sign, shortcut=shortcut, disabled=sample is None, on_click=open_image, args=(sample,), key=label
            )
        where = f"{place + 1:,} of {count(len(rows), 'image', 'images')}" if place >= 0 else "not among the chosen images"
        st.text(f"{where} · {shorten(str(chosen.inspected.table['sample_id'].iloc[row]))}")


def _verdict(inspected: Inspected, image: pd.Series) -> str:
    true = image["expression"]
    words = [f"True {true}" if isinstance(true, str) else "No true expression"]
    for number in range(len(inspected.names)):
        said, correct = image[f"predicted_{number}"], image[f"correct_{number}"]
        if isinstance(said, str):
            who = f" by {'AB'[number]}" if len(inspected.names) > 1 else ""
            phrase = f"predicted{who} {said}"
            words.append(f":green[✓ {phrase}]" if correct == 1 else f":red[✗ {phrase}]" if correct == 0 else phrase)
    return ", ".join(words)


def _at_hand(inspected: Inspected) -> bool:
    missing = why_no_pictures(inspected.dataset)
    if missing:
        st.text(missing)
    return missing is None


def _show_picture(picture: Picture, sample_id: str) -> None:
    with st.container(width=LARGE, gap="xxsmall"):
        st.image(picture, width=LARGE, alt=f"{shorten(sample_id)}, {picture.shape[1]} × {picture.shape[0]} px")


def _show_overlays(inspected: Inspected, sample_id: str, picture: Picture, output: str) -> None:
    with st.spinner("Getting ready …"):
        from pages.errors.overlays import overlaid, predictors_of, read_maps
    for name, predictor in predictors_of(inspected.entries).items():
        maps = read_maps(predictor, inspected.dataset, [sample_id])[0]
        with st.container(width=LARGE, gap="xxsmall"):
            if maps is None or output not in maps:
                st.caption(f"{name} is not trained on {output}.")
                continue
            alt = f"Heat map of {name} for {output} over {shorten(sample_id)}, dark is 0, pale yellow is 1"
            st.image(overlaid(picture, maps[output]), width=LARGE, alt=alt)
            with st.container(horizontal=True, horizontal_alignment="distribute", gap=None):
                st.caption("0", width="content")
                st.caption(output, width="content")
                st.caption("1", width="content")
            if len(inspected.names) > 1:
                st.text(f"{'AB'[inspected.names.index(name)]}: {shorten(name, 30)}")


def _show_facts(inspected: Inspected, image: pd.Series) -> None:
    """What makes one doubt the image."""
    sample_id, suggested = str(image["sample_id"]), image["suggested_0"]
    facts = []
    if isinstance(suggested, str):
        facts.append(
            f"Confident learning suggests {suggested}: trust in the label is {image['trust_0']:.3f}, where 1 is usual for "
            f"{image['expression']}."
        )
    if sample_id in inspected.flags.conflicts:
        facts.append("The same pixels occur again with another label.")
    if sample_id in inspected.flags.leaked:
        facts.append("The same pixels also stand in the training split.")
    for fact in facts:
        st.caption(fact)


def _show_bars(inspected: Inspected, row: int, sample_id: str) -> None:
    said = {}
    for number, name in enumerate(inspected.names):
        probs = probabilities(inspected.table.iloc[[row]], number)[0]
        if np.isfinite(probs).all():
            said[shorten(name, 30)] = dict(zip(EXPRESSIONS, probs.clip(0, 1).tolist(), strict=True))
    if said:
        most = "; ".join(f"{name}: {max(probs, key=lambda key: probs[key])}" for name, probs in said.items())
        with st.container(width=BARS):
            st.plotly_chart(
                probability_bars(said),
                key=f"bars-{sample_id}",
                config=CHART,
                alt=f"Probability of each expression. Most probable: {most}",
            )


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
    with st.container(width=PLANE):
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
