"""Explanations are kept small, belong to one set of weights, and a damaged file says so."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from emotion_core.errors import CheckpointError
from emotion_core.results.explanations import (
    FAITHFULNESS,
    MAPS,
    MeanMaps,
    read_explanations,
    weights_digest,
    write_explanations,
)
from emotion_core.results.run import Run, read_run

FOUND: dict[str, Any] = {"fractions": [0.0, 1.0], "methods": {}, "best": None, "like_best": [], "seconds": float("nan")}


def some_maps(side: int = 4, affect: int = 2) -> MeanMaps:
    generator = np.random.default_rng(0)
    return MeanMaps(
        expression=generator.random((8, 2, 2, side, side), dtype=np.float32),
        counts=generator.integers(0, 9, (8, 2)),
        affect=generator.random((affect, side, side), dtype=np.float32),
        num_images=70,
    )


@pytest.fixture
def run(make_run: Callable[..., Path]) -> Run:
    path = make_run()
    folder = path / "evaluations" / "faces-test"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text("{}")
    return read_run(path)


@pytest.mark.parametrize("affect", [0, 2])
def test_what_was_written_is_read(run: Run, affect: int):
    maps = some_maps(affect=affect)
    folder = write_explanations(run, "faces", "test", "abc", maps, FOUND)
    assert {path.name for path in folder.iterdir()} == {"metrics.json", MAPS, FAITHFULNESS}
    found = read_explanations(run, "faces-test")
    np.testing.assert_allclose(found.maps.expression, maps.expression, atol=1e-3)
    np.testing.assert_array_equal(found.maps.counts, maps.counts)
    np.testing.assert_allclose(found.maps.affect, maps.affect, atol=1e-3)
    assert found.maps.affect.shape == (affect, 4, 4)
    assert found.maps.num_images == 70
    assert found.about["fingerprint"] == "abc"
    assert found.faithfulness["seconds"] is None
    assert json.loads((folder / FAITHFULNESS).read_text())["weights"] == weights_digest(run)


def test_the_largest_maps_take_little_room(run: Run):
    folder = write_explanations(run, "faces", "test", "abc", some_maps(56), FOUND)
    assert (folder / MAPS).stat().st_size < 300_000
    with pytest.raises(CheckpointError, match="56 px at most, not"):
        write_explanations(run, "faces", "test", "abc", some_maps(57), FOUND)


def test_explanations_of_other_weights_do_not_count(run: Run):
    write_explanations(run, "faces", "test", "abc", some_maps(), FOUND)
    weights = run.weights.read_bytes()
    run.weights.write_bytes(weights + b" ")
    assert read_explanations(run, "faces-test") is None
    # A run whose weights stayed elsewhere can still be looked at.
    run.weights.unlink()
    assert read_explanations(run, "faces-test") is not None


def test_half_of_the_files_is_nothing(run: Run):
    assert read_explanations(run, "faces-test") is None
    folder = write_explanations(run, "faces", "test", "abc", some_maps(), FOUND)
    text = (folder / FAITHFULNESS).read_text()
    # A writer that was stopped between the two files leaves one of other weights, or of another version.
    for key, other in (("weights", "0" * 32), ("version", 2)):
        (folder / FAITHFULNESS).write_text(json.dumps(json.loads(text) | {key: other}))
        assert read_explanations(run, "faces-test") is None
    (folder / FAITHFULNESS).unlink()
    assert read_explanations(run, "faces-test") is None


def test_damage_is_reported(run: Run):
    folder = write_explanations(run, "faces", "test", "abc", some_maps(), FOUND)
    kept, text = (folder / MAPS).read_bytes(), (folder / FAITHFULNESS).read_text()
    for damaged in (b"", kept[:100], kept[:-30], b"PK\x03\x04" + b"\0" * 200):
        (folder / MAPS).write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"cannot be read .* Explain the run again"):
            read_explanations(run, "faces-test")
    (folder / MAPS).write_bytes(kept)
    for other in ("{", "[]", "{}", json.dumps(json.loads(text) | {"methods": []})):
        (folder / FAITHFULNESS).write_text(other)
        with pytest.raises(CheckpointError, match="Explain the run again"):
            read_explanations(run, "faces-test")


def test_pickled_arrays_are_refused(run: Run):
    folder = write_explanations(run, "faces", "test", "abc", some_maps(), FOUND)
    with np.load(folder / MAPS) as file:
        content = dict(file)
    np.savez(folder / MAPS, **{**content, "affect": np.array([{}], dtype=object)})
    with pytest.raises(CheckpointError, match="allow_pickle=False"):
        read_explanations(run, "faces-test")


def test_maps_of_a_wrong_shape_are_refused(run: Run):
    folder = write_explanations(run, "faces", "test", "abc", some_maps(), FOUND)
    with np.load(folder / MAPS) as file:
        content = dict(file)
    for name, shape in (("expression", (7, 2, 2, 4, 4)), ("counts", (8, 3)), ("affect", (1, 4, 4))):
        np.savez(folder / MAPS, **{**content, name: np.zeros(shape)})
        with pytest.raises(CheckpointError, match="of shape"):
            read_explanations(run, "faces-test")


def test_a_run_is_evaluated_before_it_is_explained(run: Run):
    with pytest.raises(CheckpointError, match=r"not been evaluated on the val split .* --dataset faces --split val' first"):
        write_explanations(run, "faces", "val", "abc", some_maps(), FOUND)
