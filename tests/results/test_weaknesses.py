from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import linregress
from sklearn.metrics import recall_score

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.card import render_card
from emotion_core.results.evaluation import PREDICTION_COLUMNS
from emotion_core.results.run import read_run, write_evaluation
from emotion_core.results.weaknesses import describe_weaknesses


def table(truth: Sequence[str | None], said: Sequence[str], *, sure: float = 0.9, **affect: Sequence[float]) -> pd.DataFrame:
    """Predictions that are ``sure`` of what they say; valence and arousal unknown unless given."""
    rest = (1 - sure) / (len(EXPRESSIONS) - 1)
    frame = pd.DataFrame({f"prob_{name}": np.where(np.array(said) == name, sure, rest) for name in EXPRESSIONS})
    frame["sample_id"] = [f"{index}.png" for index in range(len(frame))]
    frame["expression"] = list(truth)
    for name in AFFECT:
        for column in (name, f"pred_{name}"):
            frame[column] = affect.get(column, [np.nan] * len(frame))
    return frame.loc[:, list(PREDICTION_COLUMNS)]


def rows(lines: Sequence[str]) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("| ")][1:]


def test_recalls_are_those_of_scikit_learn_and_the_worst_comes_first() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice(EXPRESSIONS, 500)
    said = np.where(rng.random(500) < 0.5, truth, rng.choice(EXPRESSIONS, 500))
    found = rows(describe_weaknesses(table(truth, said)))
    expected = recall_score(truth, said, labels=list(EXPRESSIONS), average=None)
    recalls = {name: float(cell.split(",")[0]) for name, _, cell, _ in found}
    assert recalls == pytest.approx(dict(zip(EXPRESSIONS, expected, strict=True)), abs=0.005)
    assert list(recalls.values()) == sorted(recalls.values())
    assert {name: int(count) for name, count, *_ in found} == pd.Series(truth).value_counts().to_dict()


def test_confusions_of_a_tenth_are_named_and_rarer_ones_are_not() -> None:
    truth = ["fear"] * 20
    said = ["fear"] * 11 + ["surprise"] * 6 + ["anger"] * 2 + ["sadness"]
    [row] = rows(describe_weaknesses(table(truth, said)))
    # Wilson's interval of 11 in 20: E. B. Wilson (1927), to two places.
    assert row == ["fear", "20", "0.55, 0.34 to 0.74", "surprise 0.30, anger 0.10"]


def test_confidence_and_its_error_are_said() -> None:
    lines = describe_weaknesses(table(["fear", "anger", "anger", "fear"], ["fear", "anger", "fear", "anger"], sure=0.8))
    assert "- It is 0.80 sure on average and right in 0.50 of the images (expected calibration error 0.300)." in lines


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ([-0.3, 0.1, 0.5], "is 0.10 too high on average; a face annotated 1.0 higher comes out 0.50 higher."),
        ([-0.9, -0.1, 0.7], "is 0.10 too low on average; a face annotated 1.0 higher comes out 1.00 higher."),
        ([0.8, 0.0, -0.8], "is right on average; a face annotated 1.0 higher comes out 1.00 lower."),
        # As far spread as the annotations, and yet no help.
        ([0.4, -0.8, 0.4], "is right on average; a face annotated 1.0 higher comes out 0.00 higher."),
    ],
)
def test_shifted_and_shrunken_affect_is_said(said: list[float], words: str) -> None:
    known = {"valence": [-0.8, 0.0, 0.8], "pred_valence": said}
    assert describe_weaknesses(table([None] * 3, ["fear"] * 3, **known)) == [f"- Valence {words}"]


def test_the_slope_is_that_of_a_regression() -> None:
    rng = np.random.default_rng(0)
    target = rng.uniform(-1, 1, 200)
    preds = 0.4 * target + rng.normal(0, 0.3, 200)
    known = {"arousal": target.tolist(), "pred_arousal": preds.tolist()}
    [line] = describe_weaknesses(table([None] * 200, ["fear"] * 200, **known))
    assert f"comes out {linregress(target, preds).slope:.2f} higher." in line


def test_nothing_labelled_is_nothing_to_say() -> None:
    assert describe_weaknesses(table([None, None], ["fear", "anger"])) == []


def test_equal_annotations_have_no_slope() -> None:
    known = {"arousal": [0.5, 0.5], "pred_arousal": [0.1, 0.2]}
    assert describe_weaknesses(table([None] * 2, ["fear"] * 2, **known)) == []


def test_the_card_says_where_and_survives_damage(make_run: Callable[..., Path]) -> None:
    run = read_run(make_run("a"))
    metrics: Mapping[str, object] = {
        "dataset": "toy", "split": "test", "images": 2, "fingerprint": "f" * 16, "seed": 0,
        "measures": {"accuracy": {"value": 0.5, "low": 0.0, "high": 1.0}},
    }  # fmt: skip
    write_evaluation(run.path, "toy", "test", metrics, table(["fear", "anger"], ["fear", "fear"]))
    card = render_card(run)
    assert "## Where it goes wrong: toy, test split" in card
    assert "| anger | 1 | 0.00, 0.00 to 0.79 | fear 1.00 |" in card
    (run.path / "evaluations" / "toy-test" / "predictions.parquet").write_bytes(b"damaged")
    card = render_card(run)
    assert "The evaluation toy-test cannot be used. Evaluate the run again." in card
    (run.path / "evaluations" / "toy-test" / "metrics.json").write_text(json.dumps(metrics))
    card = render_card(run)
    # Nothing of this machine goes into a card.
    assert "Not known: the stored predictions cannot be used. Evaluate the run again." in card
    assert str(run.path) not in card
