"""Networks that read a changed picture as for their evaluation. Loads the networks' library: import it only when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from emotion_core.data.datasets import dataset_spec
from emotion_core.faces import load_detector
from emotion_core.faces.crop import crop_main_face
from emotion_core.inspection.changes import GRID, what_helps
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict import Predictor
from emotion_core.results.interpretation import Interpretation, interpret, usual_prior
from pages.errors.overlays import predictors_of
from pages.shared.inspected import Inspected

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """A network, and how its evaluation read pictures.

    Attributes:
        predictor: the network.
        interpretation: what makes probabilities of its logits.
        flip: whether each picture is read together with its mirror image.
    """

    predictor: Predictor
    interpretation: Interpretation
    flip: bool


def readers(inspected: Inspected) -> dict[str, Reader]:
    """By name; runs without weights say so and are left out."""
    evaluation = inspected.entries[0].evaluation
    found = {}
    for name, predictor in predictors_of(inspected.entries).items():
        metrics = predictor.run.evaluation(evaluation).metrics()
        classes = tuple(metrics.get("classes") or EXPRESSIONS)
        chosen = interpret(predictor.run, usual_prior(inspected.dataset), benchmark=inspected.dataset, classes=classes)
        found[name] = Reader(predictor=predictor, interpretation=chosen, flip=bool(metrics.get("flip")))
    return found


def face_of(inspected: Inspected, sample_id: str, picture: Picture) -> Picture:
    """The picture as it is given, or the face in it where the evaluation looked for it first."""
    entry = inspected.entries[0]
    said = entry.run.evaluation(entry.evaluation).metrics().get("faces") if entry.run is not None else None
    faces = said or ("given" if dataset_spec(inspected.dataset).cut else "found")
    return picture if faces == "given" else _cut(inspected.dataset, sample_id, picture)


@st.cache_data(show_spinner=False, max_entries=64)
def _cut(dataset: str, sample_id: str, _picture: Picture) -> Picture:
    return crop_main_face(_picture, load_detector())


def read_again(reader: Reader, pictures: Sequence[Picture]) -> list[tuple[dict[str, float], dict[str, float]]]:
    """Probabilities by expression, and valence and arousal, of each picture; empty where the network is not trained on them."""
    readings = reader.predictor.read(pictures, flip=reader.flip)
    answers = []
    for reading in readings:
        probs: dict[str, float] = {}
        if reading.logits:
            said = reader.interpretation.probabilities(np.array([reading.logits], dtype=np.float32))[0]
            probs = {name: float(value) for name, value in zip(EXPRESSIONS, said, strict=True)}
        affect = {"valence": reading.valence, "arousal": reading.arousal}
        answers.append((probs, {name: value for name, value in affect.items() if value is not None}))
    return answers


def try_everything(reader: Reader, dataset: str, sample_id: str, true: str, face: Picture) -> str:
    """Which single change makes the verdict right; tried once a picture and network."""
    run = reader.predictor.run
    return _tried((str(run.path), run.weights.stat().st_mtime_ns, dataset, sample_id, true), reader, face)


@st.cache_data(show_spinner="Trying single changes …", max_entries=512)
def _tried(key: tuple[object, ...], _reader: Reader, _face: Picture) -> str:
    answers = read_again(_reader, [_face, *(change.apply(_face) for change in GRID.values())])
    probs = [answer[0] for answer in answers]
    return what_helps(probs[0], probs[1:], str(key[-1]))
