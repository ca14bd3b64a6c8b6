"""Fixtures that several test modules share."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# Each process has a core: more threads than cores only wait for each other. The libraries read this when they are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENCV_FOR_THREADS_NUM", "1")

import numpy as np
import pytest
from PIL import Image

from tests.experiments import write_experiment
from tests.stored import NETWORK, write_network

REPOSITORY = Path(__file__).resolve().parents[1]
BROWSER = "tests/browser/"
SLOW = (
    BROWSER, "tests/pages/", "tests/test_damage.py", "tests/data/test_audit.py", "tests/films/", "tests/training/",
    "tests/models/", "tests/explain/",
)  # fmt: skip
"""Where tests take longest."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The slow ones come first, so that no process waits long for the last one of another."""
    places = {path: place for place, path in enumerate(SLOW)}
    items.sort(key=lambda item: next((places[path] for path in SLOW if item.nodeid.startswith(path)), len(SLOW)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file is tested by one process, and so are all tests in a browser: two servers and two browsers would only wait for each
    other. Work is given out in the order of :data:`SLOW`."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return BROWSER if nodeid.startswith(BROWSER) else super()._split_scope(nodeid)

    # Otherwise the files with most tests would come first.
    config.option.loadscopereorder = False
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test reaches for the network: hubs are off, and the face detector is the package's."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("EMOTION_FACE_MODEL", raising=False)
    # A test that names a folder of runs means these runs alone.
    monkeypatch.setenv("EMOTION_SHIPPED_RUNS", "hide")
    # Graphs of networks are kept for the whole round, and nowhere else.
    monkeypatch.setenv("EMOTION_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
    monkeypatch.delenv("EMOTION_RUNTIME", raising=False)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with the development data, beside the repository."""
    folder = REPOSITORY.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs the development data in ../shared/data")
    return folder


@pytest.fixture(scope="session")
def yunet_model() -> Path:
    """The YuNet file of the package."""
    return REPOSITORY / "emotion_core" / "faces" / "model" / "face_detection_yunet_2023mar.onnx"


@pytest.fixture(scope="session")
def write_affectnet() -> Callable[..., Path]:
    """Writes a dataset in AffectNet's per-image layout, as its authors store it: 0-d arrays of text.

    Every row is ``(expression, valence, arousal)`` or ``(expression, valence, arousal, pixels)``; images are numbered from 0.
    """

    def write(root: Path, rows: Sequence[tuple[Any, ...]], name: str = "affectnet-3999") -> Path:
        folder = root / name
        (folder / "images").mkdir(parents=True)
        (folder / "annotations").mkdir()
        for number, (expression, valence, arousal, *pixels) in enumerate(rows):
            image = pixels[0] if pixels else np.full((8, 8, 3), number % 256, dtype=np.uint8)
            Image.fromarray(image).save(folder / "images" / f"{number}.jpg", quality=95)
            for kind, value in (("exp", expression), ("val", valence), ("aro", arousal)):
                np.save(folder / "annotations" / f"{number}_{kind}.npy", np.array(str(value)))
            np.save(folder / "annotations" / f"{number}_lnd.npy", np.zeros(136))
        return folder

    return write


@pytest.fixture
def make_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes runs with random weights, small enough to be quick, in a checkpoints folder of their own."""
    from emotion_core.results.find import DEFAULT_RUN

    folder = tmp_path / "checkpoints"
    write_experiment(folder)
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(folder))

    def make(name: str = DEFAULT_RUN, *, seed: int = 0, **settings: Any) -> Path:
        info = {key: settings.pop(key) for key in ("outputs", "temperature", "init", "dataset", "seconds") if key in settings}
        return write_network(folder / name, seed=seed, network={**NETWORK, **settings}, **info)

    return make


@pytest.fixture(scope="session")
def portrait() -> Path:
    """Grace Hopper's portrait, a public-domain photo that matplotlib ships: one face."""
    from matplotlib.cbook import get_sample_data

    return Path(get_sample_data("grace_hopper.jpg", asfileobj=False))
