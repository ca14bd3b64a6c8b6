from __future__ import annotations

import math
from pathlib import Path

import krippendorff
import numpy as np
import pytest

from emotion_core.labels import FERPLUS_VOTES
from emotion_core.metrics.human import annotator_accuracy, annotator_alpha, human_line


def draw(seed: int, count: int = 60, votes: int = 10) -> np.ndarray:
    generator = np.random.default_rng(seed)
    chances = generator.dirichlet(np.full(10, 0.4), count)
    return np.array([generator.multinomial(votes, row) for row in chances])


def one_by_one(votes: np.ndarray) -> float:
    """Every annotator of every image, against the majority of the others; a tie counts as the share of a draw of lots."""
    images = []
    for row in votes:
        names = np.repeat(np.arange(len(row)), row)
        right = []
        for index, name in enumerate(names):
            others = np.delete(names, index)
            winners = [k for k in set(others) if (others == k).sum() == max((others == j).sum() for j in set(others))]
            right.append((name in winners) / len(winners))
        images.append(np.mean(right))
    return float(np.mean(images))


@pytest.mark.parametrize("seed", range(4))
def test_accuracy_is_that_of_annotators_taken_one_by_one(seed: int):
    votes = draw(seed)
    assert annotator_accuracy(votes) == pytest.approx(one_by_one(votes), abs=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_alpha_is_that_of_the_krippendorff_package(seed: int):
    votes = draw(seed)
    expected = krippendorff.alpha(value_counts=votes, level_of_measurement="nominal")
    assert annotator_alpha(votes) == pytest.approx(expected, abs=1e-9)


def test_images_with_fewer_votes():
    votes = np.concatenate([draw(0), draw(1, votes=7), draw(2, 5, votes=1), np.zeros((3, 10), dtype=int)])
    expected = krippendorff.alpha(value_counts=votes, level_of_measurement="nominal")
    assert annotator_alpha(votes) == pytest.approx(expected, abs=1e-9)
    assert annotator_accuracy(votes) == pytest.approx(one_by_one(votes[:120]), abs=1e-9)
    assert human_line(votes)["images"] == 120


def test_closed_forms():
    # 7 to 3: each of the seven meets a majority of six to three, none of the three does.
    assert annotator_accuracy([[7, 3]]) == pytest.approx(0.7)
    # 5 to 5: whoever steps aside is outvoted five to four.
    assert annotator_accuracy([[5, 5]]) == 0
    # 5, 4 and 1: the five tie with the four; the four and the one are outvoted.
    assert annotator_accuracy([[5, 4, 1]]) == pytest.approx(5 / 10 * 1 / 2)
    # One vote each for ten categories: the others tie, and none of them named what this one did.
    assert annotator_accuracy([[1] * 10]) == 0
    assert annotator_accuracy([[10, 0], [0, 10]]) == annotator_alpha([[10, 0], [0, 10]]) == 1


def test_annotators_who_draw_lots_agree_by_chance():
    generator = np.random.default_rng(0)
    assert annotator_alpha(generator.multinomial(10, np.full(10, 0.1), 5000)) == pytest.approx(0, abs=0.005)


def test_nothing_to_compare():
    assert math.isnan(annotator_alpha([[10, 0], [10, 0]]))
    assert math.isnan(annotator_accuracy([[1, 0]]))
    assert math.isnan(annotator_alpha([[1, 0], [0, 1]]))


@pytest.mark.parametrize(
    ("votes", "message"),
    [
        ([1, 2], "votes must be 2-D"),
        (np.zeros((0, 10)), "votes are empty"),
        ([[1.0, math.nan]], "votes must be finite"),
        ([[1.0, math.inf]], "votes must be finite"),
        ([[1, -1]], "whole numbers"),
        ([[0.5, 1]], "whole numbers"),
    ],
)
@pytest.mark.parametrize("measure", [annotator_accuracy, annotator_alpha, human_line])
def test_what_are_no_votes_is_refused(measure, votes, message):
    with pytest.raises(ValueError, match=message):
        measure(votes)


def test_line_needs_the_ten_columns_of_ferplus():
    assert set(human_line(draw(0))) == {"images", "accuracy", "krippendorff_alpha"}
    with pytest.raises(ValueError, match=r"10 columns \(neutral, .*NF\), got 8"):
        human_line(np.ones((3, 8), dtype=int))
    assert len(FERPLUS_VOTES) == 10


def test_line_of_the_real_votes(shared_data: Path):
    from emotion_core.data.ferplus_votes import read_votes, vote_majority
    from emotion_core.data.source import open_source

    table, _ = read_votes(open_source("ferplus", shared_data))
    votes = table.votes[(np.array(table.split) == "test") & (vote_majority(table.votes) >= 0)]
    line = human_line(votes)
    assert line["images"] == 3153
    assert line["accuracy"] == pytest.approx(one_by_one(votes[:200]), abs=0.05)
    expected = krippendorff.alpha(value_counts=votes, level_of_measurement="nominal")
    assert line["krippendorff_alpha"] == pytest.approx(expected, abs=1e-9)
