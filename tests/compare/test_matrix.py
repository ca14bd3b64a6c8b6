from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score

from emotion_core.cli import main
from emotion_core.compare import load_store
from emotion_core.compare.matrix import generalisation_matrix, matrix_table, readable_matrix, trained_on
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.run import write_evaluation
from tests.compare.stored import MakeRun, correct
from tests.stored import PROBS, predictions


def measured(tmp_path: Path, make_run: MakeRun, name: str, rights: dict[str, int], info: dict[str, Any] | None = None) -> None:
    """A run that has so many of 200 images right on each dataset."""
    for number, (dataset, right) in enumerate(rights.items()):
        key, _, split = dataset.partition(":")
        table = predictions(correct(right))
        if not number:
            make_run(name, table, info=info, dataset=key, split=split or "test")
            continue
        metrics = json.loads(next((tmp_path / name).glob("evaluations/*/metrics.json")).read_text())
        value = balanced_accuracy_score(table["expression"], np.array(EXPRESSIONS)[said(table)])
        measures = {"balanced_accuracy": {"value": value, "low": value - 0.01, "high": value + 0.01}}
        metrics |= {"dataset": key, "split": split or "test", "measures": measures}
        write_evaluation(tmp_path / name, key, split or "test", metrics, table)


def said(table: pd.DataFrame) -> np.ndarray:
    return table[PROBS].to_numpy().argmax(axis=1)


@pytest.fixture
def store(tmp_path: Path, make_run: MakeRun) -> Path:
    start = {"dataset": {"name": "ferplus"}, "init": "imagenet"}
    measured(tmp_path, make_run, "start", {"ferplus": 160}, start)
    joint = {"dataset": {"name": "affectnet-3999", "sources": [{"dataset": "affectnet-96"}]}, "init": "start"}
    measured(tmp_path, make_run, "joint", {"sfew": 80, "affectnet-96:val": 120, "fer2013-4": 150}, joint)
    measured(tmp_path, make_run, "other", {"sfew": 40, "sfew:val": 0}, {"dataset": {"name": "mine"}})
    return tmp_path


def test_cells_are_the_measures_of_each_dataset(store: Path) -> None:
    matrix = generalisation_matrix(load_store(store).entries)
    assert matrix.evaluations == ("fer2013-4-test", "affectnet-96-val", "sfew-test")
    # A run on one dataset has no row of its own; the validation split counts where nobody was tested.
    assert list(matrix.rows) == ["joint"]
    for evaluation, right in (("fer2013-4-test", 150), ("affectnet-96-val", 120), ("sfew-test", 80)):
        cell = matrix.rows["joint"][evaluation]
        assert cell.value == pytest.approx(right / 200)
        assert (cell.low, cell.high) == pytest.approx((cell.value - 0.01, cell.value + 0.01))
    worst = matrix.worst("joint")
    assert worst is not None
    assert worst.entry.evaluation == "sfew-test"


def test_named_runs_stand_in_their_order_with_gaps(store: Path) -> None:
    matrix = generalisation_matrix(load_store(store).entries, names=["other", "start", "other"])
    assert list(matrix.rows) == ["other", "start"]
    assert readable_matrix(matrix).to_dict("records") == [
        {"run": "other", "ferplus-test": "", "sfew-test": "0.200 [0.190, 0.210]", "worst on": ""},
        {"run": "start", "ferplus-test": "0.800 [0.790, 0.810] †", "sfew-test": "", "worst on": ""},
    ]


def test_the_highest_error_is_the_worst(tmp_path: Path, make_run: MakeRun) -> None:
    measured(tmp_path, make_run, "one", {"sfew": 80, "expw": 160})
    for evaluation, value in (("sfew-test", 0.5), ("expw-test", 0.7)):
        path = tmp_path / "one" / "evaluations" / evaluation / "metrics.json"
        metrics = json.loads(path.read_text()) | {"measures": {"log_loss": {"value": value, "low": 0, "high": 1}}}
        path.write_text(json.dumps(metrics))
    worst = generalisation_matrix(load_store(tmp_path).entries, measure="log_loss").worst("one")
    assert worst is not None
    assert worst.entry.evaluation == "expw-test"


