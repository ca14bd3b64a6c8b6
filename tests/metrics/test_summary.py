"""All measures at once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.metrics.summary import per_class, summarize
from emotion_core.metrics.table import METRICS


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
    frame |= {
        f"pred_{name}": np.clip(affect[:, i] + generator.normal(0, 0.3, 200), -1, 1)
        for i, name in enumerate(["valence", "arousal"])
    }
    return pd.DataFrame(frame)


def test_every_key_is_there_and_labels_go_by_name(predictions: pd.DataFrame):
    measures = summarize(predictions)
    assert list(measures) == list(METRICS)
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
    assert set(summarize(predictions)) == {key for key in METRICS if "valence" not in key and "arousal" not in key}


def test_gaps_in_predictions_are_refused_by_name(predictions: pd.DataFrame):
    predictions.loc[3, "pred_arousal"] = np.nan
    with pytest.raises(ValueError, match="predicted arousal"):
        summarize(predictions)
    predictions.loc[3, "pred_arousal"] = 0.0
    predictions.loc[4, "prob_fear"] = np.inf
    with pytest.raises(ValueError, match="expression probabilities"):
        summarize(predictions)


def test_infinite_annotation_and_unknown_expression_are_refused_by_name(predictions: pd.DataFrame):
    predictions.loc[3, "valence"] = np.inf
    with pytest.raises(ValueError, match="annotated valence"):
        summarize(predictions)
    predictions.loc[3, "valence"] = np.nan
    predictions.loc[4, "expression"] = "joy"
    with pytest.raises(ValueError, match="expression 'joy' is not one of neutral"):
        summarize(predictions)


def test_nothing_labelled_gives_no_measure(predictions: pd.DataFrame):
    assert summarize(predictions.assign(expression=None, valence=np.nan, arousal=np.nan)) == {}


def test_constant_predictions(predictions: pd.DataFrame):
    measures = summarize(predictions.assign(pred_valence=0.1))
    assert np.isnan(measures["corr_valence"])
    assert measures["ccc_valence"] == pytest.approx(0, abs=1e-12)


def test_every_measure_has_a_direction():
    lower = {key for key in METRICS if METRICS[key].better == "lower"}
    assert lower == {"ece", "brier", "log_loss", "rmse_valence", "rmse_arousal", "mae_valence", "mae_arousal"}


def test_per_class_is_scikit_learns(predictions: pd.DataFrame):
    predictions.loc[predictions["expression"] == "fear", "expression"] = "anger"  # absent from the truth
    predictions.loc[:9, "expression"] = None
    predictions["prob_contempt"] = 0.0  # absent from the predictions
    table = per_class(predictions)
    labelled = predictions.iloc[10:]
    names = labelled[[f"prob_{name}" for name in EXPRESSIONS]].idxmax(axis=1).str.removeprefix("prob_")
    expected = reference.precision_recall_fscore_support(
        labelled["expression"], names, labels=list(EXPRESSIONS), zero_division=0
    )
    assert table["expression"].tolist() == list(EXPRESSIONS)
    np.testing.assert_allclose(table[["precision", "recall", "f1", "support"]].to_numpy().T, expected, atol=1e-9)
    assert table.set_index("expression").loc["fear", "support"] == 0
    assert table.set_index("expression").loc["contempt", "f1"] == 0


def test_per_class_of_a_network_that_says_no_expression_is_refused(predictions: pd.DataFrame):
    predictions[[f"prob_{name}" for name in EXPRESSIONS]] = np.nan
    with pytest.raises(ValueError, match="no image with both a true expression and predicted probabilities"):
        per_class(predictions)
