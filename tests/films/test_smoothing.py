"""Means over time against sums written out, and verdicts that do not blink."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emotion_core.films.smoothing import HOLD, LEAD, CausalSmoother, Hysteresis, smooth

TIMES = np.array([0.0, 0.2, 0.25, 0.9, 4.0, 4.2])
VALUES = np.random.default_rng(0).normal(size=(6, 3))


def test_smoothed_values_are_the_weighted_means():
    weights = np.exp(-np.abs(TIMES[:, None] - TIMES[None, :]) / 0.5)
    weights /= weights.sum(axis=1, keepdims=True)
    mean, spread = smooth(TIMES, VALUES, tau=0.5)
    np.testing.assert_allclose(mean, weights @ VALUES, atol=1e-12)
    around = [(weights[i][:, None] * (VALUES - mean[i]) ** 2).sum(axis=0) for i in range(6)]
    np.testing.assert_allclose(spread, np.sqrt(around), atol=1e-7)


def test_live_values_are_those_of_pandas_and_use_no_future():
    smoother = CausalSmoother(0.5)
    live = [smoother.update(time, row) for time, row in zip(TIMES, VALUES, strict=True)]
    decay = np.exp(-0.2 / 0.5)
    even = CausalSmoother(0.5)
    steps = [even.update(0.2 * i, row) for i, row in enumerate(VALUES)]
    np.testing.assert_allclose(steps, pd.DataFrame(VALUES).ewm(alpha=1 - decay).mean(), atol=1e-12)
    # Another future changes nothing.
    other = CausalSmoother(0.5)
    again = [other.update(time, row) for time, row in zip(TIMES[:4], VALUES[:4], strict=True)]
    np.testing.assert_array_equal(live[:4], again)


def test_means_of_probabilities_are_probabilities():
    probs = np.random.default_rng(1).dirichlet(np.ones(8), 50)
    mean, _ = smooth(np.arange(50) / 5, probs)
    np.testing.assert_allclose(mean.sum(axis=1), 1)


def test_no_smoothing_leaves_values_as_they_are():
    np.testing.assert_array_equal(smooth(TIMES, VALUES, tau=0)[0], VALUES)
    smoother = CausalSmoother(0)
    assert [smoother.update(t, row).tolist() for t, row in zip(TIMES, VALUES, strict=True)] == VALUES.tolist()
    mean, spread = smooth([1.0], [[0.5]])
    assert (mean.item(), spread.item()) == (0.5, 0.0)


def test_a_verdict_changes_after_the_others_lead_has_held():
    verdict = Hysteresis()
    near = (0.45, 0.55)
    assert verdict.update(0.0, (0.9, 0.1)) == 0
    assert verdict.update(0.2, near) == 0
    assert verdict.update(0.4, (0.55, 0.45)) == 0  # the lead is lost: time counts anew
    assert verdict.update(0.6, near) == 0
    assert verdict.update(0.6 + HOLD / 2, near) == 0
    assert verdict.update(0.6 + HOLD, near) == 1


def test_a_large_lead_changes_it_at_once():
    verdict = Hysteresis()
    verdict.update(0.0, (0.6, 0.4))
    assert verdict.update(0.1, (0.5 - LEAD / 2 - 0.01, 0.5 + LEAD / 2 + 0.01)) == 1


@pytest.mark.parametrize("gap", [0.1, 0.2])
def test_verdicts_that_alternate_do_not_blink(gap: float):
    verdict = Hysteresis()
    shown = [verdict.update(gap * i, (0.52, 0.48) if i % 2 else (0.48, 0.52)) for i in range(20)]
    assert set(shown) == {1}
