"""What does this face express? Photos in, explained emotions out.

Finding faces and reading them are separate steps, so that several networks can read the same faces side by side::

    photos = find_faces(["a.jpg", "b.jpg"], load_detector())
    readings = [Predictor.from_run(run).read(crops) for run in runs]

:meth:`Predictor.predict` does both.
"""

from __future__ import annotations

from emotion_core.predict.photos import CROP_SIDE, MAX_FACES, FoundFace, Photo, Source, Whole, find_faces
from emotion_core.predict.predictor import Predictor
from emotion_core.predict.readings import Prediction, Reading, estimate_mix, interpret_readings

__all__ = [
    "CROP_SIDE",
    "MAX_FACES",
    "FoundFace",
    "Photo",
    "Prediction",
    "Predictor",
    "Reading",
    "Source",
    "Whole",
    "estimate_mix",
    "find_faces",
    "interpret_readings",
]
