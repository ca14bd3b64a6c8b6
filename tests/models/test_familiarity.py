"""Does a picture look like the training faces? Against the plain formula, and on what is no face."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis

from emotion_core.models.familiarity import MAX_NUMBERS, describe_faces


def faces(seed: int, count: int, channels: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.abs(rng.normal(size=(count, 4)) @ np.random.default_rng(9).random((4, channels)) + 3)


def test_with_nearly_all_directions_the_distance_is_mahalanobis():
    training, others = (np.random.default_rng(seed).normal(3, 0.5, (count, 12)) for seed, count in ((0, 400), (1, 20)))
    found = describe_faces(training, others, directions=11)
    scaled = training / np.linalg.norm(training, axis=1, keepdims=True)
    inverse = np.linalg.inv(np.cov(scaled.T, bias=True))
    expected = [mahalanobis(row / np.linalg.norm(row), scaled.mean(axis=0), inverse) for row in others]
    np.testing.assert_allclose(found.distances(others), expected, rtol=0.02)  # directions are kept in half precision


def test_the_threshold_leaves_almost_all_validation_faces():
    validation = faces(1, 1000)
    found = describe_faces(faces(0, 1000), validation, familiar=0.95)
    assert found.unfamiliar(validation).mean() == pytest.approx(0.05, abs=0.002)


def test_length_does_not_count_and_strangers_are_found():
    found = describe_faces(faces(0, 500), faces(1, 500))
    probe = faces(2, 50)
    np.testing.assert_allclose(found.distances(probe), found.distances(7 * probe))
    assert found.unfamiliar(np.eye(12)).all()
    assert np.isfinite(found.distances(np.zeros((1, 12)))).all()


def test_it_stays_small_for_wide_networks():
    found = describe_faces(faces(0, 300, 2048), faces(1, 10, 2048))
    assert found.directions.size <= MAX_NUMBERS
    assert found.directions.shape == (24, 2048)


def test_too_few_faces_are_refused():
    with pytest.raises(ValueError, match="At least two training faces"):
        describe_faces(faces(0, 1), faces(1, 3))
