"""Numbers behind the plane of valence and arousal."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from emotion_core.inspection.affect import (
    QUARTERS,
    closer_run,
    distances,
    join_runs,
    predicted_expressions,
    quarter_counts,
    quarter_of,
    residual_bins,
)
from emotion_core.labels import EXPRESSIONS


def predictions(true: list[tuple[float, float]], predicted: list[tuple[float, float]], **columns: list[object]) -> pd.DataFrame:
    ids = [f"images/{number}.jpg" for number in range(len(true))]
    return pd.DataFrame(
        {
            "sample_id": ids,
            "expression": ["neutral"] * len(true),
            "valence": [v for v, _ in true],
            "arousal": [a for _, a in true],
            "pred_valence": [v for v, _ in predicted],
            "pred_arousal": [a for _, a in predicted],
        }
        | columns
    )


def test_runs_are_joined_by_image() -> None:
    true = [(0.1, 0.2), (0.3, 0.4), (0.5, 0.6)]
    one = predictions(true, [(0.0, 0.0), (0.1, 0.1), (0.2, 0.2)])
    two = predictions(true, [(0.7, 0.7), (0.8, 0.8), (0.9, 0.9)]).iloc[[2, 0]]
    joined = join_runs([one, two])
    assert joined["sample_id"].tolist() == ["images/0.jpg", "images/2.jpg"]
    assert joined["valence"].tolist() == [0.1, 0.5]
    assert joined["arousal_0"].tolist() == [0.0, 0.2]
    assert joined["valence_1"].tolist() == [0.7, 0.9]


def test_faces_without_a_number_are_left_out() -> None:
    nan = float("nan")
    table = predictions([(nan, 0.1), (0.1, 0.1), (0.2, 0.2)], [(0.0, 0.0), (0.1, nan), (0.3, 0.3)])
    assert join_runs([table])["sample_id"].tolist() == ["images/2.jpg"]
    with pytest.raises(ValueError, match="at least one run"):
        join_runs([])


@pytest.mark.parametrize(
    ("valence", "arousal", "name"),
    [
        (0.5, 0.5, "excited, happy"),
        (-0.5, 0.5, "angry, afraid"),
        (-0.5, -0.5, "sad, bored"),
        (0.5, -0.5, "calm, relaxed"),
        (0.0, 0.0, "excited, happy"),
        (-0.0, -0.1, "calm, relaxed"),
        (-0.1, 0.0, "angry, afraid"),
    ],
)
def test_quarters(valence: float, arousal: float, name: str) -> None:
    assert QUARTERS[int(quarter_of([valence], [arousal])[0])] == name


def test_quarters_are_counted_true_by_row() -> None:
    corners = [(0.5, 0.5), (-0.5, 0.5), (-0.5, -0.5), (0.5, -0.5)]
    table = predictions([*corners, (0.5, 0.5)], [*corners[1:], corners[0], corners[0]])
    counts = quarter_counts(join_runs([table]))
    assert counts.tolist() == [[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [1, 0, 0, 0]]


def test_residual_bins_by_hand() -> None:
    true = [-1.0, -0.9, 0.05, 1.0, 0.99]
    table = residual_bins(true, [-0.5, -0.5, 0.0, 0.8, 0.79], bins=10, fewest=2)
    assert table["centre"].tolist() == pytest.approx([-0.9, 0.9])
    assert table["mean"].tolist() == pytest.approx([0.45, -0.2])
    assert table["images"].tolist() == [2, 2]


def test_distance_is_euclidean() -> None:
    table = join_runs([predictions([(0.0, 0.0), (-1.0, -1.0)], [(0.3, -0.4), (1.0, 1.0)])])
    assert distances(table).tolist() == pytest.approx([0.5, 8**0.5])


def test_closer_run_by_hand() -> None:
    true = [(0.0, 0.0)] * 4
    one = predictions(true, [(0.1, 0.0), (0.1, 0.0), (0.5, 0.0), (0.2, 0.0)])
    two = predictions(true, [(0.3, 0.0), (0.2, 0.0), (0.0, 0.1), (0.0, 0.2)])
    found = closer_run(join_runs([one, two]))
    assert (found.images, found.first, found.second) == (4, 0.5, 0.25)
    assert found.first_distance == pytest.approx(0.225)
    assert found.second_distance == pytest.approx(0.2)
    assert found.difference == pytest.approx(0.025)
    spread = 1.96 * np.std([-0.2, -0.1, 0.4, 0.0], ddof=1) / 2
    assert found.difference_high - found.difference == pytest.approx(spread)
    interval = binomtest(2, 4).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((interval.low, interval.high), abs=1e-6)


def test_closer_run_of_nothing() -> None:
    empty = predictions([], [])
    with pytest.raises(ValueError, match="At least one face"):
        closer_run(join_runs([empty, empty]))


def test_predicted_expressions_are_the_most_probable_and_leave_out_what_is_silent() -> None:
    probs = {f"prob_{name}": [0.1, np.nan, 0.1] for name in EXPRESSIONS}
    probs["prob_fear"] = [0.3, np.nan, 0.1]
    probs["prob_anger"] = [0.2, np.nan, 0.2]
    found = predicted_expressions(pd.DataFrame({"sample_id": ["a", "b", "c"], **probs}))
    assert found.to_dict() == {"a": "fear", "c": "anger"}
    assert predicted_expressions(pd.DataFrame({"sample_id": ["b"], **{name: [np.nan] for name in probs}})).empty
