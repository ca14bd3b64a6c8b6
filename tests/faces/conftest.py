from __future__ import annotations

from pathlib import Path

import matplotlib.cbook
import pytest

from emotion_core.faces import FaceDetector
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
def _no_other_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTION_FACE_MODEL", raising=False)
