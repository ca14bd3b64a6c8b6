"""Where the detector's model comes from."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pytest

from emotion_core.errors import FaceModelError
from emotion_core.faces import load_detector, loading
from emotion_core.faces.loading import download
from tests.faces.pictures import Array


class Fetch:
    """Stands in for the network and counts its calls."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.urls: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.urls.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "face_detection_yunet_2023mar.onnx"


def test_model_is_downloaded_once_and_kept(yunet_model: Path, cached: Path) -> None:
    fetch = Fetch(yunet_model.read_bytes())
    assert load_detector(fetch=fetch).name == "yunet"
    assert load_detector(fetch=fetch).name == "yunet"
    assert fetch.urls == ["https://huggingface.co/opencv/face_detection_yunet/resolve/main/face_detection_yunet_2023mar.onnx"]
    assert cached.read_bytes() == yunet_model.read_bytes()
    assert [path.name for path in cached.parent.iterdir()] == [cached.name]


def test_the_network_is_asked_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetch(OSError("offline"))
    monkeypatch.setattr(loading, "download", fetch)
    assert load_detector().name == "haar"
    assert len(fetch.urls) == 1


def test_published_hash_is_that_of_the_file(yunet_model: Path) -> None:
    content = yunet_model.read_bytes()
    assert hashlib.sha256(content).hexdigest() == loading.MODEL_SHA256
    assert len(content) == loading.MODEL_BYTES


def test_damaged_cache_is_fetched_again(yunet_model: Path, cached: Path) -> None:
    cached.parent.mkdir()
    content = bytearray(yunet_model.read_bytes())
    content[1000] ^= 1
    cached.write_bytes(content)
    fetch = Fetch(yunet_model.read_bytes())
    assert load_detector(fetch=fetch).name == "yunet"
    assert len(fetch.urls) == 1
    assert cached.read_bytes() == yunet_model.read_bytes()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OSError("no route to host"), "cannot be reached (no route to host)"),
        (TimeoutError("timed out"), "cannot be reached (timed out)"),
        (b"<html>sign in to the wireless network</html>", "gave another file than expected (44 bytes)"),
        (bytes(232_589), "gave another file than expected (232,589 bytes)"),
    ],
)
def test_without_the_model_haar_is_used_and_the_log_says_why(
    answer: bytes | Exception, reason: str, cached: Path, portrait: Array, caplog: pytest.LogCaptureFixture
) -> None:
    fetch = Fetch(answer)
    with caplog.at_level(logging.WARNING):
        detectors = [load_detector(fetch=fetch), load_detector(fetch=fetch)]
    assert len(fetch.urls) == 1
    assert not cached.exists()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert all(reason in record.getMessage() for record in caplog.records)
    assert detectors[0].detect(portrait).detector == "haar"


def test_a_cache_that_cannot_be_written_costs_nothing_but_a_warning(
    yunet_model: Path, cached: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cached.parent.write_bytes(b"a file where the folder should be")
    assert load_detector(fetch=Fetch(yunet_model.read_bytes())).name == "yunet"
    assert "cannot be kept" in caplog.text


def test_interrupted_writing_leaves_no_file(
    yunet_model: Path, cached: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(loading.os, "replace", fail)
    assert load_detector(fetch=Fetch(yunet_model.read_bytes())).name == "yunet"
    assert list(cached.parent.iterdir()) == []
    assert "disk full" in caplog.text


def test_named_model_comes_before_cache_and_network(yunet_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(yunet_model))
    fetch = Fetch(OSError("must not be asked"))
    assert load_detector(fetch=fetch).name == "yunet"
    assert fetch.urls == []


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
        load_detector(fetch=Fetch(OSError("must not be asked")))


def test_folder_as_named_model_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(tmp_path))
    with pytest.raises(FaceModelError, match="cannot be read"):
        load_detector()


def test_neither_yunet_nor_haar_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(FaceModelError, match=r"has no 'haarcascade.*opencv-python-headless<5"):
        load_detector(fetch=Fetch(OSError("offline")))


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert loading.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("EMOTION_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert loading.cache_folder() == tmp_path / "emotion_core"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert loading.cache_folder() == Path.home() / ".cache" / "emotion_core"


class Answer(io.BytesIO):
    """A server's answer of which each read takes the given seconds on a false clock."""

    clock = 0.0
    seconds = 0.0

    def read1(self, size: int | None = -1, /) -> bytes:
        type(self).clock += self.seconds
        return super().read1(1000)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, float], list[Any]]:
    def install(content: bytes, seconds: float) -> list[Any]:
        timeouts: list[Any] = []

        def urlopen(_: str, *, timeout: float) -> Answer:
            timeouts.append(timeout)
            return Answer(content)

        monkeypatch.setattr(Answer, "seconds", seconds)
        monkeypatch.setattr(loading.urllib.request, "urlopen", urlopen)
        monkeypatch.setattr(loading.time, "monotonic", lambda: Answer.clock)
        return timeouts

    return install


def test_download_has_time_limits(answer: Callable[[bytes, float], list[Any]]) -> None:
    timeouts = answer(bytes(5000), 1.0)
    assert download("https://example.org/file") == bytes(5000)
    assert timeouts == [5.0]
    answer(bytes(100_000), 1.0)
    with pytest.raises(TimeoutError, match="not finished after 20 seconds"):
        download("https://example.org/file")


def test_download_stops_at_more_bytes_than_the_file_has(answer: Callable[[bytes, float], list[Any]]) -> None:
    answer(bytes(1_000_000), 0.0)
    assert len(download("https://example.org/file")) < 240_000


def test_download_reads_a_url() -> None:
    content = bytes(range(256)) * 40
    assert download("data:;base64," + base64.b64encode(content).decode()) == content
