"""All measures at once, and their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.metrics.intervals import bootstrap_intervals
from emotion_core.metrics.summary import summarize

KEYS = {
    *("accuracy", "f1_macro", "f1_weighted", "cohen_kappa", "krippendorff_alpha", "roc_auc", "pr_auc"),
    *(f"{key}_{name}" for key in ("rmse", "mae", "corr", "sagr", "ccc") for name in ("valence", "arousal")),
}


@pytest.fixture
def predictions() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    labels = generator.integers(0, 8, 200)
    scores = generator.random((200, 8)) + np.eye(8)[labels]
    scores /= scores.sum(axis=1, keepdims=True)
    affect = generator.uniform(-1, 1, (200, 2))
    frame = {"sample_id": [f"{i}.jpg" for i in range(200)], "expression": [EXPRESSIONS[i] for i in labels]}
    frame |= {"valence": affect[:, 0], "arousal": affect[:, 1]}
    frame |= {f"prob_{name}": scores[:, i] for i, name in enumerate(EXPRESSIONS)}
    frame |= {f"pred_{name}": np.clip(affect[:, i] + generator.normal(0, 0.3, 200), -1, 1) for i, name in enumerate(["valence", "arousal"])}
    return pd.DataFrame(frame)


def test_every_key_is_there_and_labels_go_by_name(predictions: pd.DataFrame):
    measures = summarize(predictions)
    assert set(measures) == KEYS
    probs = predictions[[f"prob_{name}" for name in EXPRESSIONS]]
    names = probs.idxmax(axis=1).str.removeprefix("prob_")
    assert measures["accuracy"] == pytest.approx(reference.accuracy_score(predictions["expression"], names), abs=1e-12)
    assert measures["rmse_arousal"] == pytest.approx(
        reference.root_mean_squared_error(predictions["arousal"], predictions["pred_arousal"]), abs=1e-12
    )


def test_images_without_a_label_do_not_count_for_its_measures(predictions: pd.DataFrame):
    predictions.loc[:49, "expression"] = None
    predictions.loc[100:, "valence"] = np.nan
    measures = summarize(predictions)
    labelled = predictions.iloc[50:]
    names = labelled[[f"prob_{name}" for name in EXPRESSIONS]].idxmax(axis=1).str.removeprefix("prob_")
    assert measures["accuracy"] == pytest.approx((names == labelled["expression"]).mean(), abs=1e-12)
    first = predictions.iloc[:100]
    assert measures["ccc_valence"] == concordance_corrcoef(first["pred_valence"], first["valence"])


def test_what_a_network_does_not_say_is_left_out(predictions: pd.DataFrame):
    predictions[["pred_valence", "pred_arousal"]] = np.nan
    assert set(summarize(predictions)) == {key for key in KEYS if "valence" not in key and "arousal" not in key}


def test_gaps_in_predictions_are_refused_by_name(predictions: pd.DataFrame):
    predictions.loc[3, "pred_arousal"] = np.nan
    with pytest.raises(ValueError, match="predicted arousal"):
        summarize(predictions)
    predictions.loc[3, "pred_arousal"] = 0.0
    predictions.loc[4, "prob_fear"] = np.inf
    with pytest.raises(ValueError, match="expression probabilities"):
        summarize(predictions)


def test_intervals_hold_the_value_and_follow_the_normal_approximation(predictions: pd.DataFrame):
    values, intervals = summarize(predictions), bootstrap_intervals(predictions, resamples=400)
    assert set(intervals) == KEYS
    assert all(low <= values[name] <= high for name, (low, high) in intervals.items())
    share = values["accuracy"]
    half = 1.96 * np.sqrt(share * (1 - share) / len(predictions))
    low, high = intervals["accuracy"]
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)


def test_intervals_are_the_same_for_the_same_seed(predictions: pd.DataFrame):
    first, second = (bootstrap_intervals(predictions, resamples=20, seed=1) for _ in range(2))
    assert first == second
    assert first != bootstrap_intervals(predictions, resamples=20, seed=2)
