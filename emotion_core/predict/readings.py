"""What a network reads from faces, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.labels import EXPRESSIONS
from emotion_core.predict.photos import Photo
from emotion_core.results.interpretation import Interpretation
from emotion_core.texts import listing

UNFAMILIAR = "unlike the faces that the network was trained on"

NAMED = 3
"""So many expressions are named at most where none is certain."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a network reads from one face.

    Attributes:
        expression: the most probable of :data:`~emotion_core.labels.EXPRESSIONS`.
        probabilities: of each expression; they sum to 1. Empty when the network is not trained on expressions.
        valence: in [-1, 1]; ``None`` when the network is not trained on it.
        arousal: likewise.
        maps: Grad-CAM of every trained output, shape ``(h, w)`` of the last feature map, in [0, 1]: where the face
            speaks for this output.
        contributions: what every place adds to every trained output, for it or against it, shape ``(h, w)``, in units of
            the output (the logit of an expression): they and a bias of the network sum to the output.
        possible: the expressions of the prediction set, the most probable first; empty where the run is not calibrated.
        stands: whether the most probable expression is a verdict; ``None`` where the run is not calibrated.
        logits: what the probabilities follow from, as the network gives them; empty when it is not trained on them.
        unfamiliar: whether the face is unlike those that the network was trained on.
    """

    expression: str | None
    probabilities: Mapping[str, float]
    valence: float | None
    arousal: float | None
    maps: Mapping[str, npt.NDArray[np.float32]]
    contributions: Mapping[str, npt.NDArray[np.float32]] = field(default_factory=dict)
    possible: tuple[str, ...] = ()
    stands: bool | None = None
    logits: tuple[float, ...] = ()
    unfamiliar: bool = False

    @property
    def verdict(self) -> str:
        """What may be said of the expression, in a few words; empty where none was read.

        The expression where its verdict stands. Else the two or three of the prediction set, or the two most probable of a
        larger one.
        """
        if self.expression is None:
            return ""
        if self.stands is None or self.stands:
            return self.expression
        if len(self.possible) == 1:
            return f"unsure: probably {self.expression}"
        if len(self.possible) <= NAMED:
            return f"unsure: {listing(self.possible, 'or')}"
        return f"unsure: {', '.join(self.possible[:2])} or another"


def interpret_readings(readings: Sequence[Reading], interpretation: Interpretation) -> list[Reading]:
    """The same readings under another prior or rate; the network is not asked again.

    Args:
        readings: of any number of faces.
        interpretation: how their logits are to be read.
    """
    known = [index for index, reading in enumerate(readings) if reading.logits]
    found = list(readings)
    if not known:
        return found
    probs = interpretation.probabilities([readings[index].logits for index in known])
    sets, stands = interpretation.sets(probs), interpretation.stands(probs)
    for row, index in enumerate(known):
        order = np.argsort(-probs[row], kind="stable")
        found[index] = replace(
            readings[index],
            expression=EXPRESSIONS[order[0]],
            probabilities={name: float(value) for name, value in zip(EXPRESSIONS, probs[row], strict=True)},
            possible=() if sets is None else tuple(EXPRESSIONS[each] for each in order if sets[row, each]),
            stands=None if stands is None else bool(stands[row]),
        )
    return found


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A photo and what one network reads from each of its faces.

    Attributes:
        photo: with its faces.
        readings: one for each of ``photo.faces``, in the same order.
        run: name of the run that read them.
        device: where it ran.
        runtime: what computed the network there.
        seconds: for the whole photo: decoding, detection, and its share of the network's time.
        interpretation: how the probabilities came about; ``None`` where that is not known.
    """

    photo: Photo
    readings: tuple[Reading, ...]
    run: str
    device: str
    seconds: float
    runtime: str = "torch"
    interpretation: Interpretation | None = None

    def warnings(self, number: int) -> tuple[str, ...]:
        """Why a face's reading may be worth little, in a few words each that fit behind "the face is".

        Args:
            number: which face, from 0.
        """
        unfamiliar = (UNFAMILIAR,) if self.readings[number].unfamiliar else ()
        return (*self.photo.faces[number].quality.warnings(), *unfamiliar)

    def under(self, interpretation: Interpretation) -> Prediction:
        """The same prediction under another prior or rate."""
        readings = tuple(interpret_readings(self.readings, interpretation))
        return replace(self, readings=readings, interpretation=interpretation)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, one JSON object a photo."""
        if self.photo.error is not None:
            return {"image": self.photo.name, "error": self.photo.error}
        how = self.interpretation
        return {
            "image": self.photo.name,
            "width": self.photo.width,
            "height": self.photo.height,
            "device": self.device,
            "runtime": self.runtime,
            "run": self.run,
            "prior": None if how is None else how.prior_dict(),
            "coverage": None if how is None or how.thresholds is None else how.coverage,
            "detector": self.photo.detector,
            "seconds": round(self.seconds, 4),
            "left_out": self.photo.left_out,
            "faces": [self._face(number) for number in range(len(self.readings))],
        }

    def _face(self, number: int) -> dict[str, Any]:
        face, reading = self.photo.faces[number].face, self.readings[number]
        return {
            "box": list(face.box),
            "score": None if face.score is None else round(face.score, 4),
            "expression": reading.expression,
            "stands": reading.stands,
            "set": list(reading.possible),
            "probabilities": {name: round(value, 4) for name, value in reading.probabilities.items()},
            "valence": None if reading.valence is None else round(reading.valence, 4),
            "arousal": None if reading.arousal is None else round(reading.arousal, 4),
            "warnings": list(self.warnings(number)),
        }


def estimate_mix(predictions: Sequence[Prediction]) -> list[Prediction]:
    """The same predictions of one run under the mix that all of their faces together suggest.

    Args:
        predictions: of one run, with their interpretation.

    Raises:
        ConfigError: there are too few faces, or the prior inside the logits is not known.
    """
    logits = [reading.logits for prediction in predictions for reading in prediction.readings if reading.logits]
    how = next((prediction.interpretation for prediction in predictions if prediction.interpretation is not None), None)
    if how is None:
        return list(predictions)
    estimated = how.estimated(np.array(logits).reshape(-1, len(EXPRESSIONS)))
    return [prediction.under(estimated) for prediction in predictions]
