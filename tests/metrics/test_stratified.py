from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from emotion_core.metrics.stratified import mantel_haenszel


def images(*strata: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tables of (right members, wrong members, right others, wrong others), written out."""
    rows = []
    for number, (a, b, c, d) in enumerate(strata):
        rows += [(True, True, number)] * a + [(True, False, number)] * b
        rows += [(False, True, number)] * c + [(False, False, number)] * d
    member, correct, stratum = zip(*rows, strict=True)
    return np.array(member), np.array(correct), np.array(stratum)


def test_the_statistic_of_a_published_example() -> None:
    # Rabbits, penicillin at once or 1.5 h later, by dose: R's mantelhaen.test(Rabbits, correct = FALSE) gives 5.6571.
    found = mantel_haenszel(*images((0, 6, 0, 5), (3, 3, 0, 6), (6, 0, 2, 4), (5, 1, 6, 0), (2, 0, 5, 0)))
    assert chi2.isf(found.p_value, 1) == pytest.approx(5.6571, abs=5e-5)


def test_expected_is_what_the_strata_let_expect() -> None:
    # Members are 8 of 10 hard images and 2 of 10 easy ones, of which 2 and 8 are right.
    member, correct, stratum = images((1, 7, 1, 1), (2, 0, 6, 2))
    assert mantel_haenszel(member, correct, stratum).expected == pytest.approx((8 * 0.2 + 2 * 0.8) / 10)


def test_another_mix_alone_is_no_difference() -> None:
    # Half as accurate as the others, because of nothing but harder strata.
    member, correct, stratum = images((20, 60, 5, 15), (15, 5, 60, 20))
    assert correct[member].mean() < 0.5 < correct[~member].mean()
    assert mantel_haenszel(member, correct, stratum).p_value == pytest.approx(1)


def test_p_values_are_as_often_small_as_they_say() -> None:
    rng = np.random.default_rng(0)
    stratum = rng.integers(0, 4, 300)
    member = rng.random(300) < 0.2 + 0.15 * stratum
    found = [mantel_haenszel(member, rng.random(300) < 0.2 + 0.15 * stratum, stratum).p_value for _ in range(600)]
    assert np.mean(np.array(found) < 0.05) == pytest.approx(0.05, abs=0.025)


@pytest.mark.parametrize("correct", [[1, 1, 1, 1], [0, 0, 0, 0]])
def test_nothing_can_differ_where_all_are_right_or_all_wrong(correct: list[int]) -> None:
    assert mantel_haenszel([1, 1, 0, 0], correct, [0, 1, 0, 1]).p_value == 1


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"differ in shape: \(2,\), \(3,\), \(2,\)"):
        mantel_haenszel([1, 0], [1, 0, 1], [0, 0])
    with pytest.raises(ValueError, match="no image is a member"):
        mantel_haenszel([0, 0], [1, 0], [0, 0])


def test_the_difference_is_that_of_the_shares_weighted_over_strata() -> None:
    # Stratum 0: 3 of 4 against 1 of 6; stratum 1: 1 of 2 against 1 of 1. Weights r (n - r) / n: 2.4 and 2 / 3.
    found = mantel_haenszel(*images((3, 1, 1, 5), (1, 1, 1, 0)))
    weights = np.array([4 * 6 / 10, 2 * 1 / 3])
    assert found.difference == pytest.approx(np.average([3 / 4 - 1 / 6, 1 / 2 - 1], weights=weights))
    # One stratum: the plain difference. Another mix alone: none.
    assert mantel_haenszel(*images((3, 1, 1, 5))).difference == pytest.approx(3 / 4 - 1 / 6)
    assert mantel_haenszel(*images((20, 60, 5, 15), (15, 5, 60, 20))).difference == pytest.approx(0)
    assert np.isnan(mantel_haenszel(*images((2, 1, 0, 0), (0, 0, 1, 3))).difference)
