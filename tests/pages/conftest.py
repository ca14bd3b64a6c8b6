"""A checkpoints folder with a small network, and an app that reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.experiments import write_experiment
from tests.pages.opening import make_app
from tests.stored import write_network

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkpoints folder that the app reads."""
    folder = tmp_path / "checkpoints"
    write_experiment(folder)
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(folder))
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    return folder


@pytest.fixture
def make_run(checkpoints: Path) -> Callable[..., Path]:
    """Writes a run folder with an untrained network that takes 48 px."""

    def make(name: str, seed: int = 0) -> Path:
        return write_network(checkpoints / name, seed=seed)

    return make


@pytest.fixture
def app(checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app from its entrypoint, not yet run."""
    monkeypatch.chdir(REPOSITORY)
    st.cache_resource.clear()
    return make_app()
