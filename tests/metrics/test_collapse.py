from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from benchmarks.bootstrap import draw_predictions
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.collapse import find_collapse

PROBS = [f"prob_{name}" for name in EXPRESSIONS]


@pytest.fixture
def healthy() -> pd.DataFrame:
    return draw_predictions(400)


def answering(predictions: pd.DataFrame, answers: list[str]) -> pd.DataFrame:
    probs = np.full((len(predictions), 8), 0.05)
    probs[np.arange(len(predictions)), [EXPRESSIONS.index(name) for name in answers]] = 0.65
    return predictions.assign(**dict(zip(PROBS, probs.T, strict=True)))


def test_a_healthy_run_has_no_reason(healthy: pd.DataFrame):
    assert find_collapse(healthy) == []


def test_one_answer_for_everything(healthy: pd.DataFrame):
    reasons = find_collapse(answering(healthy, ["happiness"] * 400))
    assert reasons == ["100.0% of the answers are happiness, but the images show 8 expressions."]


def test_two_answers_make_up_almost_everything(healthy: pd.DataFrame):
    answers = ["fear"] * 240 + ["neutral"] * 156 + ["anger"] * 4
    [reason] = find_collapse(answering(healthy, answers))
    assert reason.startswith("99.0% of the answers are fear or neutral")
    assert find_collapse(answering(healthy, ["anger", *answers[1:]])) == []  # 98.75 %
    assert find_collapse(answering(healthy, ["fear", "neutral", "anger", "sadness"] * 100)) == []


def test_two_answers_for_few_expressions_are_no_collapse(healthy: pd.DataFrame):
    few = healthy.assign(expression=np.resize(["fear", "neutral", "anger"], 400))
    assert find_collapse(answering(few, ["fear", "neutral"] * 200)) == []
    assert find_collapse(answering(healthy.head(1), ["fear"])) == []


def test_affect_that_hardly_varies(healthy: pd.DataFrame):
    assert find_collapse(healthy.assign(pred_valence=0.123)) == ["Predicted valence is 0.123 for every image."]
    spread = healthy["arousal"].std(ddof=0)
    unit = (healthy["arousal"] - healthy["arousal"].mean()) / spread
    [reason] = find_collapse(healthy.assign(pred_arousal=0.099 * spread * unit))
    assert reason.startswith("Predicted arousal hardly varies: its standard deviation is 0.05")
    assert find_collapse(healthy.assign(pred_arousal=0.101 * spread * unit)) == []


def test_all_reasons_are_given(healthy: pd.DataFrame):
    assert len(find_collapse(answering(healthy, ["fear"] * 400).assign(pred_valence=0.0, pred_arousal=0.0))) == 3


def test_what_is_not_labelled_or_not_said_is_not_judged(healthy: pd.DataFrame):
    collapsed = answering(healthy, ["fear"] * 400).assign(pred_valence=0.0, pred_arousal=0.0)
    assert find_collapse(collapsed.assign(expression=None, valence=np.nan, arousal=np.nan)) == []
    assert find_collapse(healthy.assign(**dict.fromkeys([*PROBS, "pred_valence", "pred_arousal"], np.nan))) == []
    assert find_collapse(healthy.assign(valence=0.3, pred_valence=0.3)) == []


def test_gaps_are_refused_by_name(healthy: pd.DataFrame):
    healthy.loc[3, "pred_valence"] = np.inf
    with pytest.raises(ValueError, match="predicted valence"):
        find_collapse(healthy)
