"""A film's faces, read: batches of frames share a forward pass, tracks and smoothed values follow frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from emotion_core.faces import FaceDetector
from emotion_core.films.decode import Frame
from emotion_core.films.smoothing import TAU, CausalSmoother, Hysteresis
from emotion_core.films.tracks import Tracker
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict.photos import Photo, Whole, find_faces
from emotion_core.predict.predictor import Predictor
from emotion_core.predict.readings import Prediction, Reading

BATCH = 16
"""Frames, and faces, that are read at a time."""

FORGOTTEN = 256
"""Tracks whose smoothed values are kept, the latest: a crowd that passes by does not fill the memory."""


@dataclass(frozen=True, kw_only=True)
class Smoothed:
    """What a face shows over the last moments, by the past alone.

    Attributes:
        expression: shown, by the hysteresis of :class:`~emotion_core.films.smoothing.Hysteresis`; ``None`` where the network is
            not trained on expressions.
        probabilities: of each expression, smoothed; empty likewise.
        valence: smoothed, in [-1, 1]; ``None`` where the network is not trained on it.
        arousal: likewise.
    """

    expression: str | None
    probabilities: dict[str, float]
    valence: float | None
    arousal: float | None


@dataclass(frozen=True, kw_only=True)
class FilmFrame:
    """A frame, its faces and what they show.

    Attributes:
        number: of the frame in the film, from 0.
        time: s from the film's start.
        prediction: as of a photo, with the values of this frame alone.
        tracks: number of each face's track, from 1.
        smoothed: likewise, over time.
    """

    number: int
    time: float
    prediction: Prediction
    tracks: tuple[int, ...]
    smoothed: tuple[Smoothed, ...]

    def to_dict(self) -> dict[str, Any]:
        """As a photo's prediction, with ``frame`` and ``time``, and with ``track`` and ``smoothed`` in each face."""
        record = self.prediction.to_dict()
        record = {"image": record.pop("image"), "frame": self.number, "time": round(self.time, 4), **record}
        for face, track, smoothed in zip(record["faces"], self.tracks, self.smoothed, strict=True):
            face["track"] = track
            face["smoothed"] = {
                "expression": smoothed.expression,
                "probabilities": {name: round(value, 4) for name, value in smoothed.probabilities.items()},
                "valence": None if smoothed.valence is None else round(smoothed.valence, 4),
                "arousal": None if smoothed.arousal is None else round(smoothed.arousal, 4),
            }
        return record


def read_film(
    predictor: Predictor,
    frames: Iterable[Frame],
    detector: FaceDetector,
    *,
    name: str = "film",
    whole: Whole = "never",
    flip: bool = False,
    tau: float = TAU,
    batch: int = BATCH,
) -> Iterator[FilmFrame]:
    """Find, follow and read the faces of a film. Memory does not grow with its length.

    Args:
        predictor: reads the faces.
        frames: in order of time, as :func:`~emotion_core.films.opening.open_film` gives them.
        detector: finds them.
        name: what to call the film.
        whole: when a whole frame counts as one face.
        flip: flip test-time augmentation.
        tau: s after which a frame counts e times less in smoothed values.
        batch: frames that share a forward pass.

    Yields:
        One result for each frame, in order, as soon as its batch is full.

    Raises:
        FilmError: as of ``frames``; what was yielded before stands.
    """
    tracker, smoothers = Tracker(), _Smoothers(tau)
    waiting: list[tuple[Frame, Photo, tuple[int, ...]]] = []
    try:
        for frame in frames:
            [photo] = find_faces([frame.image], detector, names=[name], whole=whole)
            # Pictures are not kept, only their faces are.
            kept = Frame(number=frame.number, time=frame.time, image=frame.image[:0])
            waiting.append((kept, photo, tracker.update(frame.time, frame.image, photo.faces)))
            if len(waiting) >= batch or sum(len(each.faces) for _, each, _ in waiting) >= batch:
                yield from _read(predictor, waiting, smoothers, flip=flip)
                waiting = []
    except GeneratorExit:
        raise
    except BaseException:
        # Frames before the one that failed are results.
        yield from _read(predictor, waiting, smoothers, flip=flip)
        raise
    yield from _read(predictor, waiting, smoothers, flip=flip)


def _read(
    predictor: Predictor, waiting: list[tuple[Frame, Photo, tuple[int, ...]]], smoothers: _Smoothers, *, flip: bool
) -> Iterator[FilmFrame]:
    predictions = predictor.read_photos([photo for _, photo, _ in waiting], flip=flip)
    for (frame, _, tracks), prediction in zip(waiting, predictions, strict=True):
        smoothed = tuple(
            smoothers.update(track, frame.time, reading) for track, reading in zip(tracks, prediction.readings, strict=True)
        )
        yield FilmFrame(number=frame.number, time=frame.time, prediction=prediction, tracks=tracks, smoothed=smoothed)


class FrameReader:
    """Reads frames one after the other, each as soon as it is there; nothing waits for a later one.

    Args:
        predictor: reads the faces.
        detector: finds them.
        name: what to call the film.
    """

    def __init__(self, predictor: Predictor, detector: FaceDetector, *, name: str) -> None:
        self._predictor = predictor
        self._detector = detector
        self._name = name
        self._tracker, self._smoothers = Tracker(), _Smoothers(TAU)

    def read(self, frame: Frame, *, flip: bool = False) -> FilmFrame:
        """Find, follow and read the faces of the next frame."""
        [photo] = find_faces([frame.image], self._detector, names=[self._name])
        tracks = self._tracker.update(frame.time, frame.image, photo.faces)
        return next(_read(self._predictor, [(frame, photo, tracks)], self._smoothers, flip=flip))


class _Smoothers:
    """What is smoothed of each track."""

    def __init__(self, tau: float) -> None:
        self._tau = tau
        self._tracks: dict[int, tuple[CausalSmoother, Hysteresis]] = {}

    def update(self, track: int, now: float, reading: Reading) -> Smoothed:
        if track not in self._tracks:
            self._tracks[track] = CausalSmoother(self._tau), Hysteresis()
        smoother, verdict = self._tracks[track] = self._tracks.pop(track)  # the latest last
        if len(self._tracks) > FORGOTTEN:
            del self._tracks[next(iter(self._tracks))]
        probabilities = [reading.probabilities.get(name, 0.0) for name in EXPRESSIONS]
        values = smoother.update(now, [*probabilities, reading.valence or 0.0, reading.arousal or 0.0])
        known = reading.expression is not None
        return Smoothed(
            expression=EXPRESSIONS[verdict.update(now, values[:-2])] if known else None,
            probabilities={name: float(values[EXPRESSIONS.index(name)]) for name in reading.probabilities},
            valence=None if reading.valence is None else float(np.clip(values[-2], -1, 1)),
            arousal=None if reading.arousal is None else float(np.clip(values[-1], -1, 1)),
        )
