"""What a network reads from faces, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.predict.photos import Photo


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a network reads from one face.

    Attributes:
        expression: the most probable of :data:`~emotion_core.labels.EXPRESSIONS`.
        probabilities: of each expression; they sum to 1. Empty when the network was not taught expressions.
        valence: in [-1, 1]; ``None`` when the network was not taught it.
        arousal: likewise.
        maps: Grad-CAM of every output that was taught, shape ``(h, w)`` of the last feature map, in [0, 1]: where the face
            speaks for this output.
    """

    expression: str | None
    probabilities: Mapping[str, float]
    valence: float | None
    arousal: float | None
    maps: Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A photo and what one network reads from each of its faces.

    Attributes:
        photo: with its faces.
        readings: one for each of ``photo.faces``, in the same order.
        run: name of the run that read them.
        device: where it ran.
        seconds: for the whole photo: decoding, detection, and its share of the network's time.
    """

    photo: Photo
    readings: tuple[Reading, ...]
    run: str
    device: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data, one JSON object a photo."""
        if self.photo.error is not None:
            return {"image": self.photo.name, "error": self.photo.error}
        return {
            "image": self.photo.name,
            "width": self.photo.width,
            "height": self.photo.height,
            "device": self.device,
            "run": self.run,
            "detector": self.photo.detector,
            "seconds": round(self.seconds, 4),
            "faces": [
                {
                    "box": list(found.face.box),
                    "score": None if found.face.score is None else round(found.face.score, 4),
                    "expression": reading.expression,
                    "probabilities": {name: round(value, 4) for name, value in reading.probabilities.items()},
                    "valence": None if reading.valence is None else round(reading.valence, 4),
                    "arousal": None if reading.arousal is None else round(reading.arousal, 4),
                }
                for found, reading in zip(self.photo.faces, self.readings, strict=True)
            ],
        }
