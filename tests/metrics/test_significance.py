from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.bootstrap import draw_predictions, plain_loop
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.intervals import resample_counts
from emotion_core.metrics.significance import (
    align,
    bootstrap_p_value,
    holm,
    mcnemar_exact,
    not_worse_than_best,
    paired_bootstrap,
)
from emotion_core.metrics.summary import MEASURES, summarize

PROBS = [f"prob_{name}" for name in EXPRESSIONS]


@pytest.fixture
def first() -> pd.DataFrame:
    return draw_predictions(150).sort_values("sample_id", ignore_index=True)


@pytest.fixture
def second(first: pd.DataFrame) -> pd.DataFrame:
    """The same images, by a network whose outputs are partly those of other images."""
    other, shuffled = first.copy(), np.random.default_rng(1).permutation(50)
    outputs = [*PROBS, "pred_valence", "pred_arousal"]
    other.loc[:49, outputs] = first.loc[shuffled, outputs].to_numpy()
    return other


def test_differences_are_those_of_a_loop_over_scikit_learn(first: pd.DataFrame, second: pd.DataFrame):
    counts = resample_counts(150, 40)
    found = paired_bootstrap(first, second, counts, level=0.9)
    values, other_values = summarize(first), summarize(second)
    drawn, other_drawn = plain_loop(first, counts), plain_loop(second, counts)
    assert tuple(found) == MEASURES
    for name, difference in found.items():
        differences = drawn[name] - other_drawn[name]
        assert difference.value == pytest.approx(values[name] - other_values[name], abs=1e-9)
        assert (difference.low, difference.high) == pytest.approx(np.quantile(differences, [0.05, 0.95]), abs=1e-9)
        smaller = min((differences <= 0).sum(), (differences >= 0).sum())
        assert difference.p_value == pytest.approx(min(1, 2 * (smaller + 1) / 41), abs=1e-9)


def test_order_of_rows_does_not_matter_and_runs_can_change_places(first: pd.DataFrame, second: pd.DataFrame):
    counts = resample_counts(150, 50)
    found = paired_bootstrap(first, second, counts)
    assert paired_bootstrap(first.sample(frac=1, random_state=0), second.sample(frac=1, random_state=1), counts) == found
    for name, turned in paired_bootstrap(second, first, counts).items():
        assert (turned.value, turned.low, turned.high) == pytest.approx(
            (-found[name].value, -found[name].high, -found[name].low), abs=1e-12
        )
        assert turned.p_value == found[name].p_value


def test_a_run_does_not_differ_from_itself(first: pd.DataFrame):
    for difference in paired_bootstrap(first, first, resample_counts(150, 20)).values():
        assert (difference.value, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)


def test_clear_difference_is_clear_to_a_rank_test_too(first: pd.DataFrame, second: pd.DataFrame):
    found = paired_bootstrap(first, second, resample_counts(150, 2000))["mae_valence"]
    errors, other_errors = (np.abs(run["pred_valence"] - run["valence"]).to_numpy() for run in (first, second))
    reference = stats.wilcoxon(errors, other_errors, zero_method="wilcox")
    assert found.p_value == pytest.approx(1 / 1000.5, abs=1e-6)
    assert reference.pvalue < 0.001
    assert found.high < 0


def test_p_values_are_uniform_where_runs_do_not_differ():
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(200):
        differences = generator.normal(0, 1, 60)
        counts = generator.multinomial(60, np.full(60, 1 / 60), 300)
        p_values.append(bootstrap_p_value(counts @ differences / 60))
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.04)
    assert np.mean(np.array(p_values) < 0.5) == pytest.approx(0.5, abs=0.1)


def test_p_value_at_its_edges():
    assert bootstrap_p_value([1.0] * 99) == pytest.approx(2 / 100)
    assert bootstrap_p_value([0.0] * 99) == 1
    assert bootstrap_p_value([1.0, np.nan, -1.0, np.nan]) == 1
    assert math.isnan(bootstrap_p_value([np.nan]))


