"""Measures of stored evaluations, computed again; and one row of the table of measures, found wherever measures are shown."""

from __future__ import annotations

import importlib.util
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.cli import main
from emotion_core.compare import compare, comparison_table, load_store
from emotion_core.data.affectnet import load_affectnet
from emotion_core.errors import CheckpointError
from emotion_core.metrics.summary import summarize
from emotion_core.metrics.table import METRICS, Metric
from emotion_core.remeasure import Change, remeasure
from emotion_core.results.card import render_card
from emotion_core.results.find import find_run
from emotion_core.results.run import Run, write_evaluation
from emotion_core.results.summaries import load_summary, read_predictions
from tests.compare.stored import correct
from tests.stored import predictions, write_run
from tests.stored import store as store_evaluation

ROOT = Path(__file__).resolve().parents[1]
KEY = "faces-test"
MakeRun = Callable[..., Path]
Capture = pytest.CaptureFixture[str]

TOY = Metric(
    name="hits",
    title="toy hits",
    better="higher",
    scale="0 to 200.",
    meaning="Number of images whose predicted expression is the true one.",
    function=lambda preds, target: float((preds == target).sum()),
)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Stores evaluations as they would be without the two newest measures."""
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))

    def store_one(name: str, right: int = 120, dataset: str = "faces", **changes: Any) -> Run:
        table = predictions(correct(right), seed=right)
        write_run(tmp_path / name)
        later = {"temperature": 1.5, "collapse": [], "measures": measures_of(table)}
        store_evaluation(tmp_path / name, table, dataset, **{**later, **changes})
        return find_run(tmp_path / name)

    return store_one


def measures_of(table: pd.DataFrame) -> dict[str, dict[str, float]]:
    from emotion_core.results.summaries import summarise_predictions

    measures = summarise_predictions(table).with_intervals()
    return {name: entry for name, entry in measures.items() if name not in ("balanced_accuracy", "top2_accuracy")}


def files(run: Run) -> dict[str, bytes]:
    return {str(path.relative_to(run.path)): path.read_bytes() for path in sorted(run.path.rglob("*")) if path.is_file()}


def test_what_is_missing_is_added_and_all_else_stays(store: Callable[..., Run]) -> None:
    run = store("one", members=["a"], reviewed={"images": 3, "undecided": 1})
    before, old = run.evaluations[KEY], files(run)
    found = remeasure(run, KEY)
    assert (found.same, found.changed, found.gone) == (3 * len(before["measures"]), (), ())
    assert found.new == ("balanced_accuracy", "top2_accuracy")
    after = run.evaluations[KEY]
    expected = summarize(read_predictions(run, KEY))
    assert {name: entry["value"] for name, entry in after["measures"].items()} == pytest.approx(expected)
    assert list(after["measures"]) == list(METRICS)
    assert {name: value for name, value in after.items() if name != "measures"} == {
        name: value for name, value in before.items() if name != "measures"
    }
    assert list(after) == list(before)
    parquet = f"evaluations/{KEY}/predictions.parquet"
    assert files(run)[parquet] == old[parquet]
    assert remeasure(run, KEY).new == ()


def test_changed_numbers_are_told_and_put_right(store: Callable[..., Run]) -> None:
    run = store("one")
    metrics = run.evaluations[KEY]
    accuracy = metrics["measures"]["accuracy"]
    wrong = {**metrics, "measures": {**metrics["measures"], "accuracy": {**accuracy, "value": 0.9}, "old": accuracy}}
    write_evaluation(run.path, "faces", "test", wrong, read_predictions(run, KEY))
    looked = remeasure(run, KEY, store=False)
    assert run.evaluations[KEY] == wrong
    found = remeasure(run, KEY)
    assert found == looked
    assert found.changed == (Change(place="measures.accuracy.value", before=0.9, after=0.6),)
    assert found.gone == ("old",)
    assert run.evaluations[KEY]["measures"]["accuracy"] == accuracy
    assert "old" not in run.evaluations[KEY]["measures"]


def test_undefined_measures_are_the_same_as_undefined_ones(store: Callable[..., Run]) -> None:
    run = store("one")
    table = predictions(correct(120)).assign(pred_valence=0.25)
    write_evaluation(run.path, "faces", "test", {**run.evaluations[KEY], "measures": measures_of(table)}, table)
    assert run.evaluations[KEY]["measures"]["corr_valence"] == {"value": None, "low": None, "high": None}
    assert remeasure(run, KEY).changed == ()


def test_figures_without_leaked_images_need_to_know_which(store: Callable[..., Run]) -> None:
    table = predictions(correct(120), seed=120)
    ids = frozenset(table["sample_id"][:30])
    rest = {"images": 170, "left_out": 30, "measures": measures_of(table.iloc[30:])}
    run = store("one", without_leaked=rest)
    found = remeasure(run, KEY)
    assert found.leaks_unknown
    assert run.evaluations[KEY]["without_leaked"] == rest
    found = remeasure(run, KEY, find_leaked=lambda _run, dataset, split: ids if (dataset, split) == ("faces", "test") else None)
    assert not found.leaks_unknown
    assert (found.same, found.changed) == (3 * (len(METRICS) + len(rest["measures"])), ())
    stored = run.evaluations[KEY]["without_leaked"]
    assert (stored["images"], stored["left_out"], stored["ids"]) == (170, 30, sorted(ids))
    assert stored["measures"]["top2_accuracy"]["value"] == pytest.approx(summarize(table.iloc[30:])["top2_accuracy"])
    # From now on the evaluation says it itself.
    assert not remeasure(run, KEY).leaks_unknown
    assert run.evaluations[KEY]["without_leaked"] == stored
    # Looked for and not found: the figures without them go.
    assert remeasure(run, KEY, find_leaked=lambda *_: frozenset()).changed == ()
    assert "without_leaked" not in run.evaluations[KEY]


def test_what_cannot_be_measured_again_is_said_and_stays(store: Callable[..., Run]) -> None:
    run = store("one", images=199)
    old = files(run)
    with pytest.raises(CheckpointError, match="predictions for 200 images of faces-test and measures of 199"):
        remeasure(run, KEY)
    with pytest.raises(CheckpointError, match="'one' has no evaluation faces-val"):
        remeasure(run, "faces-val")
    run = store("one", without_leaked={"ids": ["a"], "measures": 3})
    with pytest.raises(CheckpointError, match=r"cannot be used: expected `object`, got `int` at without_leaked\.measures"):
        remeasure(run, KEY)
    run = store("one", images=199)
    assert files(run) == old


def test_a_whole_shelf_by_command(store: Callable[..., Run], capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    good, bad = store("good"), store("other", images=199)
    old = files(bad)
    assert main(["remeasure", "--all", "--dry-run"]) == 1
    assert list(good.evaluations[KEY]["measures"]) != list(METRICS)
    capsys.readouterr()
    assert main(["remeasure", "--all"]) == 1
    printed = capsys.readouterr()
    known = 3 * (len(METRICS) - 2)
    assert f"good on faces-test: {known} the same, 0 changed, 2 new" in printed.out
    assert printed.out.splitlines()[-1] == (
        f"1 evaluation: of {known} stored numbers {known} are the same, 0 changed; new: balanced accuracy, top-2 accuracy"
    )
    assert "Error: 'other' has predictions for 200 images" in printed.err
    assert list(good.evaluations[KEY]["measures"]) == list(METRICS)
    assert "| top-2 accuracy ↑ |" in (good.path / "README.md").read_text(encoding="utf-8")
    assert files(bad) == old
    assert main(["remeasure", "good"]) == 0


@pytest.mark.parametrize("arguments", [[], ["--all", "one"]])
def test_runs_or_all_of_them(store: Callable[..., Run], arguments: list[str], capsys: Capture) -> None:
    store("one")
    assert main(["remeasure", *arguments]) == 1
    assert "Which runs? Name some, or pass --all." in capsys.readouterr().err


def test_a_name_that_is_none_stops_before_anything_is_written(store: Callable[..., Run], capsys: Capture) -> None:
    run = store("one")
    old = files(run)
    assert main(["remeasure", "one", "two"]) == 1
    assert "No checkpoint at 'two'" in capsys.readouterr().err
    assert files(run) == old


def test_leaked_images_are_those_that_the_evaluation_found(
    make_run: MakeRun, write_affectnet: Callable[..., Path], tmp_path: Path, capsys: Capture
) -> None:
    generator = np.random.default_rng(0)
    rows = [(i % 8, (i % 5 - 2) / 2, 0.25, generator.integers(0, 255, (48, 48, 3), dtype=np.uint8)) for i in range(80)]
    data = write_affectnet(tmp_path / "data", rows).parent
    table = load_affectnet(data)
    train, val, test = (table.split(split).sample_ids for split in ("train", "val", "test"))
    for source, target in ((train[0], test[3]), (val[0], test[5])):
        shutil.copyfile(data / table.name / source, data / table.name / target)
    # The second run was trained on the validation images too.
    paths = [make_run("one"), make_run("two", dataset={"learn_from": "train + val"})]
    options = ["--data-root", str(data)]
    for name in ("one", "two"):
        assert main(["evaluate", name, "--dataset", "affectnet-3999", *options, "--device", "cpu"]) == 0
    evaluated = [find_run(path).evaluations["affectnet-3999-test"] for path in paths]
    assert [metrics["without_leaked"]["ids"] for metrics in evaluated] == [[test[3]], sorted([test[3], test[5]])]
    for path, metrics in zip(paths, evaluated, strict=True):
        file = path / "evaluations" / "affectnet-3999-test" / "metrics.json"
        del (stored := json.loads(file.read_text()))["without_leaked"]["ids"]
        file.write_text(json.dumps(stored))
        (path / "model.safetensors").unlink()
        assert stored != metrics
    assert main(["remeasure", "--all", *options]) == 0
    assert [find_run(path).evaluations["affectnet-3999-test"] for path in paths] == evaluated
    assert "0 changed" in capsys.readouterr().out.splitlines()[-1]
    assert main(["remeasure", "one", "--data-root", str(tmp_path)]) == 0
    assert "Leaked images of 'affectnet-3999' are not looked for: " in capsys.readouterr().err
    assert find_run(paths[0]).evaluations["affectnet-3999-test"] == evaluated[0]


@pytest.fixture
def results() -> ModuleType:
    spec = importlib.util.spec_from_file_location("results", ROOT / "scripts" / "results.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_one_row_is_a_measure_everywhere(
    store: Callable[..., Run], results: ModuleType, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [store("first", 150, dataset="ferplus"), store("second", 100, dataset="ferplus")]
    compare(load_store(tmp_path).entries, ["accuracy"])  # keeps summaries that know nothing of the row
    monkeypatch.setitem(METRICS, "hits", TOY)
    assert summarize(predictions(correct(120)))["hits"] == 120
    assert main(["remeasure", "--all"]) == 0
    assert "toy hits" in capsys.readouterr().out.splitlines()[-1]
    stored = runs[0].evaluations["ferplus-test"]["measures"]["hits"]
    assert stored["value"] == 150
    assert stored["low"] < 150 < stored["high"]
    assert load_summary(runs[0], "ferplus-test").interval("hits") == pytest.approx((stored["low"], stored["high"]))
    comparison = compare(load_store(tmp_path).entries, ["hits"], baseline="first")
    [difference] = comparison.differences
    assert difference.value == 50
    assert difference.low < 50 < difference.high
    assert difference.p_holm < 0.05
    assert comparison.marks["hits"] == {"first": "best", "second": ""}
    assert {"hits", "hits_low", "hits_diff"} <= set(comparison_table(comparison, ["hits"]).columns)
    assert f"| toy hits ↑ | 150.000 | {stored['low']:.3f} to {stored['high']:.3f} |" in render_card(runs[0])
    assert main(["compare", "first", "second", "--measures", "hits"]) == 0
    assert "hits (higher is better)\n* first  150.000" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["compare", "--help"])
    assert f"toy hits ↑: {TOY.meaning}" in " ".join(capsys.readouterr().out.split())
    table = results.render(tmp_path, measures=("hits",))
    assert "| run | toy hits ↑ |" in table
    assert f"| `first` | **150.000 [{stored['low']:.3f}, {stored['high']:.3f}]** |" in table
