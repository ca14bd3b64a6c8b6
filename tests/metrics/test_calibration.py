from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from sklearn import metrics as reference
from sklearn.calibration import calibration_curve

from emotion_core.metrics.calibration import (
    brier_score,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    reliability_table,
)


def draw(seed: int, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a network that is too sure by a factor of two, and labels drawn from what it should have said."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 1.5, (count, 8))
    labels = [generator.choice(8, p=row) for row in softmax(logits, axis=1)]
    return 2 * logits, np.array(labels)


@pytest.mark.parametrize("seed", range(3))
def test_scores_are_scikit_learns(seed: int):
    logits, target = draw(seed)
    probs = softmax(logits, axis=1)
    assert log_loss(probs, target) == pytest.approx(reference.log_loss(target, probs, labels=range(8)), abs=1e-9)
    summed = 8 * reference.mean_squared_error(np.eye(8)[target], probs)
    assert brier_score(probs, target) == pytest.approx(summed, abs=1e-9)


def test_brier_score_of_two_classes_is_twice_the_binary_one():
    generator = np.random.default_rng(0)
    p, target = generator.random(50), generator.integers(0, 2, 50)
    binary = reference.brier_score_loss(target, p)
    assert brier_score(np.stack([1 - p, p], axis=1), target) == pytest.approx(2 * binary, abs=1e-12)


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_calibration_error_and_table_follow_scikit_learns_curve(bins: int):
    logits, target = draw(3)
    probs = softmax(logits, axis=1)
    right = probs.argmax(axis=1) == target
    accuracy, confidence = calibration_curve(right, probs.max(axis=1), n_bins=bins)
    table = reliability_table(probs, target, bins)
    assert len(table) == bins
    filled = table[table["count"] > 0]
    np.testing.assert_allclose(filled["accuracy"], accuracy, atol=1e-9)
    np.testing.assert_allclose(filled["confidence"], confidence, atol=1e-9)
    assert table["count"].sum() == 400
    expected = np.abs(accuracy - confidence) @ filled["count"] / 400
    assert expected_calibration_error(probs, target, bins=bins) == pytest.approx(expected, abs=1e-9)


def test_bins_hold_their_upper_end():
    probs = [[0.5, 0.5], [0.75, 0.25], [0.0, 1.0]]
    table = reliability_table(probs, [0, 0, 0], bins=4)
    assert table["count"].tolist() == [0, 1, 1, 1]
    assert table["low"].tolist() == [0, 0.25, 0.5, 0.75]
    assert table["high"].tolist() == [0.25, 0.5, 0.75, 1]
    assert table["accuracy"].tolist()[1:] == [1, 1, 0]
    assert math.isnan(table["accuracy"][0])


def test_calibrated_probabilities_have_no_error():
    # Four of five right at 0.8, and all right at 1.
    assert expected_calibration_error([[0.8, 0.2]] * 5 + [[0.0, 1.0]], [0, 0, 0, 0, 1, 1]) == pytest.approx(0, abs=1e-12)


def test_single_image_and_impossible_truth():
    assert expected_calibration_error([[0.2, 0.8]], [1]) == pytest.approx(0.2)
    assert brier_score([[0.0, 1.0]], [0]) == 2
    # As scikit-learn clips in double precision.
    assert log_loss([[0.0, 1.0]], [0]) == pytest.approx(reference.log_loss([0], [[0.0, 1.0]], labels=[0, 1]), abs=1e-9)
    assert log_loss([[1.0000001, 0.0]], [0]) == 0


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.5])
def test_exactly_scaled_data_give_their_temperature(temperature: float):
    # Labels in the very proportions 4 : 2 : 1 : 1 that the logits promise at this temperature.
    logits = np.tile(temperature * np.log([[0.5, 0.25, 0.125, 0.125]]), (8, 1))
    assert fit_temperature(logits, [0, 0, 0, 0, 1, 1, 2, 3]) == pytest.approx(temperature, rel=1e-6)


def test_temperature_where_the_slope_of_the_likelihood_is_zero():
    logits, target = draw(4)
    one_hot = np.eye(8)[target]

    def slope(inverse: float) -> float:
        return float(((softmax(inverse * logits, axis=1) - one_hot) * logits).sum())

    found = fit_temperature(logits, target)
    assert found == pytest.approx(1 / brentq(slope, 0.05, 20), rel=1e-6)
    assert found == pytest.approx(2, rel=0.15)


def test_temperature_of_scaled_shifted_and_normalised_logits():
    logits, target = draw(5)
    found = fit_temperature(logits, target)
    assert fit_temperature(3 * logits, target) == pytest.approx(3 * found, rel=1e-6)
    assert fit_temperature(logits + np.arange(400)[:, None], target) == pytest.approx(found, rel=1e-6)
    assert fit_temperature(log_softmax(logits, axis=1), target) == pytest.approx(found, rel=1e-6)
    order = np.random.default_rng(0).permutation(8)
    assert fit_temperature(logits[:, order], np.argsort(order)[target]) == pytest.approx(found, rel=1e-6)


def test_scaled_probabilities_are_better_and_scaled_fully():
    logits, target = draw(6)
    probs = softmax(logits, axis=1)
    found = fit_temperature(np.log(probs), target)
    better = softmax(np.log(probs) / found, axis=1)
    assert log_loss(better, target) < log_loss(probs, target)
    assert expected_calibration_error(better, target) < expected_calibration_error(probs, target)
    assert fit_temperature(np.log(better), target) == pytest.approx(1, rel=1e-6)
    np.testing.assert_array_equal(better.argmax(axis=1), probs.argmax(axis=1))


def test_temperature_without_a_best_value_is_an_end_of_the_range():
    assert fit_temperature([[1.0, 0.0]], [0]) == pytest.approx(0.02)
    assert fit_temperature([[1.0, 0.0]], [1]) == pytest.approx(50)


@pytest.mark.parametrize("measure", [expected_calibration_error, brier_score, log_loss, reliability_table])
@pytest.mark.parametrize(
    ("probs", "target", "message"),
    [
        ([0.1, 0.9], [0, 1], "probs must be 2-D"),
        ([[0.1, math.nan]], [0], "probs must be finite"),
        ([[0.1, 0.9]], [2], "class 2 has no column in probs"),
        ([[0.1, 0.9]], [0, 1], "probs and target must have the same length, got 1 and 2"),
        (np.zeros((0, 2)), [], "probs and target are empty"),
        ([[0.5, 0.5], [0.7, 0.7]], [0, 1], "those of row 1 sum to 1.4"),
        ([[1.5, -0.5]], [0], "between 0 and 1, got -0.5 to 1.5"),
    ],
)
def test_bad_probabilities_are_refused_by_name(measure, probs, target, message):
    with pytest.raises(ValueError, match=message):
        measure(probs, target)


def test_bad_logits_and_bins_are_refused_by_name():
    with pytest.raises(ValueError, match="logits must be finite"):
        fit_temperature([[0.0, -math.inf]], [0])
    with pytest.raises(ValueError, match="class 2 has no column in logits"):
        fit_temperature([[0.0, 1.0]], [2])
    with pytest.raises(ValueError, match="bins must be at least 1, got 0"):
        expected_calibration_error([[0.5, 0.5]], [0], bins=0)
