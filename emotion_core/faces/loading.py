"""Which face detector is used: the YuNet model of the package, or what the user names instead."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

from emotion_core.errors import FaceModelError
from emotion_core.faces.face import FaceDetector
from emotion_core.faces.haar import HaarDetector
from emotion_core.faces.yunet import SCORE_THRESHOLD, YuNetDetector

MODEL_NAME = "face_detection_yunet_2023mar.onnx"


def load_detector(*, score_threshold: float = SCORE_THRESHOLD) -> FaceDetector:
    """Load the face detector.

    That is the YuNet model of the package, unless ``EMOTION_FACE_MODEL`` names another YuNet file, or ``haar`` for OpenCV's
    Haar cascade, which misses more faces. :attr:`Detection.detector` names the detector with every result.

    Args:
        score_threshold: YuNet's boxes that score less are dropped.

    Returns:
        A detector that threads may share.

    Raises:
        FaceModelError: ``EMOTION_FACE_MODEL`` names no usable file, or OpenCV has no Haar cascade.
    """
    chosen = os.environ.get("EMOTION_FACE_MODEL")
    if not chosen:
        content = (resources.files("emotion_core.faces") / "model" / MODEL_NAME).read_bytes()
        return YuNetDetector(content, score_threshold=score_threshold)
    if chosen == "haar":
        return HaarDetector()
    path = Path(chosen).expanduser()
    source = f"EMOTION_FACE_MODEL: '{path}'"
    try:
        content = path.read_bytes()
    except OSError as error:
        raise FaceModelError(
            f"{source} cannot be read ({error.strerror or error}): correct the path, or unset the variable."
        ) from error
    return YuNetDetector(content, score_threshold=score_threshold, source=source)
