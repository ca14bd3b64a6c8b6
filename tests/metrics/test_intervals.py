"""The bootstrap of all measures at once against a plain loop on the same resamples."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.bootstrap import draw_predictions, largest_difference, plain_loop
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics import intervals
from emotion_core.metrics.intervals import bootstrap_intervals, bootstrap_measures, percentile_interval, resample_counts
from emotion_core.metrics.summary import summarize
from emotion_core.metrics.table import METRICS

PROBS = [f"prob_{name}" for name in EXPRESSIONS]
FAR = 1e-9


@pytest.fixture
def predictions() -> pd.DataFrame:
    return draw_predictions(200)


def loop_over_summaries(predictions: pd.DataFrame, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Our own functions on the repeated rows; what a resample does not define is NaN."""
    summaries = [summarize(predictions.iloc[np.repeat(np.arange(len(predictions)), row)]) for row in counts]
    return {key: np.array([summary.get(key, np.nan) for summary in summaries]) for key in summarize(predictions)}


def test_all_measures_are_those_of_a_loop_over_scikit_learn(predictions: pd.DataFrame):
    counts = resample_counts(200, 25)
    ours = bootstrap_measures(predictions, counts)
    assert list(ours) == list(METRICS)
    assert largest_difference(ours, plain_loop(predictions, counts))[0] <= FAR


def test_ties_within_and_between_classes(predictions: pd.DataFrame):
    # Five different rows of probabilities for 200 images.
    predictions[PROBS] = predictions[PROBS].iloc[np.arange(200) % 5].to_numpy()
    counts = resample_counts(200, 25)
    assert largest_difference(bootstrap_measures(predictions, counts), plain_loop(predictions, counts))[0] <= FAR
    predictions[PROBS] = 0.125
    counts = resample_counts(200, 5)
    drawn = bootstrap_measures(predictions, counts)
    assert drawn["roc_auc"] == pytest.approx(0.5, abs=FAR)
    assert drawn["pr_auc"] == pytest.approx(0.125, abs=FAR)
    assert drawn["log_loss"] == pytest.approx(np.log(8), abs=FAR)


@pytest.mark.parametrize("num_images", [1, 2, 3, 5, 12])
def test_few_images_whose_resamples_lack_classes_or_vary_in_nothing(num_images: int):
    predictions = draw_predictions(num_images, seed=num_images)
    counts = resample_counts(num_images, 40)
    ours, plain = bootstrap_measures(predictions, counts), loop_over_summaries(predictions, counts)
    assert largest_difference(ours, plain)[0] <= FAR
    if num_images < 5:
        assert np.isnan(ours["corr_valence"]).any()


def test_missing_labels_count_within_the_resample():
    predictions = draw_predictions(60)
    predictions.loc[:19, "expression"] = None
    predictions.loc[30:, "valence"] = np.nan
    predictions.loc[2:, "arousal"] = np.nan  # most resamples hold one of the two images, some neither
    counts = resample_counts(60, 60)
    ours = bootstrap_measures(predictions, counts)
    assert largest_difference(ours, loop_over_summaries(predictions, counts))[0] <= FAR
    assert np.isnan(ours["rmse_arousal"]).any()
    assert np.isfinite(ours["rmse_arousal"]).any()


def test_classes_absent_from_truth_or_predictions(predictions: pd.DataFrame):
    predictions.loc[predictions["expression"].isin(["fear", "disgust"]), "expression"] = "anger"
    predictions[PROBS[:4]] *= 1e-3
    predictions[PROBS] = predictions[PROBS].div(predictions[PROBS].sum(axis=1), axis=0)
    counts = resample_counts(200, 20)
    assert largest_difference(bootstrap_measures(predictions, counts), plain_loop(predictions, counts))[0] <= FAR


def test_constant_predictions_have_no_correlation_and_no_concordance(predictions: pd.DataFrame):
    predictions["pred_valence"] = 0.1
    drawn = bootstrap_measures(predictions, resample_counts(200, 10))
    assert np.isnan(drawn["corr_valence"]).all()
    assert drawn["ccc_valence"] == pytest.approx(0, abs=FAR)
    predictions["valence"] = 0.1
    assert np.isnan(bootstrap_measures(predictions, resample_counts(200, 10))["ccc_valence"]).all()
    assert all(np.isnan(bootstrap_intervals(predictions, resamples=10)["ccc_valence"]))


def test_values_far_from_their_mean_keep_their_digits(predictions: pd.DataFrame):
    # One image that a third of the resamples leaves out carries almost all of the variance.
    predictions.loc[7, ["pred_valence", "valence"]] = 1e6, 2e6
    counts = resample_counts(200, 20)
    assert (counts[:, 7] == 0).any()
    plain = loop_over_summaries(predictions, counts)
    for key, values in bootstrap_measures(predictions, counts).items():
        np.testing.assert_allclose(values, plain[key], rtol=FAR, atol=FAR, err_msg=key)


