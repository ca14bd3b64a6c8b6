"""A table of six images whose numbers can be checked by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.labels import EXPRESSIONS

NAN = float("nan")

ROWS: Sequence[tuple[str, str | None, float, float, Mapping[str, float], float, float]] = (
    # id, true expression, valence, arousal, probabilities, predicted valence, predicted arousal
    ("a", "happiness", 0.8, 0.2, {"happiness": 0.9, "neutral": 0.1}, 0.6, 0.2),
    ("b", "happiness", 0.5, 0.1, {"anger": 0.8, "happiness": 0.2}, -0.6, 0.4),
    ("c", "fear", -0.5, 0.6, {"surprise": 0.5, "fear": 0.4, "anger": 0.1}, 0.3, 0.7),
    ("d", "fear", -0.4, 0.5, {"fear": 0.6, "surprise": 0.4}, -0.4, 0.5),
    ("e", None, 0.3, -0.4, {"neutral": 0.7, "sadness": 0.3}, 0.1, -0.1),
    ("f", "sadness", NAN, NAN, {"happiness": 0.55, "sadness": 0.45}, -0.2, -0.3),
)


@pytest.fixture
def make_predictions() -> Callable[..., pd.DataFrame]:
    """Writes rows like :data:`ROWS` as the columns of ``predictions.parquet``."""

    def make(rows: Sequence[Any] = ROWS) -> pd.DataFrame:
        records = []
        for sample, expression, valence, arousal, probs, said_valence, said_arousal in rows:
            record = {"sample_id": sample, "expression": expression, "valence": valence, "arousal": arousal}
            record |= {f"prob_{name}": probs.get(name, 0.0) if probs else np.nan for name in EXPRESSIONS}
            records.append(record | {"pred_valence": said_valence, "pred_arousal": said_arousal})
        return pd.DataFrame(records)

    return make


@pytest.fixture
def predictions(make_predictions: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    return make_predictions()


@pytest.fixture
def other(make_predictions: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """A second run: right on b and c, wrong on a and f, as the first on d."""
    said = {
        "a": {"anger": 1.0},
        "b": {"happiness": 1.0},
        "c": {"fear": 0.7, "surprise": 0.3},
        "d": {"fear": 0.6, "surprise": 0.4},
        "e": {"neutral": 1.0},
        "f": {"anger": 1.0},
    }
    return make_predictions([(row[0], row[1], row[2], row[3], said[row[0]], row[5], row[6]) for row in ROWS])
