"""Orders of images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from emotion_core.inspection.sorting import ORDERS, known_orders, sort_rows
from emotion_core.inspection.table import inspect_runs


@pytest.fixture
def table(predictions: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    return inspect_runs([predictions, other])


def sorted_ids(table: pd.DataFrame, order: str, **more: bool) -> str:
    return "".join(table["sample_id"].iloc[sort_rows(table, np.arange(len(table)), order, **more)])


@pytest.mark.parametrize(
    ("order", "expected", "backwards"),
    [
        ("loss", "bcfdae", "adfcbe"),  # losses 1.61 0.92 0.80 0.51 0.11, e has no label
        ("confidence", "abedfc", "cfdeba"),
        ("margin", "cfdeba", "abedfc"),
        ("valence error", "bcaedf", "daecbf"),  # a and e: 0.2000…01 and 0.2
        ("arousal error", "becdaf", "adcebf"),
        ("wrong label?", "bcfdae", "adfcbe"),
        ("disagreement", "afbced", "dcebaf"),
        ("name", "abcdef", "fedcba"),
    ],
)
def test_orders_that_were_sorted_by_hand(table: pd.DataFrame, order: str, expected: str, backwards: str) -> None:
    def values(ids: str) -> list[float]:
        column = table.set_index("sample_id")[ORDERS[order].column]
        return [column[letter] for letter in ids]

    found, turned = sorted_ids(table, order), sorted_ids(table, order, reverse=True)
    if order == "name":
        assert (found, turned) == (expected, backwards)
        return
    # Equal values may stand either way round in what was written by hand.
    assert values(found) == pytest.approx(values(expected), nan_ok=True, abs=1e-6)
    assert values(turned) == pytest.approx(values(backwards), nan_ok=True, abs=1e-6)


def test_only_the_rows_given_are_sorted_and_equal_ones_stay(table: pd.DataFrame) -> None:
    assert sort_rows(table, np.array([3, 1]), "loss").tolist() == [1, 3]
    same = table.assign(loss_0=1.0)
    assert sort_rows(same, np.array([4, 2, 0]), "loss").tolist() == [4, 2, 0]
    assert sort_rows(same, np.array([4, 2, 0]), "loss", reverse=True).tolist() == [4, 2, 0]


def test_orders_that_say_nothing_are_not_offered(predictions: pd.DataFrame, table: pd.DataFrame) -> None:
    assert known_orders(table) == list(ORDERS)
    one = inspect_runs([predictions.assign(valence=np.nan, pred_valence=np.nan)])
    assert known_orders(one) == [name for name in ORDERS if name not in ("valence error", "disagreement")]
    assert all(order.meaning.endswith(".") for order in ORDERS.values())
