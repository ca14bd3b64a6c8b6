"""One face and all that is read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.figures.plane import AffectPoint, affect_plane
from emotion_core.figures.probabilities import probability_bars
from emotion_core.predict import Prediction, Predictor, Reading
from emotion_core.predict.heat import Heat, common_top
from emotion_core.texts import listing, shorten, signed
from pages.predict.controls import PREDICTED, PredictChoice
from pages.predict.maps import PICTURE, offer_card, offer_trust, show_map
from pages.predict.reading import heat_map
from pages.shared.charts import CHART
from pages.shared.sentence import sentence
from pages.shared.words import count, escape


def face_card(
    digest: str,
    number: int,
    predictions: Sequence[Prediction],
    predictors: Mapping[str, Predictor],
    controls: PredictChoice,
    *,
    key: str,
) -> None:
    """Draw a face: crop, heat maps, bars, its point on the plane, and how this came about.

    Args:
        digest: SHA-256 of the photo.
        number: which of the photo's faces, from 0.
        predictions: of this photo, one a run.
        predictors: by run.
        controls: what was chosen above.
        key: unique on the page.
    """
    photo = predictions[0].photo
    readings = {prediction.run: prediction.readings[number] for prediction in predictions}
    name = shorten(photo.name)
    with st.container(border=True, key=f"card-{key}"):
        with st.container(horizontal=True, vertical_alignment="bottom", horizontal_alignment="distribute", gap="small"):
            st.markdown(f"## {_verdict(list(readings.values()))}", width="content", help=_meaning(predictions))
            st.text(f"{name}, face {number + 1} of {len(photo.faces)}" if len(photo.faces) > 1 else name)
        pictures, bars, plane = st.columns([0.4, 0.33, 0.27], gap="medium")
        with pictures:
            with st.container(horizontal=True, gap="small"):
                _pictures(digest, number, predictions, predictors, controls, name, key)
            _warn(predictions, number)
            _details(predictions, number)
        with bars:
            _bars(readings, name, key)
            for sentence in dict.fromkeys(each.interpretation.describe() for each in predictions if each.interpretation):
                st.caption(escape(sentence))
        with plane:
            _plane(readings, photo.name, name, key)


def _pictures(
    digest: str,
    number: int,
    predictions: Sequence[Prediction],
    predictors: Mapping[str, Predictor],
    controls: PredictChoice,
    name: str,
    key: str,
) -> None:
    crop = predictions[0].photo.faces[number].crop
    first: tuple[Heat | None, str] = (None, "")
    with st.container(width=PICTURE, gap="xxsmall"):
        st.image(crop, width=PICTURE, alt=f"Face {number + 1} of {name}, cut out")
        st.caption("Face, cut out")
        place = st.container(gap=None)
    for prediction in predictions:
        output = _output(prediction.readings[number], controls.output)
        top = common_top([each.readings[number] for each in predictions], output)
        with st.container(width=PICTURE, gap="xxsmall"):
            if output not in prediction.readings[number].maps:
                words = controls.output if output else "any output"
                st.caption(f"This network is not trained on {words}.")
                continue
            try:
                heat = heat_map(digest, number, prediction, predictors[prediction.run], output, controls, top)
            except EmotionCoreError as error:
                st.error(sentence(error))
                continue
            if prediction is predictions[0] and not heat.faint:
                first = heat, output
            show_map(crop, heat, controls, output, f"face {number + 1} of {name}", key=f"{key}-{prediction.run}")
            if len(predictions) > 1:
                st.caption(escape(prediction.run))
            if not heat.faint:
                offer_trust(digest, number, prediction, predictors[prediction.run], output, heat, controls, key=key)
    with place:
        offer_card(predictions[0], number, first[0], first[1], controls, key=key)


def _bars(readings: Mapping[str, Reading], name: str, key: str) -> None:
    known = {run: reading.probabilities for run, reading in readings.items() if reading.probabilities}
    if known:
        most = "; ".join(
            f"{reading.expression} {reading.probabilities[reading.expression]:.3f}"
            for reading in readings.values()
            if reading.expression
        )
        st.plotly_chart(
            probability_bars(known),
            key=f"bars-{key}",
            config=CHART,
            alt=f"Probability of each expression for {name}. Most probable: {most}",
        )


def _plane(readings: Mapping[str, Reading], image: str, name: str, key: str) -> None:
    points = [
        AffectPoint(
            image=image,
            valence=reading.valence,
            arousal=reading.arousal,
            expression=reading.expression,
            run=run if len(readings) > 1 else "",
        )
        for run, reading in readings.items()
        if reading.valence is not None and reading.arousal is not None
    ]
    if points:
        said = "; ".join(f"valence {point.valence:.3f}, arousal {point.arousal:.3f}" for point in points)
        st.plotly_chart(affect_plane(points), width="content", key=f"plane-{key}", config=CHART, alt=f"{name}: {said}")


def _warn(predictions: Sequence[Prediction], number: int) -> None:
    reasons = list(dict.fromkeys(reason for prediction in predictions for reason in prediction.warnings(number)))
    if reasons:
        st.warning(escape(f"Read with care: the face is {listing(reasons)}."), icon=":material/warning:")


def _meaning(predictions: Sequence[Prediction]) -> str | None:
    """When a verdict is said, and what is said where none is."""
    how = predictions[0].interpretation
    if how is None or how.verdict_from is None:
        return None
    asked = f"{100 * how.accuracy:.0f} % of such verdicts were right on validation images"
    if how.verdict_from <= 1:
        first = f"An expression is only named alone from a probability of {how.verdict_from:.2f} on: {asked}."
    else:
        first = f"No expression is named alone: at no probability {asked}."
    return f"{first} Otherwise a set of expressions counts, made so that {100 * how.coverage:.0f} % of sets hold the true one."


def _details(predictions: Sequence[Prediction], number: int) -> None:
    """What was read, and how: a line for what was found, and one a run."""
    photo = predictions[0].photo
    face = photo.faces[number].face
    if face.whole:
        found = "The whole picture counts as the face"
    else:
        found = f"Found by {photo.detector}" + ("" if face.score is None else f" with score {face.score:.3f}")
    lines = [found]
    for prediction in predictions:
        reading = prediction.readings[number]
        words = [prediction.run] if len(predictions) > 1 else []
        if reading.expression is not None:
            words.append(f"{reading.expression} {reading.probabilities[reading.expression]:.3f}")
        if reading.possible and prediction.interpretation is not None:
            words.append(f"{100 * prediction.interpretation.coverage:.0f} % set: {', '.join(reading.possible)}")
        if reading.valence is not None and reading.arousal is not None:
            words.append(f"valence {signed(reading.valence)}, arousal {signed(reading.arousal)}")
        faces = "" if len(photo.faces) == 1 else f" for {count(len(photo.faces), 'face', 'faces')}"
        words.append(f"{prediction.seconds * 1000:.0f} ms on {prediction.device}{faces}")
        lines.append(" · ".join(words))
    with st.container(gap="xxsmall"):
        for line in lines:
            st.caption(escape(line))


def _verdict(readings: Sequence[Reading]) -> str:
    words = [verdict_of(reading) for reading in readings]
    # Networks that agree say it once.
    return "; ".join(dict.fromkeys(words))


def verdict_of(reading: Reading) -> str:
    if reading.expression is not None:
        return reading.verdict.capitalize()
    if reading.valence is not None:
        return f"Valence {signed(reading.valence)}"
    return "Nothing read"


def _output(reading: Reading, chosen: str) -> str:
    if chosen != PREDICTED:
        return chosen
    return reading.expression or next(iter(reading.maps), "")
