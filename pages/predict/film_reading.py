"""Reading a film bit by bit: every run of the page goes on where the last one was interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import streamlit as st

from emotion_core.errors import EmotionCoreError
from emotion_core.films.apart import ApartFilm, open_apart
from emotion_core.films.gaps import Gaps
from emotion_core.films.reading import FilmFrame, read_film
from emotion_core.films.table import FilmLog
from emotion_core.predict import Predictor
from pages.predict.reading import shared_detector

KEY = "film-reading"


@dataclass
class FilmReading:
    """A film that is being read, or has been.

    Attributes:
        key: the film, and how it is read.
        log: what was read so far.
        gaps: how long there was no face.
        seconds: how long the film is; ``None`` where it does not say.
        film: decodes it.
        frames: what is still to come.
        spent: s that reading took so far.
        done: whether all was read, or reading was stopped or failed.
        stopped: whether somebody stopped it.
        error: why it failed; empty where it did not.
        notes: what else there is to know.
    """

    key: tuple[Any, ...]
    log: FilmLog = field(default_factory=FilmLog)
    gaps: Gaps = field(default_factory=Gaps)
    seconds: float | None = None
    film: ApartFilm | None = None
    frames: Iterator[FilmFrame] | None = None
    spent: float = 0.0
    done: bool = False
    stopped: bool = False
    error: str = ""
    notes: list[str] = field(default_factory=list)

    def finish(self) -> None:
        """Free what reading holds; what was read stays."""
        self.done = True
        if self.film is not None:
            # Of a film without any face, the page says so itself.
            self.notes = [*self.film.notes(), *(self.gaps.notes() if self.log.faces else [])]
            self.film.close()
        self.film = self.frames = None


def film_reading(file: Any, predictor: Predictor, *, rate: float, mirror: bool) -> FilmReading:
    """The reading of this film in this way; another one ends the one before."""
    key = (file.file_id, predictor.name, rate, mirror)
    reading: FilmReading | None = st.session_state.get(KEY)
    if reading is not None and reading.key == key:
        return reading
    forget_film()
    reading = st.session_state[KEY] = FilmReading(key)
    try:
        reading.film = open_apart(file.getbuffer(), rate=rate)
        reading.seconds = reading.film.info.seconds
        reading.frames = read_film(predictor, reading.film, shared_detector(), name=file.name, flip=mirror)
    except EmotionCoreError as error:
        reading.error = str(error)
        reading.finish()
    return reading


def forget_film() -> None:
    """End a reading and forget what was read."""
    before: FilmReading | None = st.session_state.pop(KEY, None)
    if before is not None and not before.done:
        before.finish()


def go_on(reading: FilmReading) -> None:
    """Read to the end, with progress and a button that stops it; a click elsewhere on the page only interrupts it."""
    if reading.done or reading.frames is None:
        return
    place = st.empty()
    with place.container(horizontal=True, vertical_alignment="center"):
        bar = st.progress(0.0, text="Reading the film …")
        st.button("Stop", icon=":material/stop:", on_click=_stop, key="stop-film", help="What is read stays.")
    shown = 0.0
    started = time.monotonic()
    try:
        for frame in reading.frames:
            reading.log.add(frame)
            reading.gaps.update(frame)
            now = time.monotonic()
            reading.spent += now - started
            started = now
            if now - shown > 0.25:
                shown = now
                bar.progress(*_progress(reading))
    except EmotionCoreError as error:
        reading.error = str(error)
    reading.finish()
    place.empty()


def _progress(reading: FilmReading) -> tuple[float, str]:
    """How far, how fast, how long still."""
    at, log = reading.log.time, reading.log
    speed = f"{log.frames / max(reading.spent, 1e-3):.0f} frames a second"
    if not reading.seconds:
        return 0.0, f"{at:.0f} s of the film read · {speed}"
    share = min(1.0, at / reading.seconds)
    left = f" · about {reading.spent / share * (1 - share):.0f} s left" if share > 0.02 else ""
    return share, f"{at:.0f} of {reading.seconds:.0f} s read · {speed}{left}"


def _stop() -> None:
    reading: FilmReading | None = st.session_state.get(KEY)
    if reading is not None and not reading.done:
        reading.stopped = True
        reading.finish()
