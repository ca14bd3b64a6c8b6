"""Finding faces in a photo and cutting them out."""

from __future__ import annotations

from emotion_core.faces.crop import crop_face, crop_main_face, crop_square, whole_image_face
from emotion_core.faces.face import Detection, Face, FaceDetector
from emotion_core.faces.loading import load_detector
from emotion_core.faces.quality import Quality, measure_quality

__all__ = [
    "Detection",
    "Face",
    "FaceDetector",
    "Quality",
    "crop_face",
    "crop_main_face",
    "crop_square",
    "load_detector",
    "measure_quality",
    "whole_image_face",
]
