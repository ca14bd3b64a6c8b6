"""Runs to compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.compare.stored import MakeRun
from tests.stored import measures, store, write_run


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    """Writes a run with one evaluation; settings override what is stored."""

    def make(name: str, table: pd.DataFrame, *, info: dict[str, Any] | None = None, **changes: Any) -> pd.DataFrame:
        settings = {
            "training": {"title": "A preset", "lr": 0.1, "seed": 0},
            "num_params": 1_500_000,
            "seconds": 90.0,
            **(info or {}),
        }
        write_run(tmp_path / name, finished=False, **settings)
        store(tmp_path / name, table, **{"measures": measures(table, around=0.01), **changes})
        return table

    return make
