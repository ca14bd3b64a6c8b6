"""Comparisons with known answers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from emotion_core.compare import (
    Entry,
    Measure,
    Store,
    compare,
    comparison_table,
    find_entries,
    judge_subset,
    load_store,
    render_text,
    reported_entries,
    seed_spread,
    why_not_comparable,
)
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.intervals import bootstrap_measures, resample_counts
from emotion_core.metrics.summary import summarize
from emotion_core.results.reported import load_reported
from emotion_core.results.run import write_evaluation
from emotion_core.results.summaries import RESAMPLES, SEED, load_summary
from tests.compare.stored import IMAGES, MakeRun, correct, load, only
from tests.experiments import write_experiment
from tests.stored import SELECTION, predictions


def test_a_constructed_difference_in_accuracy(make_run: MakeRun, tmp_path: Path) -> None:
    # 120 against 100 right of 200; 30 only the first, 10 only the second.
    make_run("a", predictions(correct(120)))
    make_run("b", predictions(correct(100, shift=30)))
    comparison = compare(load(tmp_path), ["accuracy"], baseline="b")
    difference = only(comparison, "accuracy", "a", "b")
    assert difference.value == pytest.approx(0.1)
    assert difference.p_value == pytest.approx(binomtest(10, 40, 0.5).pvalue, rel=1e-9)
    assert difference.p_holm == difference.p_value
    assert difference.low < 0.1 < difference.high
    # sd of the mean of +1, -1 and 0 with shares .15, .05 and .8
    assert (difference.high - difference.low) / 2 / 1.96 == pytest.approx(np.sqrt((0.2 - 0.01) / IMAGES), rel=0.1)
    assert comparison.marks["accuracy"] == {"a": "best", "b": ""}
    assert comparison.against_baseline("a", "accuracy") == difference
    assert comparison.against_baseline("b", "accuracy") is None


def test_differences_are_paired_and_p_is_normal(make_run: MakeRun, tmp_path: Path) -> None:
    tables = [make_run(name, predictions(correct(100), noise, seed)) for name, noise, seed in (("a", 0.3, 1), ("b", 0.34, 2))]
    comparison = compare(load(tmp_path), ["ccc_valence", "rmse_arousal"])
    counts = resample_counts(IMAGES, RESAMPLES, SEED)
    one, two = (bootstrap_measures(table, counts) for table in tables)
    for measure in ("ccc_valence", "rmse_arousal"):
        drawn = one[measure] - two[measure]
        value = summarize(tables[0])[measure] - summarize(tables[1])[measure]
        difference = only(comparison, measure, "a", "b")
        assert difference.value == pytest.approx(value, abs=1e-9)
        assert (difference.low, difference.high) == pytest.approx(np.quantile(drawn, [0.025, 0.975]), abs=1e-5)
        assert difference.p_value == pytest.approx(2 * norm.sf(abs(value) / drawn.std()), rel=1e-3)


def test_a_run_and_its_copy_are_not_significantly_different(make_run: MakeRun, tmp_path: Path) -> None:
    for name in "ab":
        make_run(name, predictions(correct(100)))
    comparison = compare(load(tmp_path), ["accuracy", "ccc_valence"])
    assert {difference.p_value for difference in comparison.differences} == {1.0}
    assert {difference.value for difference in comparison.differences} == {0.0}
    assert comparison.marks["ccc_valence"] == {"a": "best", "b": "like best"}


def test_holm_runs_over_all_pairs_of_a_measure(make_run: MakeRun, tmp_path: Path) -> None:
    for name, number, shift in (("a", 120, 0), ("b", 100, 30), ("c", 112, 4)):
        make_run(name, predictions(correct(number, shift)))
    found = compare(load(tmp_path), ["accuracy"]).differences
    assert [(d.first, d.second) for d in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    # a: 0-119, b: 30-129, c: 4-115
    expected = [binomtest(b, b + c, 0.5).pvalue for b, c in ((30, 10), (8, 0), (14, 26))]
    assert [d.p_value for d in found] == pytest.approx(expected)
    order = np.argsort(expected)
    by_hand = np.empty(3)
    by_hand[order[0]] = 3 * expected[order[0]]
    by_hand[order[1]] = max(by_hand[order[0]], 2 * expected[order[1]])
    by_hand[order[2]] = max(by_hand[order[1]], expected[order[2]])
    assert [d.p_holm for d in found] == pytest.approx(np.minimum(by_hand, 1))
    assert compare(load(tmp_path), ["accuracy"]).marks["accuracy"] == {
        "a": "best",
        "b": "" if by_hand[0] < 0.05 else "like best",
        "c": "" if by_hand[1] < 0.05 else "like best",
    }


def test_lower_is_better_for_errors(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("exact", predictions(correct(100), noise=0.1))
    make_run("rough", predictions(correct(100), noise=0.5))
    comparison = compare(load(tmp_path), ["rmse_valence", "ccc_valence"], baseline="exact")
    assert comparison.marks["rmse_valence"] == {"exact": "best", "rough": ""}
    assert comparison.marks["ccc_valence"] == {"exact": "best", "rough": ""}
    # The baseline comes first in the pair, so the difference is turned round.
    pair = only(comparison, "rmse_valence", "exact", "rough")
    turned = comparison.against_baseline("rough", "rmse_valence")
    assert turned is not None
    assert turned.value == -pair.value > 0
    assert (turned.low, turned.high) == (-pair.high, -pair.low)
    assert (turned.first, turned.second) == ("rough", "exact")


def test_what_a_run_does_not_say_is_not_compared(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("both", predictions(correct(100)))
    make_run("other", predictions(correct(90)))
    silent = predictions(correct(100))
    silent[[f"prob_{name}" for name in EXPRESSIONS]] = np.nan
    make_run("silent", silent)
    comparison = compare(load(tmp_path), ["accuracy", "ccc_valence"], baseline="silent")
    assert {(d.first, d.second) for d in comparison.differences if d.measure == "accuracy"} == {("both", "other")}
    assert comparison.marks["accuracy"]["silent"] == ""
    assert comparison.against_baseline("both", "accuracy") is None
    assert comparison.against_baseline("both", "ccc_valence") is not None


def test_undefined_resamples_do_not_count(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, noise in (("a", 0.2), ("b", 0.4)):
        make_run(name, predictions(correct(100), noise))
    full = compare(load(tmp_path), ["ccc_valence"]).differences[0]

    def holes(*args: Any) -> Any:
        summary = load_summary(*args)
        drawn = summary.replicates["ccc_valence"].copy()
        drawn[::2] = np.nan
        return replace(summary, replicates={"ccc_valence": drawn})

    monkeypatch.setattr("emotion_core.compare.pairs.load_summary", holes)
    half = compare(load(tmp_path), ["ccc_valence"]).differences[0]
    assert half.value == full.value
    assert (half.low, half.high) == pytest.approx((full.low, full.high), abs=0.02)


def test_refusals_say_why(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("base", predictions(correct(100)))
    make_run("seven", predictions(correct(100)), num_classes=7)
    make_run("validated", predictions(correct(100)), split="val", chosen_by={})
    make_run("elsewhere", predictions(correct(100)), fingerprint="xyz")
    make_run("flattered", predictions(correct(100)), chosen_by={**SELECTION, "split": "test"})
    comparison = compare(load(tmp_path), ["accuracy"], baseline="base")
    reasons = {entry.name: reason for entry, reason in comparison.apart}
    assert reasons == {
        "seven": "base decides between 8 expressions, seven between 7.",
        "validated": "base was measured on faces-test, validated on faces-val.",
        "elsewhere": "base and elsewhere were measured on other images or labels of faces-test.",
        "flattered": "The images of 'test' also chose the checkpoint of flattered, so its figures flatter it.",
    }
    assert [entry.name for entry in comparison.entries] == ["base"]
    assert comparison.differences == ()
    reported = reported_entries("affectnet-3999")[0]
    [base] = load(tmp_path, "base")
    assert why_not_comparable(base, reported) == f"{reported.name} is reported: without its predictions nothing can be tested."
    assert why_not_comparable(base, base) is None


def test_a_flattered_run_does_not_decide_what_is_comparable(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a-flattered", predictions(correct(150)), chosen_by={**SELECTION, "split": "test"})
    make_run("b", predictions(correct(100)))
    make_run("c", predictions(correct(90)))
    comparison = compare(load(tmp_path), ["accuracy"])
    assert [entry.name for entry in comparison.entries] == ["b", "c"]
    assert [entry.name for entry, _ in comparison.apart] == ["a-flattered"]
    chosen = compare(load(tmp_path), ["accuracy"], baseline="a-flattered")
    assert chosen.entries == ()
    assert chosen.baseline is None


def test_reported_entries_stand_apart_without_intervals(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(100)), dataset="affectnet-3999")
    beside = reported_entries("affectnet-3999")
    assert {entry.dataset for entry in beside} == {"affectnet-3999", "affectnet-validation-4000"}
    assert len(beside) == sum(system.dataset.startswith("affectnet") for system in load_reported())
    assert not any("seconds_per_epoch" in entry.measures or "num_params_millions" in entry.measures for entry in beside)
    comparison = compare([*beside, *load(tmp_path)], ["accuracy"])
    assert [entry.name for entry in comparison.entries] == ["a"]
    assert len(comparison.apart) == len(beside)
    table = comparison_table(comparison, ["accuracy"])
    rows = table[table["kind"] == "reported"]
    assert rows["accuracy_low"].isna().all()
    assert (rows["accuracy_mark"] == "").all()
    assert rows["images"].isna().all()
    assert rows["source"].str.len().gt(0).all()
    alone = compare(beside, ["accuracy"])
    assert {reason for _, reason in alone.apart} == {"No run to compare with."}


def test_a_run_without_usable_predictions_stands_apart(make_run: MakeRun, tmp_path: Path) -> None:
    for name in "abcd":
        make_run(name, predictions(correct(100)))
    folder = tmp_path / "{}" / "evaluations" / "faces-test"
    Path(str(folder).format("b")).joinpath("predictions.parquet").unlink()
    Path(str(folder).format("c")).joinpath("predictions.parquet").write_bytes(b"no table")
    other = predictions(correct(100)[:150])
    write_evaluation(
        tmp_path / "d", "faces", "test", json.loads(Path(str(folder).format("d"), "metrics.json").read_text()), other
    )
    # What earlier versions stored does not name its predictions, so that they are missed by whoever reads them.
    without = json.loads(Path(str(folder).format("c"), "metrics.json").read_text())
    del without["predictions"]
    Path(str(folder).format("c"), "metrics.json").write_text(json.dumps(without))
    comparison = compare(load(tmp_path), ["accuracy"], baseline="a")
    reasons = {entry.name: reason for entry, reason in comparison.apart}
    assert [entry.name for entry in comparison.entries] == ["a"]
    assert "predictions.parquet' cannot be read" in reasons["b"]
    assert "predictions.parquet' cannot be read" in reasons["c"]
    assert reasons["d"] == "d has predictions for 150 images and measures of 200. Evaluate it again."


def test_unknown_names_are_refused(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(100)))
    with pytest.raises(ConfigError, match=r"The baseline 'b' is not among the runs: a"):
        compare(load(tmp_path), ["accuracy"], baseline="b")
    with pytest.raises(ConfigError, match=r"There is no measure 'acuracy'. Known: accuracy, "):
        compare(load(tmp_path), ["acuracy"])


def test_a_store_names_what_it_cannot_read(make_run: MakeRun, tmp_path: Path) -> None:
    for name in ("good", "list", "old", "text", "moved"):
        make_run(name, predictions(correct(100)))
    (tmp_path / "empty").mkdir()
    file = {name: tmp_path / name / "evaluations" / "faces-test" / "metrics.json" for name in ("list", "old", "text")}
    file["list"].write_text('{"dataset": "faces", "split": "test", "images": 3, "fingerprint": "a", "measures": []}')
    file["old"].write_text('{"dataset": "faces", "split": "test", "measures": {}}')
    file["text"].write_text("{")
    (tmp_path / "moved" / "evaluations" / "faces-test").rename(tmp_path / "moved" / "evaluations" / "faces-val")
    store = load_store(tmp_path)
    assert [entry.name for entry in store.entries] == ["good"]
    assert len(store.problems) == 5
    for problem, words in zip(
        store.problems,
        ("No checkpoint at", "'list", "it belongs to faces-test", "fingerprint", "is not readable JSON"),
        strict=True,
    ):
        assert words in problem or "list" in problem
    assert all("Evaluate again." in problem for problem in store.problems[1:])
    assert load_store(tmp_path / "nowhere") == Store(entries=(), problems=())


def test_what_a_run_costs_is_known(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(100)), info={"timings": {"ms_per_face": 9.5, "note": "warm"}})
    (tmp_path / "a" / "model.safetensors").write_bytes(b"\0" * 2_000_000)
    [entry] = load(tmp_path)
    assert entry.facts == {"num_params_millions": 1.5, "size_mb": 2.0, "training_minutes": 1.5, "ms_per_face": 9.5}


def test_the_table_has_a_row_an_entry(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(120)), collapse=["It collapsed.", "Twice."])
    make_run("b", predictions(correct(100, 30)))
    make_run("c", predictions(correct(100)), fingerprint="other")
    table = comparison_table(compare(load(tmp_path), ["accuracy"], baseline="b"), ["accuracy"])
    assert table["name"].tolist() == ["a", "b", "c"]
    assert table["images"].dtype == table["seed"].dtype == "Int64"
    assert table["images"].tolist() == [200, 200, 200]
    assert table["accuracy"].tolist() == pytest.approx([0.6, 0.5, 0.5])
    assert table["accuracy_low"].tolist() == pytest.approx([0.59, 0.49, 0.49])
    assert table["accuracy_mark"].tolist() == ["best", "", ""]
    assert table["accuracy_diff"][0] == pytest.approx(0.1)
    assert table["accuracy_diff"].isna().tolist() == [False, True, True]
    assert table["collapsed"].tolist() == ["It collapsed. Twice.", "", ""]
    assert table["chosen_by"][0] == "epoch 3, chosen by accuracy 0.500 on val"
    assert table["apart"].str.contains("other images").tolist() == [False, False, True]
    without = comparison_table(compare(load(tmp_path), ["accuracy"]), ["accuracy"])
    assert "accuracy_diff" not in without


def test_entries_are_found_by_name(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(100)))
    make_run("a", predictions(correct(100)), split="val", chosen_by={})
    make_run("b", predictions(correct(100)), split="val", chosen_by={})
    store = load_store(tmp_path)
    assert [entry.evaluation for entry in find_entries(store, ["a"])] == ["faces-test"]
    assert [entry.evaluation for entry in find_entries(store, ["a", "b"], evaluation="faces-val")] == ["faces-val"] * 2
    # The first run decides where nobody says.
    assert [entry.evaluation for entry in find_entries(store, ["b", "a"])] == ["faces-val"] * 2
    with pytest.raises(CheckpointError, match=r"'b' was not evaluated on faces-test; it was on faces-val\."):
        find_entries(store, ["a", "b"])
    with pytest.raises(CheckpointError, match=r"'c' has no evaluation. Evaluated runs: a, b\."):
        find_entries(store, ["c"])
    with pytest.raises(CheckpointError, match=r"Evaluated runs: none\."):
        find_entries(Store(entries=(), problems=()), ["c"])
    for number in range(6):
        make_run(f"run-{number}", predictions(correct(100)))
    with pytest.raises(CheckpointError, match=r"mean 'run-5'\? Evaluated runs: a, b, .* and 3 more, which '.* runs'"):
        find_entries(load_store(tmp_path), ["run-55"])


def test_a_name_of_before_is_that_of_now(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_experiment(tmp_path, "affectnet")
    make_run("affectnet/custom_cnn", predictions(correct(100)))
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))
    [entry] = find_entries(load_store(tmp_path), ["affectnet-custom_cnn"])
    assert entry.name == "affectnet/custom_cnn"


def test_text_for_a_terminal(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(120)))
    make_run("longer", predictions(correct(100, 30)), collapse=["It collapsed."])
    beside = Entry(
        name="r",
        kind="reported",
        backbone="x",
        dataset="faces",
        split="some",
        num_classes=7,
        measures={"accuracy": Measure(value=0.7)},
    )
    comparison = compare([*load(tmp_path), beside], ["accuracy", "rmse_valence"], baseline="longer")
    lines = render_text(comparison, ["accuracy", "rmse_valence"]).splitlines()
    assert lines[0] == "accuracy (higher is better)"
    assert lines[1].startswith("* a        0.600 [0.590, 0.610]  +0.100 [")
    assert lines[1].endswith(f"p {binomtest(10, 40, 0.5).pvalue:.3f}  significantly better")
    assert lines[2] == "  longer   0.500 [0.490, 0.510]"
    assert lines[3].split() == ["r", "0.700", "reported"]
    assert "rmse_valence (lower is better)" in lines
    assert "not tested: r is reported: without its predictions nothing can be tested." in lines
    assert "collapsed: longer: It collapsed." in lines
    assert lines[-1].startswith("* best   = not significantly different from the best")
    with pytest.raises(ConfigError, match=r"No run has the measure 'colour'. Known: accuracy, "):
        render_text(comparison, ["colour"])


def test_on_some_images_everything_is_that_of_these_images(make_run: MakeRun, tmp_path: Path) -> None:
    tables = {
        name: make_run(name, predictions(correct(number, shift))) for name, number, shift in (("a", 150, 0), ("b", 150, 50))
    }
    entries = load_store(tmp_path).entries
    subset = frozenset(f"{number:05}.jpg" for number in range(100))
    judged = [judge_subset(entry, subset) for entry in entries]
    # Of the first hundred images a has all right, b fifty.
    assert [entry.measures["accuracy"].value for entry in judged] == [1.0, 0.5]
    assert [entry.images for entry in judged] == [100, 100]
    low = np.quantile(bootstrap_measures(tables["b"].iloc[:100], resample_counts(100, RESAMPLES, SEED))["accuracy"], 0.025)
    assert judged[1].measures["accuracy"].low == pytest.approx(low, abs=1e-6)
    comparison = compare(judged, ["accuracy"], baseline="b")
    difference = comparison.against_baseline("a", "accuracy")
    assert difference is not None
    assert difference.value == 0.5
    assert difference.p_value == pytest.approx(binomtest(0, 50).pvalue)
    # What is judged on other images is not compared.
    assert "other images" in str(why_not_comparable(judged[0], entries[1]))


def test_some_images_that_are_not_there(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("a", predictions(correct(150)))
    (entry,) = load_store(tmp_path).entries
    with pytest.raises(CheckpointError, match="predictions for 1 of 2 images"):
        judge_subset(entry, frozenset({"00001.jpg", "elsewhere.jpg"}))
    with pytest.raises(CheckpointError, match="No image is left"):
        judge_subset(entry, frozenset())
    with pytest.raises(ConfigError, match="is reported"):
        judge_subset(replace(entry, run=None), frozenset({"00001.jpg"}))


def test_a_last_epoch_says_that_nothing_chose_it(make_run: MakeRun, tmp_path: Path) -> None:
    make_run("last", predictions(correct(100)), chosen_by={**SELECTION, "keep": "last"})
    [words] = comparison_table(compare(load(tmp_path), ["accuracy"]), ["accuracy"])["chosen_by"]
    assert words == "epoch 3, the last one (accuracy 0.500 on val chose nothing)"


def test_runs_whose_outputs_are_averaged_over_mirror_images_say_so(make_run: MakeRun, tmp_path: Path) -> None:
    for seed, flip in enumerate((False, True, True)):
        make_run(f"run-{seed}", predictions(correct(100 + seed)), info={"seed": seed}, flip=flip)
    entries = load(tmp_path)
    assert [entry.views for entry in entries] == [1, 2, 2]
    assert comparison_table(compare(entries, ["accuracy"]), ["accuracy"])["views"].tolist() == [1, 2, 2]
    # Measured otherwise, the first is no other seed of the same.
    [spread] = seed_spread(entries, "accuracy")
    assert spread.names == ("run-1", "run-2")
    assert reported_entries("ferplus")[0].views is None
