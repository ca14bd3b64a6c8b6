from __future__ import annotations

from pathlib import Path

import matplotlib.cbook
import pytest

from emotion_core.faces import FaceDetector, loading
from emotion_core.faces.haar import HaarDetector
from emotion_core.faces.yunet import YuNetDetector
from emotion_core.images import read_image
from tests.faces.pictures import Array


@pytest.fixture(scope="module")
def portrait() -> Array:
    """Grace Hopper, 512 x 600."""
    return read_image(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


@pytest.fixture(scope="module")
def yunet(yunet_model: Path) -> YuNetDetector:
    return YuNetDetector(yunet_model.read_bytes())


@pytest.fixture(params=["yunet", "haar"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param == "haar":
        return HaarDetector()
    model: Path = request.getfixturevalue("yunet_model")
    return YuNetDetector(model.read_bytes())


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMOTION_FACE_MODEL", raising=False)
    monkeypatch.setattr(loading, "_failure", None)
