"""Verdicts from a confidence on, and the curve of accuracy by coverage."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_core.metrics.selective import GRID, MIN_IMAGES, risk_coverage, verdict_threshold


def binary(confidence: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two classes; class 0 is always predicted."""
    return np.stack([confidence, 1 - confidence], axis=1), np.where(right, 0, 1)


def test_the_threshold_is_the_smallest_that_keeps_the_promise():
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.5, 1, 500)
    probs, target = binary(confidence, rng.random(500) < confidence)
    threshold = verdict_threshold(probs, target, np.ones(2), accuracy=0.8)
    accuracies = {c: (target[confidence >= c] == 0).mean() for c in confidence}
    assert threshold == min(c for c, accuracy in accuracies.items() if accuracy >= 0.8)


def test_images_count_by_the_weight_of_their_class():
    probs, target = binary(np.repeat([0.9, 0.7], 40), np.tile([True, False], 40))
    assert verdict_threshold(probs, target, np.ones(2), accuracy=0.8) == float("inf")
    # A wrong prediction is an image of class 1; where these are rare, the same confidence is right more often.
    assert verdict_threshold(probs, target, np.array([1.0, 0.25]), accuracy=0.8) == 0.7


def test_a_handful_of_lucky_images_sets_no_threshold():
    probs, target = binary(np.linspace(0.6, 0.99, MIN_IMAGES - 1), np.full(MIN_IMAGES - 1, True))
    assert verdict_threshold(probs, target, np.ones(2)) == float("inf")
    probs, target = binary(np.linspace(0.6, 0.99, MIN_IMAGES), np.full(MIN_IMAGES, True))
    assert verdict_threshold(probs, target, np.ones(2)) == pytest.approx(0.6)


def test_the_curve_is_the_accuracy_of_the_most_confident():
    rng = np.random.default_rng(2)
    confidence = rng.permutation(np.linspace(0.5, 1, 200))
    probs, target = binary(confidence, rng.random(200) < confidence)
    curve = risk_coverage(probs, target, resamples=400)
    assert curve["coverage"].tolist() == list(GRID)
    for row in curve.itertuples():
        best = np.argsort(-confidence)[: row.images]
        assert row.images == round(row.coverage * 200)
        assert row.accuracy == pytest.approx((target[best] == 0).mean())
        assert row.confidence == confidence[best].min()
        assert row.low <= row.accuracy <= row.high
    # The last interval is that of the accuracy over all images, from the same resamples.
    from emotion_core.metrics.intervals import percentile_interval, resample_counts

    whole = resample_counts(200, 400) @ (target == 0) / 200
    assert (curve["low"].iloc[-1], curve["high"].iloc[-1]) == pytest.approx(percentile_interval(whole))


def test_intervals_are_those_of_resamples_made_one_by_one():
    from emotion_core.metrics.intervals import resample_counts

    rng = np.random.default_rng(3)
    confidence = rng.permutation(np.linspace(0.5, 1, 60))
    probs, target = binary(confidence, rng.random(60) < confidence)
    curve = risk_coverage(probs, target, resamples=300).set_index("coverage")
    shares = []
    for counts in resample_counts(60, 300):
        drawn = np.repeat(np.arange(60), counts)
        drawn = drawn[np.argsort(-confidence[drawn], kind="stable")]
        # Up to the thirtieth, and the copies of the same picture with it.
        count = 30 + int((drawn[30:] == drawn[29]).sum())
        shares.append((target[drawn[:count]] == 0).mean())
    low, high = np.quantile(shares, [0.025, 0.975])
    assert (curve.loc[0.5, "low"], curve.loc[0.5, "high"]) == pytest.approx((low, high))


def test_what_are_no_probabilities_is_refused():
    with pytest.raises(ValueError, match="sum to 1"):
        risk_coverage([[0.5, 0.1]], [0])
