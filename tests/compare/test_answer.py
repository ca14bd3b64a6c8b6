"""The answer in words, verdicts, and what they rest on."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from emotion_core.compare import Difference, compare, comparison_table
from emotion_core.compare.answer import details, find_answer, first_words, headline
from emotion_core.compare.order import GROUPS, grouped, search_entries
from emotion_core.compare.verdicts import detectable, images_to_tell, verdict
from emotion_core.errors import ConfigError
from emotion_core.metrics.significance import holm
from tests.compare.stored import IMAGES, MakeRun, correct, load, only
from tests.stored import predictions

DIFFERENCE = Difference(measure="accuracy", first="a", second="b", value=-0.02, low=-0.03, high=-0.01, p_value=0.001)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"p_holm": 0.01, "p_same": 0.9}, "significantly worse"),
        ({"p_holm": 0.01, "p_same": 0.9, "value": 0.02}, "significantly better"),
        ({"p_holm": 0.01, "p_same": 0.9, "value": 0.02, "measure": "rmse_valence"}, "significantly worse"),
        ({"p_holm": 0.05, "p_same": 0.9}, "not significantly different"),
        # A difference can be significant and yet too small to matter.
        ({"p_holm": 0.01, "p_same": 0.04}, "practically the same"),
        ({"p_holm": 0.9, "p_same": 0.04}, "practically the same"),
        ({}, "not significantly different"),
    ],
)
def test_verdicts(changes: dict[str, float], expected: str) -> None:
    assert verdict(replace(DIFFERENCE, **changes)) == expected


def test_images_to_tell_are_of_one_pair_among_all() -> None:
    one = replace(DIFFERENCE, spread=0.01, images=100)
    z = stats.norm.ppf(1 - 0.05 / 2) + stats.norm.ppf(0.8)
    assert images_to_tell(one) == math.ceil(100 * (z * 0.01 / 0.02) ** 2)
    z = stats.norm.ppf(1 - 0.05 / 21 / 2) + stats.norm.ppf(0.8)
    assert images_to_tell(replace(one, pairs=21)) == math.ceil(100 * (z * 0.01 / 0.02) ** 2)
    assert images_to_tell(replace(one, value=0.0)) == math.inf


def test_equivalence_is_corrected_over_all_pairs(make_run: MakeRun, tmp_path: Path) -> None:
    for name, number, shift in (("a", 120, 0), ("b", 119, 1), ("c", 60, 4)):
        make_run(name, predictions(correct(number, shift)))
    comparison = compare(load(tmp_path), ["accuracy"], baseline="a", margin=0.05)
    assert comparison.margin == 0.05
    pairs = comparison.differences
    assert {(pair.pairs, pair.images) for pair in pairs} == {(3, IMAGES)}
    alone = [
        max(stats.norm.cdf(-(0.05 - pair.value) / pair.spread), stats.norm.cdf(-(0.05 + pair.value) / pair.spread))
        for pair in pairs
    ]
    assert [pair.p_same for pair in pairs] == pytest.approx(holm(alone))
    # 119 of the same images right, and one that only the first has: a mean of one in 200.
    close = only(comparison, "accuracy", "a", "b")
    assert close.spread == pytest.approx(math.sqrt(1 / IMAGES - 1 / IMAGES**2) / math.sqrt(IMAGES), rel=0.1)
    table = comparison_table(comparison, ["accuracy"]).set_index("name")
    assert table["accuracy_verdict"].to_dict() == {"a": "", "b": "practically the same", "c": "significantly worse"}
    widest = max(pair.spread for pair in pairs if "a" in (pair.first, pair.second))
    z = stats.norm.ppf(1 - 0.05 / 6) + stats.norm.ppf(0.8)
    assert detectable(comparison, "accuracy") == pytest.approx(z * widest)


def test_a_margin_is_above_zero(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(100)))
    with pytest.raises(ConfigError, match="The margin is 0; it has to be above 0"):
        compare(load(tmp_path), ["accuracy"], margin=0)


def test_the_answer_in_words(make_run: MakeRun, tmp_path: Path) -> None:
    for name, number, size in (("best", 120, 9), ("like", 119, 5), ("small", 60, 2)):
        make_run(name, predictions(correct(number)), info={"num_params": size * 1_000_000})
    entries = load(tmp_path, "best", "like", "small")
    words = first_words(entries, "accuracy")
    assert words == "Comparing 3 runs on 200 images of faces, split test … Best accuracy: best, 0.600."
    answer = find_answer(compare(entries, ["accuracy"]), "accuracy")
    assert answer is not None
    assert (answer.best.name, answer.like, answer.worse) == ("best", ("like",), ("small",))
    assert headline(answer) == "best has the best accuracy, 0.600 [0.590, 0.610]."
    said = details(answer)
    assert said.startswith("Not significantly different from it: like. Significantly worse: small. The smallest network, ")
    assert "small (2.0 M parameters), differs from it by −0.300 [−0.3" in said
    assert said.endswith("p < 0.001: significantly worse.")


def test_the_best_may_be_the_smallest_and_a_measure_unknown(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("small", predictions(correct(120)), info={"num_params": 1_000_000})
    make_run("large", predictions(correct(60)), info={"num_params": 2_000_000})
    comparison = compare(load(tmp_path), ["accuracy"])
    answer = find_answer(comparison, "accuracy")
    assert answer is not None
    assert details(answer) == "Significantly worse: large. It is also the smallest network."
    assert find_answer(comparison, "ccc_valence") is None


def test_of_many_names_some_are_said(make_run: MakeRun, tmp_path: Path) -> None:
    for number in range(9):
        make_run(f"run{number}", predictions(correct(120 - number)), info={"num_params": 1_000_000})
    answer = find_answer(compare(load(tmp_path), ["accuracy"]), "accuracy")
    assert answer is not None
    assert details(answer).startswith("Not significantly different from it: run1, run2, run3, run4, run5 and 3 others.")


def test_a_search_holds_all_words(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("first", predictions(correct(100)), info={"network": {"backbone": "vgg16", "input_size": 48}, "role": "seed"})
    make_run("second", predictions(correct(100)), info={"changed": "No Mixup"})
    entries = load(tmp_path)
    assert [entry.name for entry in search_entries(entries, "VGG16 seed")] == ["first"]
    assert [entry.name for entry in search_entries(entries, "mixup")] == ["second"]
    assert search_entries(entries, "vgg16 mixup") == []
    assert search_entries(entries, "  ") == entries
    assert [GROUPS["role"](entry) for entry in entries] == ["seed", "network"]


def test_groups_stand_in_the_order_of_their_first(make_run: MakeRun, tmp_path: Path) -> None:
    for name, backbone in (("a", "vgg16"), ("b", "resnet50"), ("c", "vgg16")):
        make_run(name, predictions(correct(100)), info={"network": {"backbone": backbone, "input_size": 48}})
    entries = load(tmp_path, "a", "b", "c")
    assert [entry.name for entry in grouped(entries, "backbone")] == ["a", "c", "b"]
    assert grouped(entries, None) == entries


def test_only_measures_that_are_asked_for_are_resampled(make_run: MakeRun, tmp_path: Path) -> None:
    for name in "ab":
        make_run(name, predictions(correct(100 if name == "a" else 90)))
    entries = load(tmp_path)
    few = compare(entries, ["accuracy"]).differences[0]
    file = tmp_path / "a" / "evaluations" / "faces-test" / "summary.npz"
    assert np.load(file)["replicates"].shape[0] == 1
    both = compare(entries, ["accuracy", "ccc_valence"])
    assert np.load(file)["replicates"].shape[0] == 2
    assert only(both, "accuracy", "a", "b") == few
