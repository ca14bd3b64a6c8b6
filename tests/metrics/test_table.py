"""Every row of the table of measures: its words, and its two ways to the same number."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from benchmarks.bootstrap import draw_predictions, largest_difference
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.agreement import krippendorff_alpha
from emotion_core.metrics.intervals import bootstrap_intervals, bootstrap_measures, resample_counts
from emotion_core.metrics.summary import judged_columns, summarize
from emotion_core.metrics.table import METRICS, Metric

PROBS = [f"prob_{name}" for name in EXPRESSIONS]


@pytest.fixture
def predictions() -> pd.DataFrame:
    return draw_predictions(60)


def without_batched(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, metric in METRICS.items():
        monkeypatch.setitem(METRICS, name, replace(metric, batched=None))


def test_keys_are_names_and_titles_differ() -> None:
    assert all(metric.name == key for key, metric in METRICS.items())
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_every_measure_has_words(metric: Metric) -> None:
    assert metric.header == f"{metric.title} {'↑' if metric.better == 'higher' else '↓'}"
    assert metric.meaning.endswith(".")
    assert metric.scale.endswith(".")
    assert metric.help == f"{metric.meaning} {metric.scale} {metric.better.capitalize()} is better."
    assert "{" not in metric.title + metric.help
    assert metric.of == "expression" or metric.of in metric.meaning


@pytest.mark.parametrize("name", METRICS)
def test_better_is_where_the_truth_lies(predictions: pd.DataFrame, name: str) -> None:
    exact = predictions.assign(pred_valence=predictions["valence"], pred_arousal=predictions["arousal"])
    exact[PROBS] = np.where(exact["expression"].to_numpy()[:, None] == np.array(EXPRESSIONS), 1 - 7e-9, 1e-9)
    value, best = summarize(predictions)[name], summarize(exact)[name]
    assert best > value if METRICS[name].better == "higher" else best < value


def test_expressions_that_are_named_without_a_probability_have_no_measures_of_probabilities(predictions: pd.DataFrame) -> None:
    named = predictions.copy()
    named[PROBS] = np.eye(8)[predictions[PROBS].to_numpy().argmax(axis=1)]
    kept = summarize(named)
    assert set(METRICS) - set(kept) == {name for name, metric in METRICS.items() if metric.takes == "probs"}
    assert kept == {name: value for name, value in summarize(predictions).items() if name in kept}
    assert set(bootstrap_measures(named, resample_counts(60, 3))) == set(kept)


def test_one_resample_after_the_other_gives_the_same(predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    predictions.loc[:9, "expression"] = None
    predictions.loc[30:, "valence"] = np.nan
    counts = resample_counts(60, 30)
    at_once = bootstrap_measures(predictions, counts)
    without_batched(monkeypatch)
    assert largest_difference(bootstrap_measures(predictions, counts), at_once)[0] <= 1e-9


def test_a_resample_without_any_image_is_undefined_either_way(
    predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = np.zeros((2, 60), dtype=np.int64)
    counts[1] = 1
    for _ in range(2):
        drawn = bootstrap_measures(predictions, counts)
        assert all(np.isnan(values[0]) and np.isfinite(values[1]) for values in drawn.values())
        without_batched(monkeypatch)


def test_closed_form_of_alpha_is_the_packages(predictions: pd.DataFrame) -> None:
    counts = resample_counts(60, 300)
    drawn = bootstrap_measures(predictions, counts)["krippendorff_alpha"]
    columns = judged_columns(predictions)["expression"]
    images = [np.repeat(np.arange(60), row) for row in counts]
    expected = [krippendorff_alpha(columns.preds[each], columns.target[each]) for each in images]
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-12)


def test_a_measure_is_one_row(predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Metric(
        name="largest_error",
        title="largest error",
        better="lower",
        scale="0 to 2.",
        meaning="Largest distance between predicted and annotated valence.",
        takes="values",
        of="valence",
        function=lambda preds, target: float(np.abs(preds - target).max()),
    )
    monkeypatch.setitem(METRICS, "largest_error", toy)
    errors = (predictions["pred_valence"] - predictions["valence"]).abs()
    assert summarize(predictions)["largest_error"] == errors.max()
    low, high = bootstrap_intervals(predictions, resamples=50)["largest_error"]
    assert low < high == errors.max()
    assert "largest_error" not in summarize(predictions.assign(pred_valence=np.nan))


@pytest.mark.parametrize("present", [EXPRESSIONS[:7], EXPRESSIONS[1:], EXPRESSIONS[:1]])
def test_every_measure_of_a_set_with_fewer_expressions(predictions: pd.DataFrame, present: tuple[str, ...]) -> None:
    part = predictions[predictions["expression"].isin(present)].reset_index(drop=True)
    values = summarize(part)
    assert list(values) == list(METRICS)
    undefined = {name for name, value in values.items() if np.isnan(value)}
    assert undefined == (set() if len(present) > 1 else {"roc_auc", "pr_auc"})
    recall = part[PROBS].idxmax(axis=1).str.removeprefix("prob_") == part["expression"]
    assert values["balanced_accuracy"] == pytest.approx(recall.groupby(part["expression"]).mean().mean(), abs=1e-12)
    low, high = bootstrap_intervals(part, resamples=200)["balanced_accuracy"]
    assert low <= values["balanced_accuracy"] <= high
