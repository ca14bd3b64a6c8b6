"""Reading photos: networks shared by all visitors, results kept for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import streamlit as st

from emotion_core.apart import read_apart
from emotion_core.errors import ConfigError
from emotion_core.explain import METHODS
from emotion_core.faces import FaceDetector, load_detector
from emotion_core.metrics.priors import ESTIMATE, EVERYDAY, NAMED
from emotion_core.predict import Photo, Prediction, Predictor, estimate_mix, find_faces
from emotion_core.predict.heat import Heat, heat_of, plain_heat
from pages.predict.controls import PredictChoice
from pages.predict.photos import Upload
from pages.shared.words import escape

BATCH = 32
"""Faces a forward pass."""

PREVIEW = 1000
"""Longest side at which a photo is shown, px."""

Key = tuple[str, bool]
"""Digest of a photo, and whether the whole picture may count as a face."""


@st.cache_resource(show_spinner=False)
def shared_detector() -> FaceDetector:
    """One face detector a server."""
    return load_detector()


def read_photos(
    uploads: Sequence[Upload], predictors: Mapping[str, Predictor], *, whole: bool, mirror: bool
) -> dict[str, list[Prediction]]:
    """What each network reads from each photo, by run. Photos that were read before in the same way are not read again."""
    photos: dict[Key, Photo] = _kept("photos", uploads)
    if st.session_state.get("readings-mirror") != mirror:
        st.session_state["readings"], st.session_state["readings-mirror"] = {}, mirror
    predictions: dict[tuple[str, bool, str], Prediction] = _kept("readings", uploads)
    _kept("maps", uploads)
    todo = {
        upload.digest: upload
        for upload in uploads
        if (upload.digest, False) not in photos
        or (whole and not photos[upload.digest, False].faces and (upload.digest, True) not in photos)
        or any((*_key(upload, photos, whole), run) not in predictions for run in predictors)
    }
    with _progress(len(todo)) as advance:
        waiting: list[Key] = []
        for upload in todo.values():
            _find(upload, photos, whole=whole)
            waiting.append(_key(upload, photos, whole))
            if len(waiting) >= BATCH or sum(len(photos[key].faces) for key in waiting) >= BATCH:
                _read(waiting, photos, predictions, predictors, mirror=mirror)
                waiting = []
            advance()
        _read(waiting, photos, predictions, predictors, mirror=mirror)
    return {
        # The same photo may have come under another name.
        run: [
            replace(kept, photo=replace(kept.photo, name=upload.name))
            for upload in uploads
            for kept in [predictions[(*_key(upload, photos, whole), run)]]
        ]
        for run in predictors
    }


def under_prior(
    results: Mapping[str, Sequence[Prediction]], predictors: Mapping[str, Predictor], prior: str
) -> dict[str, Sequence[Prediction]]:
    """The same results under a prior; networks are not asked again. Says why where faces suggest no mix."""
    shifted: dict[str, Sequence[Prediction]] = {}
    for run, predictions in results.items():
        how = predictors[run].interpretation.under(NAMED.get(EVERYDAY.name if prior == ESTIMATE else prior))
        shifted[run] = [prediction.under(how) for prediction in predictions]
        if prior == ESTIMATE:
            try:
                shifted[run] = estimate_mix(shifted[run])
            except ConfigError as error:
                st.info(escape(f"{error} Until then, the everyday mix counts."))
    return shifted


def heat_map(
    digest: str, number: int, prediction: Prediction, predictor: Predictor, output: str, controls: PredictChoice, top: float
) -> Heat:
    """The heat map of a face. Grad-CAM comes with the reading; other methods run the network once."""
    if controls.method == "gradcam":
        reading = prediction.readings[number]
        return heat_of(reading, output, controls.shows(output), top=None if controls.own_scale else top)
    found = prediction.photo.faces[number]
    maps: dict[tuple[Any, ...], npt.NDArray[np.float32]] = st.session_state["maps"]
    key = (digest, number, found.face.box, prediction.run, output, controls.method)
    if key not in maps:
        with _waiting(f"{METHODS[controls.method]} for {output}", slow=controls.method == "scorecam") as progress:
            maps[key] = predictor.explain([found.crop], output, method=controls.method, progress=progress)[0]
    return plain_heat(maps[key])


@contextmanager
def _waiting(what: str, *, slow: bool) -> Iterator[Callable[[float], object] | None]:
    """A spinner; a bar with a way out where it takes long. A click on it ends the computation at its next step."""
    if not slow:
        with st.spinner(f"{what} …"):
            yield None
        return
    place = st.empty()
    started = time.monotonic()
    with place.container():
        bar = st.progress(0.0, text=f"{what} …")
        st.button("Stop", icon=":material/stop:", on_click=_back_to_gradcam, key=f"stop-{what}")

    def advance(share: float) -> None:
        left = (time.monotonic() - started) * (1 - share) / share
        bar.progress(min(share, 1.0), text=f"{what}: {100 * share:.0f} %, about {left:.0f} s left")

    yield advance
    place.empty()


def _back_to_gradcam() -> None:
    st.session_state["method"] = METHODS["gradcam"]


def _kept(name: str, uploads: Sequence[Upload]) -> dict[Any, Any]:
    """Results of the photos on the page; those of photos that are gone are forgotten."""
    digests = {upload.digest for upload in uploads}
    kept = {key: value for key, value in st.session_state.get(name, {}).items() if key[0] in digests}
    st.session_state[name] = kept
    return kept


def _key(upload: Upload, photos: Mapping[Key, Photo], whole: bool) -> Key:
    found = photos.get((upload.digest, False))
    return upload.digest, whole and found is not None and not found.faces and found.error is None


def _find(upload: Upload, photos: dict[Key, Photo], *, whole: bool) -> None:
    first = (upload.digest, False)
    if first not in photos:
        photos[first] = next(
            find_faces([upload.content], shared_detector(), read=read_apart, names=[upload.name], preview=PREVIEW)
        )
    key = _key(upload, photos, whole)
    if key not in photos:
        photos[key] = next(
            find_faces(
                [upload.content],
                shared_detector(),
                read=read_apart,
                names=[upload.name],
                whole="fallback",
                preview=PREVIEW,
            )
        )


def _read(
    keys: Sequence[Key],
    photos: Mapping[Key, Photo],
    predictions: dict[tuple[str, bool, str], Prediction],
    predictors: Mapping[str, Predictor],
    *,
    mirror: bool,
) -> None:
    for run, predictor in predictors.items():
        missing = [key for key in keys if (*key, run) not in predictions]
        fresh = predictor.read_photos([photos[key] for key in missing], batch_size=BATCH, flip=mirror)
        predictions |= {(*key, run): prediction for key, prediction in zip(missing, fresh, strict=True)}


@contextmanager
def _progress(total: int) -> Iterator[Any]:
    """A bar from two photos on, a spinner for one, nothing for none."""
    if total < 2:
        with st.spinner("Reading the photo …") if total else st.empty():
            yield lambda: None
        return
    bar = st.progress(0.0, text=f"Reading photo 1 of {total} …")
    started, done = time.monotonic(), 0

    def advance() -> None:
        nonlocal done
        done += 1
        left = (time.monotonic() - started) / done * (total - done)
        bar.progress(done / total, text=f"{done} of {total} photos read, about {left:.0f} s left")

    try:
        yield advance
    finally:
        bar.empty()