def test_what_a_network_does_not_say_is_left_out(predictions: pd.DataFrame):
    counts = resample_counts(200, 3)
    assert not {"accuracy", "ece"} & set(bootstrap_measures(predictions.assign(**dict.fromkeys(PROBS, np.nan)), counts))
    silent = bootstrap_measures(predictions.assign(pred_valence=np.nan, pred_arousal=np.nan), counts)
    assert list(silent) == [key for key in METRICS if not key.endswith(("_valence", "_arousal"))]


def test_many_images_are_computed_in_pieces(predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch):
    counts = resample_counts(200, 7)
    whole = bootstrap_measures(predictions, counts)
    monkeypatch.setattr(intervals, "_CHUNK_NUMBERS", 450)  # two resamples at a time, then one
    assert largest_difference(bootstrap_measures(predictions, counts), whole)[0] <= 1e-12


def test_order_of_images_does_not_matter_when_counts_follow(predictions: pd.DataFrame):
    counts, order = resample_counts(200, 7), np.random.default_rng(1).permutation(200)
    first, second = bootstrap_measures(predictions, counts), bootstrap_measures(predictions.iloc[order], counts[:, order])
    assert largest_difference(first, second)[0] <= 1e-12


def test_resamples_are_draws_with_replacement():
    counts, generator = resample_counts(50, 2000, seed=3), np.random.default_rng(3)
    assert counts.shape == (2000, 50)
    assert (counts.sum(axis=1) == 50).all()
    for row in counts[:5]:
        np.testing.assert_array_equal(np.repeat(np.arange(50), row), np.sort(generator.integers(0, 50, 50)))
    seen = np.bincount(counts.ravel(), minlength=8)[:8] / counts.size
    np.testing.assert_allclose(seen, stats.binom.pmf(np.arange(8), 50, 1 / 50), atol=0.005)


def test_accuracy_on_resamples_is_binomial(predictions: pd.DataFrame):
    share = summarize(predictions)["accuracy"]
    low, high = bootstrap_intervals(predictions)["accuracy"]
    assert (low, high) == pytest.approx(stats.binom.ppf([0.025, 0.975], 200, share) / 200, abs=0.01)


def test_intervals_hold_the_value_except_that_of_a_biased_measure(predictions: pd.DataFrame):
    values, found = summarize(predictions), bootstrap_intervals(predictions, resamples=400)
    assert set(found) == set(values)
    # Resamples add noise to every bin, so that the calibration error is larger on them.
    assert all(low <= values[name] <= high for name, (low, high) in found.items() if name != "ece")


def test_intervals_are_the_same_for_the_same_seed(predictions: pd.DataFrame):
    first, second = (bootstrap_intervals(predictions, resamples=20, seed=1) for _ in range(2))
    assert first == second
    assert first != bootstrap_intervals(predictions, resamples=20, seed=2)


def test_percentiles_leave_out_what_is_not_defined():
    values = np.append(np.arange(101.0), [np.nan, np.inf])
    assert percentile_interval(values, level=0.9) == pytest.approx((5, 95), abs=1e-12)
    assert all(np.isnan(percentile_interval([np.nan])))


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.ones((3, 199), dtype=np.int64), r"counts must be \(resamples, 200\) .* got shape \(3, 199\)"),
        (np.ones(200, dtype=np.int64), "got shape"),
        (np.full((3, 200), 0.5), "whole numbers"),
        (np.full((3, 200), -1), "whole numbers"),
    ],
)
def test_counts_that_do_not_fit_are_refused(predictions: pd.DataFrame, counts: np.ndarray, message: str):
    with pytest.raises(ValueError, match=message):
        bootstrap_measures(predictions, counts)


def test_bad_arguments_and_gaps_are_refused_by_name(predictions: pd.DataFrame):
    with pytest.raises(ValueError, match="num_images must be at least 1, got 0"):
        resample_counts(0)
    with pytest.raises(ValueError, match="resamples must be at least 1, got 0"):
        bootstrap_intervals(predictions, resamples=0)
    with pytest.raises(ValueError, match="level must lie between 0 and 1, got 1"):
        bootstrap_intervals(predictions, resamples=2, level=1)
    with pytest.raises(ValueError, match="those of row 4 sum to"):
        bootstrap_intervals(
            predictions.assign(prob_fear=predictions["prob_fear"] + 0.5 * (predictions.index == 4)), resamples=2
        )
    predictions.loc[3, "pred_arousal"] = np.nan
    with pytest.raises(ValueError, match="predicted arousal"):
        bootstrap_intervals(predictions, resamples=2)


def test_measures_need_neither_torch_nor_streamlit():
    modules = ("significance", "collapse", "human", "intervals", "summary", "table")
    code = f"import sys; {'; '.join(f'import emotion_core.metrics.{name}' for name in modules)}; "
    code += "sys.exit(bool({'torch', 'streamlit'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
