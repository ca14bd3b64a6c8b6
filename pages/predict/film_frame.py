"""The frame of a film under the slider, and the whole film with its faces drawn in."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import streamlit as st

from emotion_core.errors import EmotionCoreError, FilmError
from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.films.annotate import annotate, heats_of
from emotion_core.films.apart import frame_apart, open_apart
from emotion_core.films.boxes import draw_marks, marks_of
from emotion_core.films.decode import PREDICTED
from emotion_core.films.opening import MAX_RATE
from emotion_core.labels import OUTPUTS
from emotion_core.predict import Predictor
from pages.shared.sentence import sentence

NO_MAP = "none"

MAX_BYTES = 400_000_000
"""Largest film that is made here: it is kept in memory until the page is left."""

KEY = "film-annotated"


def ask_heat_map() -> str:
    """Of which output maps lie over faces: an output, :data:`PREDICTED` or :data:`NO_MAP`."""
    names = {PREDICTED: "predicted expression", NO_MAP: "no heat map"}
    return str(
        st.selectbox(
            "Heat map of",
            [PREDICTED, *OUTPUTS, NO_MAP],
            format_func=lambda name: names.get(name, name),
            key="film_map",
            bind="query-params",
            help="Laid over each face, half opaque, in the frame and in the annotated film: what speaks for this output; of "
            "valence and arousal, both sides.",
        )
    )


def show_frame(file: Any, faces: pd.DataFrame, now: float, predictor: Predictor, output: str, *, flip: bool) -> None:
    """The frame with boxes, verdicts and heat maps."""
    try:
        frame = frame_apart(file.getbuffer(), now)
        heats = {} if output == NO_MAP else heats_of(frame.image, faces, predictor, output, flip=flip)
    except EmotionCoreError as error:
        st.error(sentence(error))
        return
    said = "; ".join(f"face {track}: {shown or 'found'}" for track, shown in faces[["track", "shown"]].to_numpy().tolist())
    picture = draw_marks(frame.image, marks_of(faces, dict(EXPRESSION_COLOURS), heats))
    st.image(picture, width="stretch", alt=f"Frame at {now:.1f} s. {said or 'No face'}")


def offer_annotated(file: Any, table: pd.DataFrame, predictor: Predictor, output: str, *, step: float, flip: bool) -> None:
    """A button that draws the film, and one that saves it once that is done."""
    asked = (file.file_id, predictor.name, step, flip, output, len(table))
    made = st.session_state.get(KEY)
    place = st.empty()
    if made is None or made[0] != asked:
        clicked = place.button(
            "Make annotated film",
            icon=":material/movie_edit:",
            key="make-annotated",
            help="Draws boxes, expressions and the heat map that is chosen into every frame.",
        )
        if not clicked:
            return
        st.session_state.pop(KEY, None)
        try:
            with place.container():
                made = st.session_state[KEY] = asked, _make(file, table, predictor, output, step=step, flip=flip)
        except EmotionCoreError as error:
            st.error(sentence(error))
            return
    place.download_button(
        "Annotated film",
        made[1],
        file_name="annotated.mp4",
        mime="video/mp4",
        icon=":material/download:",
        on_click="ignore",
        key="download-film-annotated",
        help="MP4 with boxes, expressions, valence and arousal, and the heat map that is chosen. Without sound.",
    )


def _make(file: Any, table: pd.DataFrame, predictor: Predictor, output: str, *, step: float, flip: bool) -> bytes:
    """Draw with progress; a click on the button, or anywhere else, ends it."""
    to = io.BytesIO()
    film = open_apart(file.getbuffer(), rate=MAX_RATE)
    bar = st.progress(0.0, text="Drawing the film …")
    st.button("Stop", icon=":material/stop:", key="stop-annotated")
    try:
        seconds, told = film.info.seconds, 0.0
        times = annotate(
            film,
            table,
            to,
            step=step,
            fps=min(film.info.rate or 25.0, MAX_RATE),
            colours=EXPRESSION_COLOURS,
            predictor=None if output == NO_MAP else predictor,
            output=output,
            flip=flip,
        )
        for time in times:
            if to.tell() > MAX_BYTES:
                raise FilmError(
                    f"The annotated film is larger than {MAX_BYTES // 1_000_000} MB: cut the film, or make it with "
                    "'emotion-core predict FILM --annotated OUT.mp4'."
                )
            if time - told > 0.5:
                told = time
                bar.progress(min(1.0, time / seconds) if seconds else 0.0, text=f"{time:.0f} s of the film drawn")
    finally:
        film.close()
    return to.getvalue()
