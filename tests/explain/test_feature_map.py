"""A map of features: layout, storage, neighbours, further faces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA

from emotion_core.cli import main
from emotion_core.data.schematic import load_schematic
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.explain import feature_map
from emotion_core.explain.feature_map import FEWEST, check_method, lay_out, map_split
from emotion_core.results.feature_map import FILE, FeatureMap, read_feature_map, write_feature_map
from emotion_core.results.find import find_run
from emotion_core.results.run import Run
from tests.stored import random_predictions, store, write_network

FEATURES = np.random.default_rng(0).normal(size=(60, 12)) * np.arange(12, 0, -1) + 3


@pytest.fixture
def found() -> FeatureMap:
    return lay_out(FEATURES, np.arange(60), method="pca")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A network that was evaluated on sixty drawn faces."""
    folder = write_network(tmp_path / "runs" / "mine")
    ids = load_schematic(count=60).frame["sample_id"].to_numpy()
    store(folder, random_predictions().assign(sample_id=ids), "schematic")
    return find_run(folder)


def test_principal_components_are_those_of_another_library(found: FeatureMap) -> None:
    theirs = PCA(n_components=11, svd_solver="full").fit(FEATURES)
    # An axis may point either way.
    np.testing.assert_allclose(np.abs(found.axes[:11]), np.abs(theirs.components_), atol=1e-5)
    np.testing.assert_allclose(np.abs(found.components[:, :11]), np.abs(theirs.transform(FEATURES)), atol=1e-4)
    assert found.kept == pytest.approx(1)
    wide = np.random.default_rng(1).normal(size=(90, 200))
    fewer = lay_out(wide, np.arange(90), method="pca")
    assert fewer.axes.shape == (50, 200)
    assert fewer.kept == pytest.approx(PCA(50).fit(wide).explained_variance_ratio_.sum())
    assert np.array_equal(fewer.places, fewer.components[:, :2])


def test_neighbours_are_the_nearest_of_all(found: FeatureMap) -> None:
    # Twelve components of twelve features keep every distance.
    distance = np.linalg.norm(FEATURES - FEATURES[7], axis=1)
    near, far = found.nearest(found.components[7], 5)
    assert near.tolist() == np.argsort(distance)[:5].tolist()
    np.testing.assert_allclose(far, np.sort(distance)[:5], atol=1e-4)


def test_further_faces_are_placed(found: FeatureMap) -> None:
    more = FEATURES[:3] + 0.01
    places, near = found.place(more)
    np.testing.assert_allclose(places, (more - FEATURES.mean(axis=0)) @ found.axes[:2].T, atol=1e-4)
    assert near[:, 0].tolist() == [0, 1, 2]
    elsewhere = replace(found, method="pacmap", places=np.random.default_rng(2).normal(size=(60, 2)).astype(np.float32))
    # A face of the map lies where it is; another between its neighbours, by one over distance.
    np.testing.assert_allclose(elsewhere.place(FEATURES[:2])[0], elsewhere.places[:2], atol=1e-3)
    [place], [others] = elsewhere.place(FEATURES[:1] + 1)
    weight = 1 / np.linalg.norm(FEATURES[others] - FEATURES[0] - 1, axis=1)
    np.testing.assert_allclose(place, np.average(elsewhere.places[others], axis=0, weights=weight), atol=1e-4)
    with pytest.raises(ValueError, match=r"shape \(K, 12\), not \(1, 11\)"):
        found.project(FEATURES[:1, :11])


