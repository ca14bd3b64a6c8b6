"""Runs for the page that compares them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from emotion_core.compare.pairs import USUAL
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.collapse import find_collapse
from emotion_core.metrics.table import METRICS
from emotion_core.results.run import read_run
from emotion_core.results.summaries import Summary, keep_summary, summarise_predictions
from tests import stored
from tests.pages.compare.driving import IMAGES
from tests.pages.opening import REPOSITORY, make_app
from tests.stored import measures, write_run


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty checkpoints folder that the app reads."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(folder))
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    monkeypatch.chdir(REPOSITORY)
    st.cache_data.clear()
    st.cache_resource.clear()
    return folder


@functools.cache
def answers(share: float, seed: int) -> pd.DataFrame:
    """Predictions that are right on a share of the images."""
    rng = np.random.default_rng(int(1000 * share) + seed)
    labels = np.arange(IMAGES) % 8
    says = np.where(np.arange(IMAGES) < share * IMAGES, labels, (labels + 1) % 8)
    if share == 0:
        says[:] = 3
    probs = rng.dirichlet(np.ones(8), IMAGES) * 0.3
    probs[np.arange(IMAGES), says] += 0.7
    table = pd.DataFrame({"sample_id": [f"{n:04}.jpg" for n in range(IMAGES)], "expression": np.array(EXPRESSIONS)[labels]})
    for index, expression in enumerate(EXPRESSIONS):
        table[f"prob_{expression}"] = probs[:, index].astype(np.float32)
    for place, affect in enumerate(AFFECT):
        table[affect] = np.sin(np.arange(IMAGES) + place)
        table[f"pred_{affect}"] = np.clip(table[affect] * share + 0.3 * rng.normal(size=IMAGES), -1, 1)
    return table


@functools.cache
def measured(share: float, seed: int, _metrics: tuple[str, ...]) -> tuple[dict[str, Any], Summary]:
    """Their measures, and what comparisons need of them: a run that was evaluated has both."""
    table = answers(share, seed)
    about = {"collapse": find_collapse(table), "measures": measures(table, around=0.05)}
    return about, summarise_predictions(table, only=USUAL)


@pytest.fixture
def add(store: Path) -> Callable[..., Path]:
    """Writes a run that is right on a share of the images."""

    def write(
        name: str, share: float, *, backbone: str = "custom_cnn", seed: int = 0, split: str = "test", **changes: Any
    ) -> Path:
        folder = write_run(
            store / name,
            network={"backbone": backbone, "input_size": 48},
            training={"title": "A preset", "seed": seed, "epochs": 3, "loss": {"expression": 1.0}},
            seed=seed,
            num_params=1_000_000 * (1 + len(backbone)),
            seconds=60.0,
        )
        about, summary = measured(share, seed, tuple(METRICS))
        stored.store(folder, answers(share, seed), "affectnet-3999", split, **{"seed": seed, **about, **changes})
        keep_summary(read_run(folder), f"affectnet-3999-{split}", summary)
        return folder

    return write


@pytest.fixture
def three(add: Callable[..., Path]) -> list[Path]:
    """Two that are alike, and one that is worse."""
    return [add("good", 0.75, backbone="resnet50"), add("alike", 0.74, backbone="vgg16"), add("worse", 0.4)]


@pytest.fixture
def app(store: Path) -> AppTest:
    """The app on the page, not yet run."""
    return make_app("compare")
