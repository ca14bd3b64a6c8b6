"""A camera, read as it runs: each picture by itself and those before it, none after it."""

from __future__ import annotations

import base64
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from emotion_core.explain import colourise
from emotion_core.faces import Face, FaceDetector, crop_square
from emotion_core.faces.looks import scale_to
from emotion_core.films.decode import Frame
from emotion_core.films.reading import FilmFrame, FrameReader, Smoothed
from emotion_core.films.table import FilmLog
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict.heat import common_top, default_shows, heat_of
from emotion_core.predict.predictor import Predictor
from emotion_core.predict.readings import Reading

SIDE = 640
"""Larger pictures are reduced to this side, px."""

KEPT = 50_000
"""Faces of which results are kept, about half a kilobyte each: more than an hour of one face."""

EXPECTED = 1000
"""Faces that a camera is taken to give, at least."""

FINE = 32
"""Side of a heat map as it is sent, px; a browser enlarges it smoothly."""


class LiveReader:
    """Reads one camera. Threads may share it: pictures are read one after the other. Making it may take seconds.

    Args:
        predictor: reads faces; others may use it too.
        detector: finds them, likewise.
        clock: s.

    Attributes:
        flip: flip test-time augmentation.
        heat: whether answers hold the heat map of what each face shows.
        full: whether :data:`KEPT` faces were read, after which results are no longer kept.
    """

    def __init__(self, predictor: Predictor, detector: FaceDetector, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.flip = False
        self.heat = False
        self.full = False
        predictor.expect(EXPECTED)
        self._predictor = predictor
        self._reader = FrameReader(predictor, detector, name="camera")
        self._clock = clock
        self._started: float | None = None
        self._number = 0
        self._times: deque[float] = deque(maxlen=30)
        self._log = FilmLog()
        self._lock = threading.Lock()

    @property
    def run(self) -> str:
        """Name of the run that reads."""
        return self._predictor.name

    def read(self, image: npt.NDArray[np.uint8]) -> dict[str, Any]:
        """Read the next picture.

        Args:
            image: RGB, shape ``(H, W, 3)``; reduced to :data:`SIDE` px.

        Returns:
            Plain data: ``time`` (s since the first picture), ``rate`` (pictures a second), ``width`` and ``height`` of the
            picture that was read, and ``faces``, the largest first, each with ``track``, ``box`` (left, top, width, height in
            pixels of that picture), ``expression``, ``probabilities``, ``stands``, ``valence`` and ``arousal``, smoothed by the
            past alone, and ``heat`` where that is asked for.
        """
        small = scale_to(image, SIDE).pixels if max(image.shape[:2]) > SIDE else image
        with self._lock:
            now = self._clock()
            self._started = now if self._started is None else self._started
            frame = Frame(number=self._number, time=now - self._started, image=small)
            found = self._reader.read(frame, flip=self.flip)
            self._number += 1
            self._times.append(now)
            self._keep(found)
            span = self._times[-1] - self._times[0]
            rate = (len(self._times) - 1) / span if span > 0 else 0.0
        return {
            "time": found.time,
            "rate": rate,
            "width": small.shape[1],
            "height": small.shape[0],
            "faces": [self._face(found, number) for number in range(len(found.tracks))],
        }

    def taken(self) -> FilmLog:
        """What was read until now; nothing is added to it while it is looked at."""
        with self._lock:
            return self._log.copy()

    def _keep(self, frame: FilmFrame) -> None:
        self.full = self.full or self._log.faces + len(frame.tracks) > KEPT
        if not self.full:
            self._log.add(frame)

    def _face(self, frame: FilmFrame, number: int) -> dict[str, Any]:
        prediction, smoothed = frame.prediction, frame.smoothed[number]
        face, reading = prediction.photo.faces[number].face, prediction.readings[number]
        said = {
            "track": frame.tracks[number],
            "box": list(face.box),
            "expression": smoothed.expression,
            "probabilities": smoothed.probabilities,
            "stands": _stands(frame, smoothed),
            "valence": smoothed.valence,
            "arousal": smoothed.arousal,
        }
        if self.heat and smoothed.expression in reading.contributions:
            said["heat"] = heat_picture(face, reading, str(smoothed.expression))
        return said


def heat_picture(face: Face, reading: Reading, output: str) -> dict[str, Any] | None:
    """A heat map and where it lies.

    Args:
        face: where the detector found it.
        reading: with contributions.
        output: that the map is of.

    Returns:
        ``src`` (a PNG as data URL), and ``left``, ``top`` and ``side`` of the square that the network read, in pixels;
        ``None`` where nothing, or hardly anything, speaks for the output.
    """
    heat = heat_of(reading, output, default_shows(output), top=common_top([reading], output))
    if heat.faint:
        return None
    values = cv2.resize(heat.values, (FINE, FINE), interpolation=cv2.INTER_LINEAR)
    colours = colourise(values.clip(-1 if heat.signed else 0, 1).astype(np.float32), signed=heat.signed)
    content = cv2.imencode(".png", cv2.cvtColor(colours, cv2.COLOR_RGB2BGR))[1].tobytes()
    left, top, side = crop_square(face)
    return {"src": f"data:image/png;base64,{base64.b64encode(content).decode()}", "left": left, "top": top, "side": side}


def _stands(frame: FilmFrame, smoothed: Smoothed) -> bool | None:
    """Whether the smoothed verdict is one; ``None`` where the run is not calibrated, or reads no expressions."""
    how = frame.prediction.interpretation
    if how is None or smoothed.expression is None:
        return None
    probs = np.array([[smoothed.probabilities.get(name, 0.0) for name in EXPRESSIONS]])
    stands = how.stands(probs)
    return None if stands is None else bool(stands[0]) and EXPRESSIONS[int(probs.argmax())] == smoothed.expression