def test_a_map_is_read_back_as_long_as_its_predictions_and_weights(run: Run, found: FeatureMap) -> None:
    evaluation = "schematic-test"
    assert read_feature_map(run, evaluation, 60) is None
    write_feature_map(run, evaluation, found)
    back = read_feature_map(run, evaluation, 60)
    assert back is not None
    for name in ("rows", "places", "components", "mean", "axes"):
        np.testing.assert_array_equal(getattr(back, name), getattr(found, name))
    assert (back.method, back.kept, back.seed, back.faces) == (found.method, found.kept, 0, "given")
    weights = run.weights.read_bytes()
    run.weights.write_bytes(weights + b"x")
    assert read_feature_map(run, evaluation, 60) is None
    run.weights.write_bytes(weights)
    (run.evaluation(evaluation).folder / "predictions.parquet").write_bytes(b"other")
    assert read_feature_map(run, evaluation, 60) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"places": np.zeros((60, 3), np.float32)}, "'places' is of shape"),
        ({"components": np.full((60, 12), np.nan, np.float32)}, "'components' holds what is no number"),
        ({"mean": np.zeros(5, np.float32)}, "'axes' is of shape"),
        ({"method": "tsne"}, "laid out by 'tsne'"),
        ({"kept": 1.5}, "holds 1.5 of the variance"),
        ({"rows": np.arange(60)[::-1]}, "'rows' are no positions"),
        ({"rows": np.arange(60) + 1}, "'rows' are no positions among 60 images"),
        ({"rows": np.arange(60) - 1}, "'rows' are no positions"),
    ],
)
def test_a_map_with_wrong_numbers_is_told(run: Run, found: FeatureMap, changes: dict[str, Any], reason: str) -> None:
    write_feature_map(run, "schematic-test", replace(found, **changes))
    with pytest.raises(CheckpointError, match=reason):
        read_feature_map(run, "schematic-test", 60)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(200), b"garbage"])
def test_a_damaged_map_is_told(run: Run, content: bytes) -> None:
    (run.evaluation("schematic-test").folder / FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match="Make the map again"):
        read_feature_map(run, "schematic-test", 60)


def test_the_command_reads_a_split_and_keeps_its_map(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    # Of sixty evaluated faces all are drawn again; the dataset has more.
    seen: list[tuple[int, int]] = []
    found = map_split(run, "schematic", None, method="pca", progress=lambda done, total: seen.append((done, total)))
    assert seen[-1][0] == seen[-1][1] == len(found.rows) > 0
    kept = read_feature_map(run, "schematic-test", 60)
    assert kept is not None
    np.testing.assert_array_equal(kept.places, found.places)
    assert main(["map", str(run.path), "--dataset", "schematic", "--method", "pca"]) == 0
    assert f"{len(found.rows)} faces by pca, from" in capsys.readouterr().out
    assert main(["map", str(run.path), "--dataset", "schematic", "--split", "val"]) == 1
    assert "has not been evaluated on the val split" in capsys.readouterr().err


def test_which_way_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_map.importlib.util, "find_spec", lambda name: None)
    assert check_method(None) == "pca"
    with pytest.raises(ConfigError, match=r"pip install 'emotion-core\[maps\]'"):
        check_method("pacmap")
    with pytest.raises(ConfigError, match="Known: pacmap, pca"):
        check_method("tsne")
    monkeypatch.setattr(feature_map.importlib.util, "find_spec", lambda name: object())
    assert check_method(None) == "pacmap"
    # Too few faces for it.
    assert lay_out(FEATURES, np.arange(60)).method == "pca"
    given: list[tuple[tuple[int, ...], int]] = []

    def layout(components: np.ndarray, seed: int) -> np.ndarray:
        given.append((components.shape, seed))
        return components[:, :2] * 2

    monkeypatch.setattr(feature_map, "_pacmap", layout)
    monkeypatch.setattr(feature_map, "version", lambda name: "0.9")
    many = lay_out(np.random.default_rng(0).normal(size=(FEWEST, 12)), np.arange(FEWEST), seed=7)
    assert (many.method, many.about, given) == ("pacmap", {"pacmap": "0.9"}, [((FEWEST, 12), 7)])


def test_the_same_seed_gives_the_same_map() -> None:
    pytest.importorskip("pacmap", reason="an extra, 'maps'")
    features = np.concatenate([np.random.default_rng(0).normal(size=(80, 12)) + shift for shift in (0, 9)])
    one, two = (lay_out(features, np.arange(160), method="pacmap", seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.places, two.places)
    # Two groups that are far apart stay apart: each face is nearer to the middle of its own.
    middles = np.stack([one.places[:80].mean(axis=0), one.places[80:].mean(axis=0)])
    nearer = np.linalg.norm(one.places[:, None] - middles, axis=2).argmin(axis=1)
    assert (nearer == np.repeat([0, 1], 80)).all()