def test_undefined_measures_have_no_difference(first: pd.DataFrame, second: pd.DataFrame):
    found = paired_bootstrap(first, second.assign(pred_valence=0.0), resample_counts(150, 20))
    undefined = found["corr_valence"]
    assert all(math.isnan(x) for x in (undefined.value, undefined.low, undefined.high, undefined.p_value))
    assert found["ccc_valence"].value > 0
    assert "ccc_arousal" not in paired_bootstrap(first, second.assign(pred_arousal=np.nan), resample_counts(150, 20))


def test_other_images_are_refused_by_name(first: pd.DataFrame, second: pd.DataFrame):
    counts = resample_counts(150, 5)
    renamed = second.replace({"sample_id": {"0.jpg": "a.jpg", "1.jpg": "b.jpg"}})
    with pytest.raises(ValueError, match=r"2 only in run 1 \('0.jpg', …\) and 2 only in run 2 \('a.jpg', …\)"):
        paired_bootstrap(first, renamed, counts)
    with pytest.raises(ValueError, match=r"same images: 1 only in run 1 \('0.jpg'\)$"):
        paired_bootstrap(first, second[second["sample_id"] != "0.jpg"], counts)
    with pytest.raises(ValueError, match=r"image '0.jpg' stands twice in run 2"):
        paired_bootstrap(first, second.replace({"sample_id": {"1.jpg": "0.jpg"}}), counts)


def test_other_labels_are_refused_by_name(first: pd.DataFrame, second: pd.DataFrame):
    counts = resample_counts(150, 5)
    relabelled = second.copy()
    relabelled.loc[0, "expression"] = None
    with pytest.raises(ValueError, match=r"expression of 1 images differs, the first is '0.jpg' \(\w+ and (None|nan)\)"):
        paired_bootstrap(first, relabelled, counts)
    with pytest.raises(ValueError, match="valence of 150 images differs"):
        paired_bootstrap(first, second.assign(valence=second["valence"] + 0.01), counts)
    with pytest.raises(ValueError, match="arousal of 1 images differs"):
        paired_bootstrap(first, second.assign(arousal=second["arousal"].where(second.index != 3)), counts)
    # Single precision is no other label, and what is missing in both is the same.
    gap = first["valence"].where(first.index != 3)
    align([first.assign(valence=gap.astype(np.float32)), second.assign(valence=gap)])


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


def noisy(run: pd.DataFrame, amount: float) -> pd.DataFrame:
    noise = np.random.default_rng(9).normal(0, amount, len(run))
    return run.assign(pred_valence=run["pred_valence"] + noise)


def test_runs_that_cannot_be_told_from_the_best(first: pd.DataFrame):
    runs = {"bad": noisy(first, 1.0), "good": first, "near": noisy(first, 0.01)}
    counts = resample_counts(150, 500)
    for measure in ("ccc_valence", "rmse_valence"):
        standing = not_worse_than_best(runs, measure, counts)
        assert standing.best in ("good", "near")
        assert standing.not_worse == ("good", "near")
        plain = [paired_bootstrap(runs[a], runs[b], counts)[measure].p_value for a, b in standing.p_values]
        assert list(standing.p_values.values()) == pytest.approx(holm(plain).tolist(), abs=1e-12)
        assert set(standing.p_values) == {("bad", "good"), ("bad", "near"), ("good", "near")}
    assert not_worse_than_best(runs, "rmse_valence", counts, better="higher").best == "bad"


def test_best_of_one_and_of_runs_without_a_value(first: pd.DataFrame):
    counts = resample_counts(150, 20)
    alone = not_worse_than_best({"one": first}, "accuracy", counts)
    assert (alone.best, alone.not_worse, alone.p_values) == ("one", ("one",), {})
    flat, silent = first.assign(pred_valence=0.0), first.assign(pred_valence=np.nan)
    standing = not_worse_than_best({"flat": flat, "one": first, "silent": silent}, "corr_valence", counts)
    assert (standing.best, standing.not_worse) == ("one", ("one",))
    with pytest.raises(ValueError, match="no run has a value of corr_valence"):
        not_worse_than_best({"flat": flat}, "corr_valence", counts)
    with pytest.raises(ValueError, match="no measure 'corr'"):
        not_worse_than_best({"one": first}, "corr", counts)
