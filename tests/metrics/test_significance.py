"""Tests of differences against SciPy's own and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from emotion_core.metrics.significance import (
    detectable_difference,
    equivalence_p_values,
    holm,
    images_needed,
    mcnemar_exact,
    mcnemar_p_values,
    normal_p_values,
)


@pytest.mark.parametrize("seed", range(5))
def test_mcnemar_is_the_binomial_test(seed: int):
    generator = np.random.default_rng(seed)
    one, two = generator.random(80) < 0.6, generator.random(80) < 0.5
    found = mcnemar_exact(one, two)
    assert found.only_first == (one & ~two).sum()
    assert found.only_second == (two & ~one).sum()
    expected = stats.binomtest(found.only_first, found.only_first + found.only_second, 0.5).pvalue
    assert found.p_value == pytest.approx(expected, abs=1e-9)
    assert mcnemar_exact(two, one).p_value == found.p_value


def test_mcnemar_at_its_edges():
    assert mcnemar_exact([1, 0, 1], [1, 0, 1]).p_value == 1
    assert mcnemar_exact([1, 0], [0, 1]).p_value == 1
    assert mcnemar_exact([True] * 11, [False] * 11).p_value == pytest.approx(2 / 2**11, abs=1e-15)


def test_mcnemar_of_many_pairs_is_that_of_each():
    generator = np.random.default_rng(0)
    only_first, only_second = generator.integers(0, 30, (2, 5, 4))
    only_first[0, 0] = only_second[0, 0] = 0
    found = mcnemar_p_values(only_first, only_second)
    for place in np.ndindex(5, 4):
        b, c = only_first[place], only_second[place]
        assert found[place] == pytest.approx(mcnemar_exact([1] * b + [0] * c, [0] * b + [1] * c).p_value, abs=1e-15)


def test_normal_p_value_is_the_z_test():
    d, s = np.random.default_rng(0).normal(size=20), np.random.default_rng(1).uniform(0.1, 2, 20)
    assert normal_p_values(d, s) == pytest.approx(2 * stats.norm.sf(np.abs(d) / s), abs=1e-12)
    # No difference is never significant; one without any spread always is.
    assert normal_p_values([0.0, 0.0, 0.2], [0.0, 1.0, 0.0]).tolist() == [1, 1, 0]


def test_normal_p_values_are_uniform_where_runs_do_not_differ():
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(200):
        differences = generator.normal(0, 1, 60)
        drawn = generator.multinomial(60, np.full(60, 1 / 60), 300) @ differences / 60
        p_values.append(float(normal_p_values(differences.mean(), drawn.std())))
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("one", "two", "message"),
    [
        ([1, 0], [1], "same length, got 2 and 1"),
        ([[1]], [[1]], "first_correct must be 1-D"),
        ([1.0, math.nan], [1, 0], "first_correct must hold true and false only"),
        ([1, 0], [2, 0], "second_correct must hold true and false only"),
    ],
)
def test_what_is_not_right_or_wrong_is_refused(one, two, message):
    with pytest.raises(ValueError, match=message):
        mcnemar_exact(one, two)


def test_holm_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04; the last may not fall below 0.06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]).tolist() == [1, 1]
    assert holm([0.02, 0.02]).tolist() == [0.04, 0.04]
    assert holm([0.3]).tolist() == [0.3]
    assert holm([]).tolist() == []


def test_holm_rejects_what_its_step_down_rule_rejects():
    generator = np.random.default_rng(0)
    for _ in range(20):
        p = generator.random(8) ** 4
        order = np.argsort(p)
        rejected = np.zeros(8, dtype=bool)
        for step, index in enumerate(order):
            if p[index] > 0.05 / (8 - step):
                break
            rejected[index] = True
        np.testing.assert_array_equal(holm(p) <= 0.05, rejected)


@pytest.mark.parametrize(
    ("values", "message"), [([[0.1]], "1-D"), ([0.1, math.nan], "between 0 and 1"), ([1.1], "between 0 and 1")]
)
def test_what_is_no_p_value_is_refused(values, message):
    with pytest.raises(ValueError, match=message):
        holm(values)


def test_equivalence_is_two_one_sided_tests():
    # SciPy's one-sided t tests of paired differences against either margin; with 2,000 pairs t is normal.
    generator = np.random.default_rng(0)
    for centre in (-0.03, 0.0, 0.02, 0.2):
        differences = generator.normal(centre, 1, 2_000)
        lower = stats.ttest_1samp(differences, -0.06, alternative="greater").pvalue
        upper = stats.ttest_1samp(differences, 0.06, alternative="less").pvalue
        spread = differences.std(ddof=1) / np.sqrt(2_000)
        found = equivalence_p_values(differences.mean(), spread, 0.06)
        assert float(found) == pytest.approx(max(lower, upper), abs=2e-3)


def test_equivalence_is_a_90_percent_interval_within_the_margin():
    d, s = np.random.default_rng(0).normal(0, 0.01, 200), np.random.default_rng(1).uniform(0.001, 0.01, 200)
    z = stats.norm.ppf(0.95)
    inside = (d - z * s > -0.01) & (d + z * s < 0.01)
    assert 0 < inside.sum() < 200
    np.testing.assert_array_equal(equivalence_p_values(d, s, 0.01) < 0.05, inside)


def test_equivalence_at_its_edges():
    assert equivalence_p_values([0.0, 0.01, 0.02], [0.0, 0.0, 0.0], 0.01).tolist() == [0, 1, 1]
    assert np.isnan(equivalence_p_values(math.nan, 0.1, 0.01))
    assert np.isnan(equivalence_p_values(0.1, math.nan, 0.01))
    with pytest.raises(ValueError, match="margin must be above 0, got 0"):
        equivalence_p_values(0.0, 0.1, 0)


def test_images_needed_give_the_power_that_was_asked_for():
    # Cohen (1988): an effect of 0.5 takes 31.4 pairs at 0.05 and a power of 0.8, one of 0.2 takes 196.2.
    assert images_needed([0.5, 0.2], [0.1, 0.1], 100).tolist() == [32, 197]
    generator = np.random.default_rng(0)
    needed = int(images_needed(0.03, math.sqrt(0.2 / 800), 800, level=0.01, power=0.9))
    # Differences of two runs that disagree on a fifth of the images, drawn as often as it takes.
    drawn = generator.choice([1, 0, -1], (2_000, needed), p=[0.115, 0.8, 0.085])
    p_values = normal_p_values(drawn.mean(axis=1), drawn.std(axis=1) / math.sqrt(needed))
    assert (p_values < 0.01).mean() == pytest.approx(0.9, abs=0.02)
    assert images_needed(0.0, 0.1, 100) == math.inf
    assert np.isnan(images_needed(0.1, math.nan, 100))


def test_a_detectable_difference_takes_the_images_that_there_are():
    for spread in (0.01, 0.03):
        smallest = float(detectable_difference(spread, level=0.002))
        assert images_needed(smallest * 1.0001, spread, 800, level=0.002) == 800
