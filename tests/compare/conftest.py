"""Runs to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emotion_core.metrics.summary import summarize
from emotion_core.results.run import RunInfo, write_evaluation, write_info
from tests.compare.stored import SELECTION, MakeRun


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run with one evaluation; settings override what is stored."""

    def make(name: str, table: pd.DataFrame, *, info: dict[str, Any] | None = None, **changes: Any) -> pd.DataFrame:
        settings = {
            "network": {"backbone": "custom_cnn", "input_size": 48},
            "training": {"title": "A preset", "lr": 0.1, "seed": 0},
            "num_params": 1_500_000,
            "seconds": 90.0,
            **(info or {}),
        }
        write_info(tmp_path / name, RunInfo(**settings))
        measures = {key: {"value": value, "low": value - 0.01, "high": value + 0.01} for key, value in summarize(table).items()}
        metrics = {
            "dataset": "faces",
            "split": "test",
            "images": len(table),
            "fingerprint": "abc",
            "chosen_by": SELECTION,
            "measures": measures,
            **changes,
        }
        write_evaluation(tmp_path / name, metrics["dataset"], metrics["split"], metrics, table)
        return table

    return make
