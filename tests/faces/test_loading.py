"""Which face detector is used."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

import cv2
import pytest

from emotion_core.errors import FaceModelError
from emotion_core.faces import load_detector, loading
from tests.faces.pictures import Array


def test_the_model_of_the_package_is_the_published_one() -> None:
    content = (resources.files("emotion_core.faces") / "model" / loading.MODEL_NAME).read_bytes()
    assert len(content) == 232_589
    assert hashlib.sha256(content).hexdigest() == "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"


def test_faces_are_found_without_any_other_file(portrait: Array) -> None:
    detector = load_detector()
    assert detector.name == "yunet"
    assert len(detector.detect(portrait).faces) == 1


def test_the_cascade_is_there_for_whoever_asks(portrait: Array, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", "haar")
    detector = load_detector()
    assert detector.name == "haar"
    assert len(detector.detect(portrait).faces) == 1


def test_a_named_model_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine.onnx"
    mine.write_bytes((resources.files("emotion_core.faces") / "model" / loading.MODEL_NAME).read_bytes())
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(mine))
    monkeypatch.setattr(loading, "MODEL_NAME", "nothing.onnx")
    assert load_detector().name == "yunet"


@pytest.mark.parametrize("content", [None, b"", b"not a network", b"\x08\x07" * 3000])
def test_named_model_that_cannot_be_used_is_an_error(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.onnx"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(path))
    reason = "cannot be read" if content is None else "is not a YuNet model"
    with pytest.raises(FaceModelError, match=rf"EMOTION_FACE_MODEL: '.*mine\.onnx' {reason}"):
        load_detector()


def test_folder_as_named_model_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(tmp_path))
    with pytest.raises(FaceModelError, match="cannot be read"):
        load_detector()


def test_a_missing_cascade_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", "haar")
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(FaceModelError, match=r"has no 'haarcascade.*opencv-python-headless<5"):
        load_detector()
