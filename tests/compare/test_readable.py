"""What is told of compared runs beside their measures: answers, settings, and cells in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.compare.answers import calibration_error, confusion_table, expression_answers
from emotion_core.compare.readable import difference_text, value_text
from emotion_core.compare.trainings import settings_table
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.calibration import expected_calibration_error
from emotion_core.results.costs import COSTS, cost_title


def row(name: str, kind: str = "measured", **values: Any) -> dict[str, Any]:
    cells = {"name": name, "kind": kind, "apart": "", "collapsed": "", "images": 9}
    return cells | {"accuracy": np.nan, "accuracy_low": None, "accuracy_high": None, "accuracy_mark": ""} | values


def measured(name: str, value: float, **values: Any) -> dict[str, Any]:
    return row(name, accuracy=value, accuracy_low=value - 0.02, accuracy_high=value + 0.03, **values)


def test_costs_have_units() -> None:
    assert all(", " in title for title in COSTS.values())
    assert cost_title("num_params_millions") == "parameters, M"
    assert cost_title("joules_per_face") == "joules per face"


def predictions(images: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.full(8, 0.4), images)
    table = pd.DataFrame({f"prob_{name}": probs[:, index] for index, name in enumerate(EXPRESSIONS)})
    return table.assign(expression=[EXPRESSIONS[number % 6] for number in range(images)])


def test_answers_come_from_expression_columns_alone() -> None:
    answers = expression_answers(predictions())
    assert answers is not None
    counts, bins = answers
    assert counts.sum() == bins["count"].sum() == 400
    assert counts.sum(axis=1).tolist() == [67, 67, 67, 67, 66, 66, 0, 0]
    probs = predictions()[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy()
    assert calibration_error(bins) == pytest.approx(expected_calibration_error(probs, np.arange(400) % 6))
    assert np.isnan(calibration_error(bins.assign(count=0)))
    assert expression_answers(predictions().assign(expression=None)) is None


def test_settings_are_flattened() -> None:
    settings = {
        "a": {
            "network": {"backbone": "x", "mean": [0.5, 0.25]},
            "epochs": 3,
            "phases": [{"lr": 1e-4}, {"lr": 1e-5}],
            "hidden": None,
        },
        "b": {"network": {"backbone": "x", "mean": [0.5, 0.25]}, "epochs": 4, "phases": [{"lr": 1e-4}]},
    }
    every = settings_table(settings, differences_only=False).set_index("setting")
    assert every.loc["network.mean"].tolist() == ["0.5, 0.25"] * 2
    assert every.loc["phases.2.lr"].tolist() == ["1e-05", ""]
    assert every.loc["hidden"].tolist() == ["none", ""]
    only = settings_table(settings, differences_only=True)
    assert only["setting"].tolist() == ["epochs", "phases.2.lr", "hidden"]
    assert settings_table({"a": settings["a"]}, differences_only=True).empty


def test_cells_in_words() -> None:
    cells = measured("a", 0.5, accuracy_mark="best")
    assert value_text(cells, "accuracy") == "★ 0.500 [0.480, 0.530]"
    assert value_text(cells | {"accuracy_mark": "like best"}, "accuracy") == "≈ 0.500 [0.480, 0.530]"
    assert value_text(row("r", "reported", accuracy=-0.0001), "accuracy") == "○ 0.000"
    assert value_text(row("r", accuracy=-0.25), "accuracy") == "−0.250"
    assert value_text(row("n"), "accuracy") == ""
    difference = {"accuracy_diff": -0.021, "accuracy_diff_low": -0.045, "accuracy_diff_high": 0.003, "accuracy_p": 0.0312}
    assert difference_text(difference, "accuracy") == "−0.021 [−0.045, 0.003], p 0.031"
    assert difference_text(difference | {"accuracy_p": 1e-9}, "accuracy") == "−0.021 [−0.045, 0.003], p < 0.001"
    assert difference_text({"accuracy_diff": None}, "accuracy") == ""
    long = confusion_table({"a": np.arange(64).reshape(8, 8)})
    assert long.iloc[9].tolist() == ["a", "happiness", "happiness", 9]
