"""Runs with known answers, as they are stored and read back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from emotion_core.compare import Comparison, Difference, Entry, load_store
from emotion_core.labels import AFFECT, EXPRESSIONS

IMAGES = 200
SELECTION = {"measure": "accuracy", "split": "val", "epoch": 3, "value": 0.5}
MakeRun = Callable[..., pd.DataFrame]


def predictions(right: np.ndarray, noise: float = 0.3, seed: int = 0) -> pd.DataFrame:
    """Right where ``right`` says so, else the next expression; valence and arousal with some noise."""
    rng = np.random.default_rng(100)
    images = len(right)
    labels = np.arange(images) % 8
    table = pd.DataFrame(
        {"sample_id": [f"{number:05}.jpg" for number in range(images)], "expression": np.array(EXPRESSIONS)[labels]}
    )
    probs = np.full((images, 8), 0.05, dtype=np.float32)
    probs[np.arange(images), np.where(right, labels, (labels + 1) % 8)] = 0.65
    own = np.random.default_rng(seed)
    for index, name in enumerate(EXPRESSIONS):
        table[f"prob_{name}"] = probs[:, index]
    for name in AFFECT:
        table[name] = rng.uniform(-0.9, 0.9, images)
        table[f"pred_{name}"] = np.clip(table[name] + noise * own.normal(size=images), -1, 1)
    return table


def correct(number: int, shift: int = 0) -> np.ndarray:
    right = np.zeros(IMAGES, dtype=bool)
    right[shift : shift + number] = True
    return right


def load(tmp_path: Path, *names: str) -> list[Entry]:
    entries = {entry.name: entry for entry in load_store(tmp_path).entries}
    return [entries[name] for name in names or entries]


def only(comparison: Comparison, measure: str, first: str, second: str) -> Difference:
    [found] = [d for d in comparison.differences if (d.measure, d.first, d.second) == (measure, first, second)]
    return found
