from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import recall_score

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.card import render_card
from emotion_core.results.run import PREDICTION_COLUMNS, Run, read_run, write_evaluation
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


def test_shrunken_and_shifted_affect_is_named() -> None:
    valence = [-0.8, 0.0, 0.8]
    known = {"valence": valence, "pred_valence": [0.5 * value + 0.1 for value in valence]}
    lines = describe_weaknesses(table([None] * 3, ["fear"] * 3, **known))
    [line] = lines
    assert line.startswith("- Valence is 0.10 too high on average, and spreads 0.50 times as far as the annotations: ")
    assert line.endswith("strong ones come out too weak.")


def test_a_fair_spread_is_not_called_weak() -> None:
    known = {"arousal": [-0.8, 0.0, 0.8], "pred_arousal": [-0.9, -0.1, 0.7]}
    [line] = describe_weaknesses(table([None] * 3, ["fear"] * 3, **known))
    assert line == "- Arousal is 0.10 too low on average, and spreads 1.00 times as far as the annotations."


def test_nothing_labelled_is_nothing_to_say() -> None:
    assert describe_weaknesses(table([None, None], ["fear", "anger"])) == []


def test_equal_annotations_have_no_spread_to_compare_with() -> None:
    known = {"arousal": [0.5, 0.5], "pred_arousal": [0.1, 0.2]}
    assert describe_weaknesses(table([None] * 2, ["fear"] * 2, **known)) == []


def test_the_card_says_where_and_survives_damage(make_run: Callable[..., Path]) -> None:
    run = read_run(make_run("a"))
    metrics: Mapping[str, object] = {
        "dataset": "toy", "split": "test", "images": 2, "fingerprint": "f" * 16, "seed": 0,
        "measures": {"accuracy": {"value": 0.5, "low": 0.0, "high": 1.0}},
    }  # fmt: skip
    write_evaluation(run.path, "toy", "test", metrics, table(["fear", "anger"], ["fear", "fear"]))
    card = render_card(Run(path=run.path, info=run.info))
    assert "## Where it goes wrong: toy, test split" in card
    assert "| anger | 1 | 0.00, 0.00 to 0.79 | fear 1.00 |" in card
    (run.path / "evaluations" / "toy-test" / "predictions.parquet").write_bytes(b"damaged")
    assert "Not known: " in render_card(Run(path=run.path, info=run.info))
