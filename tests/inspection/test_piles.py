"""Four piles."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import pytest
from scipy.stats import binomtest

from emotion_core.inspection.piles import PILES, count_piles, pile_numbers
from emotion_core.inspection.table import inspect_runs


def test_piles_that_were_counted_by_hand(predictions: pd.DataFrame, other: pd.DataFrame) -> None:
    table = inspect_runs([predictions, other])
    # a: first right, second wrong; b, c: the other way round; d both; e unlabelled; f neither.
    assert [PILES[number] if number >= 0 else None for number in pile_numbers(table)] == [
        "only first",
        "only second",
        "only second",
        "both right",
        None,
        "neither",
    ]
    piles = count_piles(table)
    assert piles.counts == {"both right": 1, "only first": 1, "only second": 2, "neither": 1}
    assert piles.unjudged == 1
    assert piles.p_value == 1.0


def test_the_p_value_is_the_binomial_one(make_predictions: Callable[..., pd.DataFrame]) -> None:
    right, wrong = {"fear": 1.0}, {"anger": 1.0}
    first = [right] * 12 + [wrong] * 3 + [right] * 5
    second = [wrong] * 12 + [right] * 3 + [right] * 5
    rows = [[(f"{i:02}", "fear", 0, 0, said, 0, 0) for i, said in enumerate(run)] for run in (first, second)]
    piles = count_piles(inspect_runs([make_predictions(run) for run in rows]))
    assert (piles.counts["only first"], piles.counts["only second"]) == (12, 3)
    assert piles.p_value == pytest.approx(binomtest(3, 15).pvalue)
