"""Where the face detector comes from: a file of the user's, the cache, one download, or the cascade that needs none."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from emotion_core.errors import FaceModelError
from emotion_core.faces.face import FaceDetector
from emotion_core.faces.haar import HaarDetector
from emotion_core.faces.yunet import SCORE_THRESHOLD, YuNetDetector

logger = logging.getLogger(__name__)

MODEL_NAME = "face_detection_yunet_2023mar.onnx"
MODEL_URL = f"https://huggingface.co/opencv/face_detection_yunet/resolve/main/{MODEL_NAME}"
MODEL_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
MODEL_BYTES = 232_589

CONNECT_SECONDS = 5.0
DOWNLOAD_SECONDS = 20.0

_lock = threading.Lock()
_failure: str | None = None
"""Why the download failed in this process; it is not tried again."""


def download(url: str) -> bytes:
    """Fetch a small file, with a time limit for each answer and for the whole.

    Raises:
        OSError: it cannot be had in time.
    """
    deadline = time.monotonic() + DOWNLOAD_SECONDS
    content = b""
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response:  # noqa: S310 - the URL is a constant
            while chunk := response.read1(1 << 16):
                content += chunk
                if len(content) > MODEL_BYTES:
                    break  # more than the file can have; the hash will say so
                if time.monotonic() > deadline:
                    raise TimeoutError(f"not finished after {DOWNLOAD_SECONDS:.0f} seconds")
    except http.client.HTTPException as error:
        raise OSError(f"broken answer ({type(error).__name__})") from error
    return content


def cache_folder() -> Path:
    """``$EMOTION_CACHE``, else ``emotion_core`` in ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if chosen := os.environ.get("EMOTION_CACHE"):
        return Path(chosen).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "emotion_core"


def load_detector(*, fetch: Callable[[str], bytes] | None = None, score_threshold: float = SCORE_THRESHOLD) -> FaceDetector:
    """Load the best face detector there is.

    In this order: the YuNet file that ``EMOTION_FACE_MODEL`` names; the one in the cache; one download of it into the
    cache, tried once a process; the Haar cascade of OpenCV. The log says why when it is the last, and
    :attr:`Detection.detector` names the detector with every result. Only the file of ``EMOTION_FACE_MODEL`` may differ
    from the published one: the cache and the download are held against its SHA-256.

    Args:
        fetch: gets the bytes behind a URL, or raises ``OSError``; :func:`download` by default.
        score_threshold: YuNet's boxes that score less are dropped.

    Returns:
        A detector that threads may share.

    Raises:
        FaceModelError: ``EMOTION_FACE_MODEL`` names no usable file; or there is neither YuNet nor a Haar cascade.
    """
    if chosen := os.environ.get("EMOTION_FACE_MODEL"):
        path = Path(chosen).expanduser()
        source = f"EMOTION_FACE_MODEL: '{path}'"
        try:
            content = path.read_bytes()
        except OSError as error:
            raise FaceModelError(
                f"{source} cannot be read ({error.strerror or error}): correct the path, or unset the variable."
            ) from error
        return YuNetDetector(content, score_threshold=score_threshold, source=source)
    try:
        return YuNetDetector(_published_model(fetch or download), score_threshold=score_threshold)
    except FaceModelError as error:
        logger.warning("Faces are found with the Haar cascade, which misses more of them: %s", error)
        return HaarDetector()


def _published_model(fetch: Callable[[str], bytes]) -> bytes:
    """The published file, from the cache or else by download."""
    global _failure
    path = cache_folder() / MODEL_NAME
    with _lock:
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        if _is_published(content):
            return content
        if _failure is None:
            try:
                content = fetch(MODEL_URL)
                if _is_published(content):
                    _store(content, path)
                    return content
                _failure = f"{MODEL_URL} gave another file than expected ({len(content):,} bytes)"
            except OSError as error:
                _failure = f"{MODEL_URL} cannot be reached ({error})"
        raise FaceModelError(f"{_failure}. Save it yourself and name it in EMOTION_FACE_MODEL.")


def _is_published(content: bytes) -> bool:
    return len(content) == MODEL_BYTES and hashlib.sha256(content).hexdigest() == MODEL_SHA256


def _store(content: bytes, path: Path) -> None:
    """Write a file at once or not at all. A cache that cannot be written costs a download next time, nothing else."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, suffix=".part", delete=False) as stream:
            temporary = Path(stream.name)
            stream.write(content)
        os.replace(temporary, path)
    except OSError as error:
        logger.warning("The face detector cannot be kept in '%s' (%s): it is fetched again next time.", path, error)
        if temporary is not None:
            temporary.unlink(missing_ok=True)
