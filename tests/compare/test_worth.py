"""What is worth its cost follows from the tests, not from which value is a little higher."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotion_core.compare import compare
from emotion_core.compare.worth import worth_their_cost
from tests.compare.stored import MakeRun, correct, load
from tests.stored import predictions

COST = "num_params_millions"


def worth(folder: Path, measure: str = "accuracy") -> set[str]:
    return set(worth_their_cost(compare(load(folder), [measure]), measure, COST))


@pytest.fixture
def priced(make_run: MakeRun):
    def make(name: str, number_right: int, params: int, *, shift: int = 0, **changes: object) -> None:
        make_run(name, predictions(correct(number_right, shift)), info={"num_params": params}, **changes)

    return make


def test_a_little_better_is_not_worth_more(tmp_path: Path, priced) -> None:
    priced("small", 100, 1_000_000)
    priced("large", 102, 30_000_000)
    # Two images in 200: McNemar's p is 0.5.
    assert worth(tmp_path) == {"small"}


def test_significantly_better_than_every_cheaper_one(tmp_path: Path, priced) -> None:
    priced("small", 60, 1_000_000)
    priced("middle", 120, 2_000_000)
    priced("large", 122, 3_000_000)
    priced("huge", 180, 4_000_000)
    # The large one is better than the small one, but not than the middle one.
    assert worth(tmp_path) == {"small", "middle", "huge"}


def test_of_equal_costs_the_worse_one_is_not_worth_it(tmp_path: Path, priced) -> None:
    priced("good", 150, 1_000_000)
    priced("bad", 50, 1_000_000)
    priced("near", 149, 1_000_000)
    assert worth(tmp_path) == {"good", "near"}


def test_collapsed_and_untested_runs_take_no_part(tmp_path: Path, priced) -> None:
    priced("dead", 25, 100_000, collapse=["It says fear."])
    priced("flattered", 190, 200_000, chosen_by={"measure": "accuracy", "split": "test", "epoch": 1, "value": 0.9})
    priced("fair", 100, 1_000_000)
    assert worth(tmp_path) == {"fair"}


def test_where_less_is_better(tmp_path: Path, make_run: MakeRun) -> None:
    right = np.ones(200, dtype=bool)
    make_run("noisy", predictions(right, 0.6, seed=1), info={"num_params": 1_000_000})
    make_run("exact", predictions(right, 0.1, seed=2), info={"num_params": 2_000_000})
    assert worth(tmp_path, "rmse_valence") == {"noisy", "exact"}
