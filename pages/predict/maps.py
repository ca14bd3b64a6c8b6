"""A heat map over its face, its scale in words and numbers, and one click that puts it to the test."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from emotion_core.explain import METHODS, colour_scale, overlay
from emotion_core.explain.trust import TrustTest
from emotion_core.figures.card import card_png
from emotion_core.labels import AFFECT
from emotion_core.predict import Prediction, Predictor
from emotion_core.predict.heat import ENDS, Heat, Shows
from emotion_core.texts import minus, signed
from pages.predict.controls import PredictChoice
from pages.predict.views import show_heat
from pages.shared.downloads import offer_file

PICTURE = 152
"""Width of a face on the page, px: two fit side by side on a phone's 390."""

SPEAKS: dict[Shows, str] = {"for": "speaks for", "against": "speaks against", "both": "speaks for or against"}


def show_map(crop: npt.NDArray[np.uint8], heat: Heat, controls: PredictChoice, output: str, face: str, *, key: str) -> None:
    """The face under its heat map, above its scale; one sentence where the map shows nothing."""
    title = METHODS[controls.method]
    said = f"in this face {SPEAKS[controls.shows(output) if controls.method == 'gradcam' else 'for']} {output}"
    if heat.empty:
        st.caption(f"Nothing {said}.")
        return
    if heat.faint and heat.top is not None:
        most = heat.top * float(np.abs(heat.values).max())
        st.caption(f"Hardly anything {said}: at most {most:.2f}{unit_of(heat, output)} on a scale to {heat.top:.2f}.")
        return
    low, high = ends_of(heat, controls, output)
    alt = f"Heat map over {face}: {title} for {output}, from {low} to {high}"
    show_heat(crop, heat, alt=alt, key=f"heat-{key}")
    st.image(colour_scale(PICTURE * 2, 12, signed=heat.signed), width=PICTURE, alt=f"Colours from {low} to {high}")
    with st.container(horizontal=True, horizontal_alignment="distribute", gap=None):
        st.caption(low, width="content")
        st.caption(high, width="content")
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap="xxsmall"):
        st.caption(f"{title}, {output}{unit_of(heat, output)}", width="content", help=_meaning(heat, output))
        offer_file(
            "PNG", lambda: _file(crop, heat), "overlay.png", "image/png", key=f"overlay-{key}",
            meaning="The face under this heat map, half opaque.",
        )  # fmt: skip


def ends_of(heat: Heat, controls: PredictChoice, output: str) -> tuple[str, str]:
    """What stands at the two ends of the scale."""
    if heat.top is None:
        return "0", "1"
    number = f"{heat.top:.2f}"
    less, more = ENDS.get(output, ("against", "for"))
    if heat.signed:
        return minus(f"{less} -{number}"), f"{more} {number}"
    side = less if controls.shows(output) == "against" else more
    return "0", f"{side} {number}"


def unit_of(heat: Heat, output: str) -> str:
    """The unit of a scale, as it follows a number; empty where there is none, or it is the output itself."""
    return "" if heat.top is None or output in AFFECT else " (logits)"


def _meaning(heat: Heat, output: str) -> str:
    if heat.top is None:
        return "This method gives neither sign nor units; each map has a scale of its own."
    unit = output if output in AFFECT else f"the logit of {output}"
    return (
        f"In units of {unit}: how much it would be, without the network's bias, if the whole face contributed as much as this "
        "place. The mean over all places, and the bias, give exactly what the network predicts."
    )


def _file(crop: npt.NDArray[np.uint8], heat: Heat) -> bytes:
    picture = overlay(crop, heat.values, signed=heat.signed)
    width = picture.shape[1]
    scale = colour_scale(max(2, width), max(2, width // 18), signed=heat.signed)[:, :width]
    gap = np.full((max(1, width // 56), width, 3), 128, dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(np.vstack([picture, gap, scale])).save(stream, format="PNG")
    return stream.getvalue()


def offer_card(
    prediction: Prediction, number: int, heat: Heat | None, output: str, controls: PredictChoice, *, key: str
) -> None:
    """The card as a picture, as the first network reads the face."""
    crop, reading = prediction.photo.faces[number].crop, prediction.readings[number]
    below = prediction.run
    if heat is not None:
        low, high = ends_of(heat, controls, output)
        unit = unit_of(heat, output)
        below = f"{METHODS[controls.method]} for {output}, {low} to {high}{unit} · {prediction.run}"

    def make() -> bytes:
        over = None if heat is None else overlay(crop, heat.values, signed=heat.signed)
        return card_png(crop, over, reading, below)

    offer_file(
        "Card", make, "face.png", "image/png", key=f"card-{key}", meaning="This face and what was read from it, as a PNG."
    )


def offer_trust(
    digest: str,
    number: int,
    prediction: Prediction,
    predictor: Predictor,
    output: str,
    heat: Heat,
    controls: PredictChoice,
    *,
    key: str,
) -> None:
    """A button that blurs the warm places and as much elsewhere, and what came of it."""
    tests: dict[tuple[Any, ...], TrustTest] = st.session_state["maps"]
    found = prediction.photo.faces[number]
    asked = (digest, number, found.face.box, prediction.run, output, controls.method, controls.shows(output), "test")
    clicked = st.button(
        "Test this map",
        type="tertiary",
        icon=":material/blur_on:",
        key=f"test-{key}-{prediction.run}",
        help="Blurs the fifth of the face that the map calls most important, then a fifth elsewhere, eight times, and asks the "
        "network again.",
    )
    if clicked:
        tests[asked] = predictor.test_trust(found.crop, output, np.abs(heat.values), flip=controls.mirror)
    if asked in tests:
        st.caption(describe_test(tests[asked], output))


def describe_test(test: TrustTest, output: str) -> str:
    """What a test of trust found, in three sentences."""

    def said(value: float) -> str:
        return signed(value, 2) if output in AFFECT else f"{value:.2f}"

    low, high = min(test.elsewhere), max(test.elsewhere)
    elsewhere = said(sum(test.elsewhere) / len(test.elsewhere))
    verdict = "The map shows what matters." if test.passed else "Other places matter as much: do not rely on this map."
    return (
        f"{output.capitalize()} is {said(test.whole)}; with the warm fifth blurred {said(test.warm)}, with another fifth "
        f"blurred {elsewhere} ({said(low)} to {said(high)}). {verdict}"
    )
