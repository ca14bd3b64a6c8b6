from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_absolute_error, root_mean_squared_error

from emotion_core.metrics.continuous import concordance_corrcoef, mae, pearson_corrcoef, rmse, sign_agreement

Measure = Callable[..., float]
ALL: list[Measure] = [rmse, mae, pearson_corrcoef, sign_agreement, concordance_corrcoef]


def pairs(count: int = 20) -> list[tuple[np.ndarray, np.ndarray]]:
    rng = np.random.default_rng(0)
    made = []
    for length in rng.integers(2, 500, count):
        target = rng.uniform(-1, 1, length)
        made.append((np.clip(target * rng.uniform(-1, 1) + rng.normal(0, 0.4, length), -1, 1), target))
    return made


def lin(x: np.ndarray, y: np.ndarray) -> float:
    """Lin's own form: correlation times bias correction from scale and location shift."""
    scale, location = x.std() / y.std(), (x.mean() - y.mean()) / math.sqrt(x.std() * y.std())
    return float(stats.pearsonr(x, y).statistic * 2 / (scale + 1 / scale + location**2))


@pytest.mark.parametrize(
    ("measure", "reference"),
    [
        (rmse, lambda p, t: root_mean_squared_error(t, p)),
        (mae, lambda p, t: mean_absolute_error(t, p)),
        (pearson_corrcoef, lambda p, t: stats.pearsonr(p, t).statistic),
        (concordance_corrcoef, lin),
        (sign_agreement, lambda p, t: sum((a > 0) == (b > 0) for a, b in zip(p, t, strict=True)) / len(p)),
    ],
)
def test_agrees_with_an_independent_implementation(measure: Measure, reference: Measure) -> None:
    for preds, target in pairs():
        assert measure(preds, target) == pytest.approx(reference(preds, target), abs=1e-9)


def test_ccc_of_the_published_example() -> None:
    assert round(concordance_corrcoef([2.5, 0.0, 2.0, 8.0], [3.0, -0.5, 2.0, 7.0]), 4) == 0.9768


def test_ccc_in_closed_form() -> None:
    x = np.linspace(-0.5, 0.5, 101)
    # A shift by c costs c²: 2 v / (2 v + c²).
    assert concordance_corrcoef(x + 0.2, x) == pytest.approx(2 * x.var() / (2 * x.var() + 0.04), abs=1e-12)
    # A scale k: 2 k / (1 + k²), without any shift.
    assert concordance_corrcoef(0.5 * x, x) == pytest.approx(2 * 0.5 / 1.25, abs=1e-12)
    assert concordance_corrcoef(-x, x) == pytest.approx(-1, abs=1e-12)
    assert concordance_corrcoef(x, x) == pytest.approx(1, abs=1e-12)


def test_ccc_is_symmetric_and_never_above_pearson() -> None:
    for preds, target in pairs():
        ccc = concordance_corrcoef(preds, target)
        assert ccc == pytest.approx(concordance_corrcoef(target, preds), abs=1e-12)
        assert abs(ccc) <= abs(pearson_corrcoef(preds, target)) + 1e-12


def test_constant_inputs() -> None:
    varied, constant = [0.1, 0.5, -0.3], [0.2, 0.2, 0.2]
    assert math.isnan(pearson_corrcoef(varied, constant))
    assert math.isnan(pearson_corrcoef(constant, varied))
    assert concordance_corrcoef(varied, constant) == 0
    assert concordance_corrcoef(constant, varied) == 0
    assert math.isnan(concordance_corrcoef(constant, constant))
    assert concordance_corrcoef(constant, [0.3] * 3) == 0


def test_a_constant_with_rounding_noise_is_still_constant() -> None:
    # The mean of 0.1, repeated, is not 0.1 in floating point: the spread must come from the values themselves.
    constant = [0.1] * 7
    assert np.var(constant) >= 0
    assert math.isnan(pearson_corrcoef(constant, [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]))
    assert math.isnan(concordance_corrcoef(constant, constant))


def test_a_single_image() -> None:
    assert rmse([0.3], [-0.1]) == pytest.approx(0.4)
    assert mae([0.3], [-0.1]) == pytest.approx(0.4)
    assert sign_agreement([0.3], [-0.1]) == 0
    assert math.isnan(pearson_corrcoef([0.3], [0.3]))
    assert math.isnan(concordance_corrcoef([0.3], [0.3]))
    assert concordance_corrcoef([0.3], [-0.1]) == 0


def test_zero_is_a_sign_of_its_own() -> None:
    assert sign_agreement([0.0, 0.0, -0.0, 1e-300], [0.0, 0.5, 0.0, 0.1]) == 0.75


def test_single_precision_is_computed_in_double() -> None:
    target = np.random.default_rng(1).uniform(-1, 1, 200_000).astype(np.float32)
    preds = (target * np.float32(0.5)).astype(np.float32)
    expected = concordance_corrcoef(preds.astype(np.float64), target.astype(np.float64))
    assert concordance_corrcoef(preds, target) == expected


@pytest.mark.parametrize("measure", ALL)
def test_what_cannot_be_measured_is_refused(measure: Measure) -> None:
    with pytest.raises(ValueError, match="target must be finite; position 1 is not"):
        measure([0.0, 0.1, 0.2], [0.0, float("nan"), 0.2])
    with pytest.raises(ValueError, match="preds must be finite; position 0 is not"):
        measure([float("inf"), 0.1], [0.0, 0.1])
    with pytest.raises(ValueError, match=r"preds must be 1-D, got shape \(1, 2\)"):
        measure([[0.0, 0.1]], [0.0, 0.1])
    with pytest.raises(ValueError, match=r"target must be 1-D, got shape \(\)"):
        measure([0.0], 0.0)
    with pytest.raises(ValueError, match="same length, got 2 and 1"):
        measure([0.0, 0.1], [0.0])
    with pytest.raises(ValueError, match="are empty"):
        measure([], [])
