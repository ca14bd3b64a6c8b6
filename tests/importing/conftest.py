"""A benchmark that a stored run was measured on, in a folder of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotion_core.importing import Truth, find_truth
from emotion_core.importing.truth import fingerprint
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.summary import summarize
from emotion_core.results.run import RunInfo, write_evaluation, write_info

IMAGES = 160


def probabilities(right: float = 0.6, *, seed: int = 0, classes: tuple[str, ...] = EXPRESSIONS) -> pd.DataFrame:
    """Sure of the true expression in a share of the images and of some other one in the rest."""
    rng = np.random.default_rng(seed)
    truth = np.arange(IMAGES) % len(EXPRESSIONS)
    said = np.where(rng.random(IMAGES) < right, truth, (truth + rng.integers(1, len(EXPRESSIONS), IMAGES)) % len(EXPRESSIONS))
    probs = rng.uniform(0.01, 0.05, (IMAGES, len(EXPRESSIONS)))
    probs[np.arange(IMAGES), said] = 0.7
    table = pd.DataFrame(probs, columns=list(EXPRESSIONS))[list(classes)]
    return table.div(table.sum(axis=1), axis=0)


def image_names() -> list[str]:
    return [f"images/IMG_{number:04}.jpg" for number in range(IMAGES)]


@pytest.fixture
def checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one run that was measured on the benchmark ``faces-test``."""
    folder = tmp_path / "checkpoints"
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(folder))
    monkeypatch.setenv("EMOTION_SHIPPED_RUNS", "hide")
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"sample_id": image_names(), "expression": np.array(EXPRESSIONS)[np.arange(IMAGES) % 8]})
    for name in AFFECT:
        table[name] = rng.uniform(-0.9, 0.9, IMAGES)
        table[f"pred_{name}"] = np.clip(table[name] + rng.normal(0, 0.2, IMAGES), -1, 1)
    table = table.join(probabilities(0.7, seed=5).add_prefix("prob_"))
    network = {"backbone": "custom_cnn", "input_size": 48}
    write_info(folder / "ours", RunInfo(network=network, training={"title": "A preset"}))
    measures = {key: {"value": value, "low": value, "high": value} for key, value in summarize(table).items()}
    metrics = {
        "dataset": "faces",
        "split": "test",
        "images": IMAGES,
        "fingerprint": fingerprint(table),
        "num_classes": 8,
        "classes": list(EXPRESSIONS),
        "seed": 0,
        "measures": measures,
    }
    write_evaluation(folder / "ours", "faces", "test", metrics, table)
    return folder


@pytest.fixture
def truth(checkpoints: Path) -> Truth:
    """Of that benchmark."""
    return find_truth("faces")
