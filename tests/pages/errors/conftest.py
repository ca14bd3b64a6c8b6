"""Runs and pictures for the page of errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotion_core.results.find import DEFAULT_RUN
from tests import stored
from tests.pages.errors.driving import IMAGES
from tests.stored import random_predictions


@pytest.fixture
def store(make_run: Callable[..., Path]) -> Callable[..., Path]:
    """Writes a run with weights and one evaluation."""

    def write(name: str, table: pd.DataFrame, evaluation: tuple[str, str] = ("affectnet-3999", "test")) -> Path:
        folder = make_run(name, seed=len(name))
        stored.store(folder, table, *evaluation)
        return folder

    return write


@pytest.fixture
def two_runs(store: Callable[..., Path]) -> None:
    store(DEFAULT_RUN, random_predictions(2))
    store("b-second", random_predictions(1))


@pytest.fixture
def pictures(write_affectnet: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A made-up picture for each image."""
    pixels = np.random.default_rng(0).integers(0, 256, (IMAGES, 60, 60, 3), dtype=np.uint8)
    write_affectnet(tmp_path, [(number % 8, 0.1, 0.1, pixels[number]) for number in range(IMAGES)])
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
