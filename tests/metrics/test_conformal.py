"""Sets that hold the true class at a chosen rate, in mixes that the calibration images have and in others."""

from __future__ import annotations

import math

import numpy as np
import pytest

from emotion_core.metrics.conformal import prediction_sets, set_thresholds
from emotion_core.metrics.priors import class_weights, shift_prior

CENTRES = np.array([[0.0, 0.0], [1.5, 0.0], [0.0, 1.5], [1.2, 1.2]])


def draw(rng: np.random.Generator, count: int, mix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of four overlapping clouds, their true classes, and a deliberately wrong (too sure) balanced posterior."""
    labels = rng.choice(len(mix), count, p=mix)
    points = CENTRES[labels] + rng.normal(size=(count, 2))
    logits = -1.8 * ((points[:, None] - CENTRES) ** 2).sum(axis=2) / 2
    probs = np.exp(logits - logits.max(axis=1, keepdims=True))
    return probs / probs.sum(axis=1, keepdims=True), labels


def test_thresholds_are_the_order_statistic_of_the_plain_method():
    rng = np.random.default_rng(0)
    probs, labels = draw(rng, 137, np.full(4, 0.25))
    for coverage in (0.5, 0.8, 0.9, 0.95):
        scores = np.sort(1 - probs[np.arange(137), labels])
        expected = scores[math.ceil(138 * coverage) - 1]
        found = set_thresholds(probs, labels, np.ones(4), coverage=coverage)
        np.testing.assert_allclose(found, expected)
        # Whatever unit the weights have.
        np.testing.assert_allclose(set_thresholds(probs, labels, np.full(4, 3.7), coverage=coverage), expected)


def test_too_few_images_promise_nothing():
    probs = np.array([[0.6, 0.4]] * 5)
    thresholds = set_thresholds(probs, np.zeros(5, int), np.ones(2), coverage=0.9)
    assert np.isinf(thresholds).all()
    assert prediction_sets(np.array([[0.999, 0.001]]), thresholds).all()


@pytest.mark.parametrize("mix", [[0.25, 0.25, 0.25, 0.25], [0.7, 0.2, 0.07, 0.03], [0.02, 0.02, 0.06, 0.9]])
def test_the_promise_holds_in_another_mix(mix: list[float]):
    rng = np.random.default_rng(1)
    wanted, balanced = np.array(mix), np.full(4, 0.25)
    covered, plain = [], []
    for _ in range(60):
        probs, labels = draw(rng, 400, balanced)
        new, true = draw(rng, 400, wanted)
        shifted = shift_prior(new, balanced, wanted)
        old = shift_prior(probs, balanced, wanted)
        sets = prediction_sets(shifted, set_thresholds(old, labels, class_weights(wanted, labels)))
        covered.append(sets[np.arange(400), true].mean())
        unweighted = prediction_sets(shifted, set_thresholds(old, labels, np.ones(4)))
        plain.append(unweighted[np.arange(400), true].mean())
    # 60 rounds of 400 from as many calibration images: the mean coverage has a standard error below 0.005.
    assert 0.89 <= np.mean(covered) <= 0.935
    if mix[0] != 0.25:
        assert abs(np.mean(plain) - 0.9) > abs(np.mean(covered) - 0.9)


def test_a_set_is_never_empty_and_never_holds_the_impossible():
    probs = np.array([[0.4, 0.35, 0.25, 0.0], [0.97, 0.01, 0.01, 0.01]])
    assert prediction_sets(probs, np.zeros(4)).tolist() == [[True, False, False, False]] * 2
    assert prediction_sets(probs, np.full(4, np.inf)).tolist() == [[True, True, True, False], [True] * 4]


@pytest.mark.parametrize("coverage", [0, 1, -0.1, float("nan")])
def test_a_rate_outside_of_its_range_is_refused(coverage: float):
    with pytest.raises(ValueError, match="coverage must lie between 0 and 1"):
        set_thresholds(np.ones((2, 1)), np.zeros(2, int), np.ones(1), coverage=coverage)


def test_what_does_not_belong_together_is_refused():
    with pytest.raises(ValueError, match="do not belong together"):
        set_thresholds(np.ones((2, 2)) / 2, np.zeros(3, int), np.ones(2))