def test_what_a_run_is_trained_on_is_found_in_all_that_it_comes_from(store: Path, make_run: MakeRun) -> None:
    make_run("mean", predictions(correct(9)), info={"training": {"members": ["joint", "other", "gone"]}})
    runs = {entry.name: entry.run for entry in load_store(store).entries if entry.run is not None}
    assert trained_on(runs["start"], runs) == {"ferplus"}
    assert trained_on(runs["joint"], runs) == {"ferplus", "affectnet-3999", "affectnet-96"}
    assert trained_on(runs["mean"], runs) == {"ferplus", "affectnet-3999", "affectnet-96", "mine"}
    cells = generalisation_matrix(load_store(store).entries).rows["joint"]
    # FER-2013 has the pictures of FER+.
    assert {name: cell.trained_on for name, cell in cells.items()} == {
        "fer2013-4-test": True, "affectnet-96-val": True, "sfew-test": False,
    }  # fmt: skip


def test_a_ring_of_starts_comes_to_an_end(tmp_path: Path, make_run: MakeRun) -> None:
    make_run("a", predictions(correct(9)), info={"init": "b", "dataset": {"name": "x"}})
    make_run("b", predictions(correct(9)), info={"init": "a", "dataset": {"name": "y"}})
    runs = {entry.name: entry.run for entry in load_store(tmp_path).entries if entry.run is not None}
    assert trained_on(runs["a"], runs) == {"x", "y"}


def test_every_number_has_a_column_of_its_own(store: Path) -> None:
    table = matrix_table(generalisation_matrix(load_store(store).entries))
    assert table["dataset"].tolist() == ["fer2013-4", "affectnet-96", "sfew"]
    assert table["worst"].tolist() == [False, False, True]
    assert table["trained_on"].tolist() == [True, True, False]
    assert table["value"].tolist() == pytest.approx([0.75, 0.6, 0.4])


@pytest.mark.parametrize(
    ("names", "measure", "error", "message"),
    [
        (["joint"], "balanced", ConfigError, "There is no measure 'balanced'. Known: accuracy, balanced_accuracy, "),
        (
            ["joints"],
            "accuracy",
            CheckpointError,
            "'joints' has no evaluation. Did you mean 'joint'\\? Evaluated runs: joint, other, start",
        ),
        (["other"], "ccc_dominance", ConfigError, "There is no measure"),
    ],
)
def test_what_cannot_be_shown_is_said(
    store: Path, names: list[str], measure: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        generalisation_matrix(load_store(store).entries, names=names, measure=measure)


def test_a_measure_that_no_evaluation_has_is_said(tmp_path: Path, make_run: MakeRun) -> None:
    measured(tmp_path, make_run, "one", {"sfew": 80, "expw": 160})
    for path in tmp_path.glob("one/evaluations/*/metrics.json"):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"measures": {}}))
    with pytest.raises(ConfigError, match=r"None of these evaluations has the measure 'ece'.* remeasure RUN"):
        generalisation_matrix(load_store(tmp_path).entries, measure="ece")
    with pytest.raises(CheckpointError, match=r"No run was measured on two datasets\. Evaluate one on another dataset"):
        generalisation_matrix([])


def test_the_command_line_shows_it(store: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(store))
    assert main(["compare", "--matrix"]) == 0
    head, row, _, legend = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "fer2013-4-test", "affectnet-96-val", "sfew-test", "worst", "on"]
    assert row.startswith("joint  0.750 [0.740, 0.760] †  0.600")
    assert row.endswith("0.400 [0.390, 0.410]  sfew-test")
    assert legend == ("Balanced accuracy, [..] its 95 % interval over images. † trained on other images of this dataset.")
    assert main(["compare", "--matrix", "other", "start", "--json"]) == 0
    assert [cell["run"] for cell in json.loads(capsys.readouterr().out)] == ["other", "start"]
    assert main(["compare", "--matrix", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.startswith("| run | fer2013-4-test | affectnet-96-val | sfew-test | worst on |\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--matrix", "--baseline", "joint"], "--matrix shows runs on all of their datasets, so --baseline says nothing to it"),
        (["--matrix", "--measures", "accuracy", "ece"], "A matrix shows one measure, and 2 are named. Choose one."),
        ([], "Which runs? Name at least one"),
    ],
)
def test_bad_requests_get_a_sentence(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", *arguments]) == 1
    assert f"Error: {message}" in capsys.readouterr().err
