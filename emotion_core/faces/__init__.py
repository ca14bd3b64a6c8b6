"""Finding faces in a photo and cutting them out."""

from __future__ import annotations

from emotion_core.faces.crop import crop_face, whole_image_face
from emotion_core.faces.face import Detection, Face, FaceDetector
from emotion_core.faces.loading import load_detector

__all__ = ["Detection", "Face", "FaceDetector", "crop_face", "load_detector", "whole_image_face"]
