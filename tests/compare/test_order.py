"""What comes first: evaluations, runs, and the run that others are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from emotion_core.compare import Entry, Measure
from emotion_core.compare.order import best_first, best_run, most_useful_first, rank_evaluations, without_unnamed
from emotion_core.results.run import read_run
from tests.stored import write_run


def entry(name: str, value: float | None = None, measure: str = "accuracy", **changes: Any) -> Entry:
    facts: dict[str, Any] = {"backbone": "resnet50", "dataset": "toy", "split": "test", "num_classes": 8, "fingerprint": "f"}
    measures = {} if value is None else {measure: Measure(value=value)}
    return Entry(name=name, kind="measured", measures=measures, **{**facts, **changes})


def names(entries: list[Entry]) -> list[str]:
    return [found.name for found in entries]


def test_test_splits_come_first_then_those_with_most_runs() -> None:
    many = [entry(str(number), split="val") for number in range(3)]
    found = rank_evaluations([*many, entry("a"), entry("b", dataset="b"), entry("c", dataset="b"), entry("d", dataset="a")])
    assert found == ["b-test", "a-test", "toy-test", "toy-val"]


def test_changes_that_an_experiment_does_not_name_are_left_out_where_it_names_what_they_change(tmp_path: Path) -> None:
    changes = {
        "plain": {},
        "more": {"role": "ablation", "variant_of": "plain"},
        "else": {"role": "ablation", "variant_of": "x"},
    }
    runs = [entry(name, run=read_run(write_run(tmp_path / name, **about))) for name, about in changes.items()]
    assert names(without_unnamed(runs, ["plain"])) == ["plain", "else"]
    assert names(without_unnamed(runs, ["plain", "more"])) == ["plain", "more", "else"]
    assert names(without_unnamed(runs, [])) == names(without_unnamed(runs, ["gone"])) == ["plain", "more", "else"]


def test_the_best_comes_first_whichever_way_the_measure_improves() -> None:
    accuracies = [entry("low", 0.2), entry("none"), entry("high", 0.7), entry("broken", float("nan"))]
    assert names(best_first(accuracies, "accuracy")) == ["high", "low", "none", "broken"]
    assert names(best_first(accuracies, "accuracy", leader="none")) == ["none", "high", "low", "broken"]
    assert best_first(accuracies, None) == accuracies
    errors = [entry("far", 0.7, "rmse_valence"), entry("near", 0.2, "rmse_valence")]
    assert names(best_first(errors, "rmse_valence")) == ["near", "far"]


def test_the_best_run_is_of_the_largest_comparable_group() -> None:
    assert best_run([], "accuracy") is None
    assert best_run([entry("other", 0.9, fingerprint="g"), entry("a", 0.3), entry("b", 0.4)], "accuracy") == "b"
    # A collapsed run is the best only among its like, and one whose checkpoint these images chose only where all are.
    assert best_run([entry("a", 0.3), entry("b", 0.4, collapse=("always neutral",))], "accuracy") == "a"
    assert best_run([entry("b", 0.4, collapse=("always neutral",))], "accuracy") == "b"
    flattered = entry("c", 0.9, chosen_by={"split": "test"})
    assert best_run([flattered, entry("a", 0.3)], "accuracy") == "a"
    assert best_run([flattered], "accuracy") == "c"


def test_pages_open_on_the_default_run_where_it_can_say_something() -> None:
    entries = [entry("z", 0.5), entry("a", 0.4, split="val"), entry("a", 0.3), entry("silent")]
    found = most_useful_first(entries, lambda one: "accuracy" in one.measures, "a")
    assert [(one.name, one.split) for one in found] == [("a", "test"), ("a", "val"), ("z", "test"), ("silent", "test")]
    assert most_useful_first(entries, lambda one: "accuracy" in one.measures, "silent")[-1].name == "silent"
