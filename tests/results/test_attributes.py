"""Attributes of a split's images, kept beside the runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotion_core.errors import CheckpointError
from emotion_core.results.attributes import attributes_path, read_attributes, write_attributes


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))
    return tmp_path


def test_what_is_kept_is_read(folder: Path) -> None:
    table = pd.DataFrame({"yaw": [1.5, np.nan], "age group": ["old", None]}, index=["a.jpg", "b.jpg"])
    assert read_attributes("faces", "test") is None
    assert write_attributes("faces", "test", table) == folder / "attributes-faces-test.parquet"
    found = read_attributes("faces", "test")
    assert found is not None
    pd.testing.assert_frame_equal(found, table, check_names=False, check_dtype=False)
    assert read_attributes("faces", "val") is None


def test_names_lead_nowhere_else() -> None:
    for dataset, split in (("../x", "test"), ("x", "../test"), ("", "test")):
        with pytest.raises(CheckpointError, match="cannot name attributes"):
            attributes_path(dataset, split)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"sample_id": ["a", "a"], "yaw": [1.0, 2.0]}, "stands in it twice"),
        ({"sample_id": ["a", None], "yaw": [1.0, 2.0]}, "no 'sample_id'"),
        ({"sample_id": [1, 2]}, "neither numbers nor text"),
        ({"sample_id": ["a", "b"], "yaw": [[1], [2]]}, "'yaw' holds neither"),
        ({"sample_id": [str(i) for i in range(300)], "who": [str(i) for i in range(300)]}, "more than 100 different"),
        ({"yaw": [1.0]}, "sample_id"),
    ],
)
def test_damage_is_told(folder: Path, columns: dict[str, list[object]], reason: str) -> None:
    pd.DataFrame(columns).to_parquet(folder / "attributes-faces-test.parquet", index=False)
    with pytest.raises(CheckpointError, match=reason):
        read_attributes("faces", "test")


@pytest.mark.parametrize("content", [b"", b"PAR1", b"x" * 5_000])
def test_garbage_is_told(folder: Path, content: bytes) -> None:
    (folder / "attributes-faces-test.parquet").write_bytes(content)
    with pytest.raises(CheckpointError, match="Measure them again: python -m emotion_core slices RUN --dataset faces"):
        read_attributes("faces", "test")
