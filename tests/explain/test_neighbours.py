"""Nearest neighbours are scikit-learn's, and features are what the heads read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.neighbors import NearestNeighbors

from emotion_core.explain.neighbours import features_of, nearest
from emotion_core.models.inference import infer, to_input
from emotion_core.models.network import EmotionNetwork


@pytest.fixture
def network(build: Callable[..., EmotionNetwork]) -> EmotionNetwork:
    return build("custom_cnn")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (7, 3, 64, 64), dtype=np.uint8)


def test_features_are_what_the_heads_read(network: EmotionNetwork, pixels: np.ndarray):
    done: list[int] = []
    found = features_of(network, pixels, batch_size=3, progress=done.append)
    assert done == [3, 3, 1]
    with torch.inference_mode():
        expected = network(to_input(network, torch.from_numpy(pixels))).pooled.numpy()
    assert found.pooled.dtype == np.float16
    np.testing.assert_allclose(found.pooled, expected, rtol=1e-3, atol=1e-4)
    logits, affect = infer(network, pixels)
    np.testing.assert_allclose(found.logits, logits, atol=1e-5)
    np.testing.assert_allclose(found.affect, affect, atol=1e-5)


def test_training_mode_and_nothing_are_refused(network: EmotionNetwork, pixels: np.ndarray):
    with pytest.raises(ValueError, match="no picture"):
        features_of(network, pixels[:0])
    network.train()
    try:
        with pytest.raises(ValueError, match="in training mode"):
            features_of(network, pixels)
    finally:
        network.eval()


def test_very_large_features_keep_a_direction(network: EmotionNetwork, pixels: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    plain = type(network).forward

    def huge(self: EmotionNetwork, images: torch.Tensor) -> object:
        outputs = plain(self, images)
        return outputs._replace(pooled=outputs.pooled * 1e9)

    monkeypatch.setattr(type(network), "forward", huge)
    assert np.isfinite(features_of(network, pixels).pooled).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_neighbours_are_those_of_scikit_learn(dtype: type):
    features = (np.random.default_rng(0).normal(size=(200, 32)) * 100).astype(dtype)
    reference = NearestNeighbors(n_neighbors=6, metric="cosine").fit(features.astype(np.float64))
    distances, rows = reference.kneighbors(features.astype(np.float64))
    for index in range(len(features)):
        found, cosines = nearest(features, index, 5)
        assert rows[index, 0] == index
        np.testing.assert_array_equal(found, rows[index, 1:])
        np.testing.assert_allclose(1 - cosines, distances[index, 1:], atol=1e-5)


def test_a_copy_of_the_picture_is_its_nearest_neighbour_and_it_itself_is_not():
    features = np.array([[1, 0], [0, 1], [2, 0], [1, 1], [1, 0]], dtype=np.float16)
    rows, cosines = nearest(features, 4, 3)
    # By hand: rows 0 and 2 point the same way, row 3 lies 45 degrees off.
    assert rows.tolist() == [0, 2, 3]
    assert cosines.tolist() == pytest.approx([1, 1, 0.5**0.5], abs=1e-6)


def test_fewer_others_than_asked_for_and_features_of_zero():
    rows, cosines = nearest(np.array([[0.0, 0.0], [1.0, 0.0]], dtype=np.float32), 0, 9)
    assert (rows.tolist(), cosines.tolist()) == ([1], [0.0])
    rows, _ = nearest(np.ones((1, 4), dtype=np.float32), 0, 3)
    assert rows.tolist() == []


def test_what_makes_no_sense_is_refused():
    features = np.ones((3, 2), dtype=np.float32)
    with pytest.raises(ValueError, match=r"shape \(N, C\), not \(3,\)"):
        nearest(features[:, 0], 0, 1)
    for index in (-1, 3):
        with pytest.raises(ValueError, match=f"no row {index} among 3"):
            nearest(features, index, 1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        nearest(features, 0, 0)
