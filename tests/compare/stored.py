"""Which images are right, and what a comparison says of two runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from emotion_core.compare import Comparison, Difference, Entry, load_store

IMAGES = 200
MakeRun = Callable[..., pd.DataFrame]


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
