from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.errors import CheckpointError, CheckpointNotFoundError
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.evaluation import DIGEST, PREDICTION_COLUMNS
from emotion_core.results.find import checkpoints_folder, find_run, list_runs
from emotion_core.results.run import (
    LATER_NETWORK,
    LATER_TRAINING,
    DamagedRun,
    Run,
    RunInfo,
    append_history,
    read_history,
    read_run,
    write_evaluation,
    write_history,
    write_info,
)
from emotion_core.training.config import TrainConfig
from emotion_core.training.record import plain, recorded

INFO = RunInfo(
    network={"backbone": "custom_cnn", "input_size": 48, "mean": [0.5]},
    outputs=("expression",),
    training={"epochs": 3, "network": {"dropout": 0.1}},
    dataset={"name": "ferplus", "train": {"images": 3, "fingerprint": "abc"}},
    selection={"measure": "accuracy", "epoch": 2, "value": 0.5},
    init="imagenet",
    seed=7,
    num_params=12,
    temperature=1.25,
    device="Überrechner",
    seconds=1.5,
    versions={"python": "3"},
    finished=True,
)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    write_info(tmp_path / "runs" / "one", INFO)
    return tmp_path / "runs" / "one"


def edit(run: Path, **changes: Any) -> None:
    data = json.loads((run / "run.json").read_text(encoding="utf-8"))
    data.update(changes)
    (run / "run.json").write_text(json.dumps(data), encoding="utf-8")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def predictions(count: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({column: rng.random(count) for column in PREDICTION_COLUMNS})
    frame["sample_id"] = [f"images/{number}.jpg" for number in range(count)]
    frame["expression"] = [EXPRESSIONS[number % 8] for number in range(count)]
    frame.loc[0, "valence"] = np.nan
    return frame


def test_everything_about_a_run_comes_back(run: Path) -> None:
    read = read_run(run)
    assert read.info == INFO
    assert (read.name, read.info.backbone, read.info.input_size) == ("one", "custom_cnn", 48)
    assert names(run) == ["run.json"]
    assert json.loads((run / "run.json").read_text(encoding="utf-8"))["schema_version"] == 1


def test_a_run_without_weights_is_valid(run: Path) -> None:
    assert not read_run(run).has_weights
    (run / "model.safetensors").write_bytes(b"")
    assert read_run(run).has_weights


def test_writing_replaces_whole_files(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = (run / "run.json").read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_info(run, replace(INFO, seed=8))
    assert (run / "run.json").read_bytes() == before
    assert names(run) == ["run.json"]


def test_entries_of_other_programs_are_ignored(run: Path) -> None:
    edit(run, colour="red")
    assert read_run(run).info == INFO


@pytest.mark.parametrize("content", [b"", b"{", b'{"schema_version": 1,}', b"\xff\xfe", b"[" * 100_000])
def test_damaged_json_is_refused(run: Path, content: bytes) -> None:
    (run / "run.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"run.json' is not readable JSON .*Restore it, or train the run again"):
        read_run(run)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"schema_version": 2}, "has schema version 2; this version reads 1. Update the program"),
        ({"schema_version": None}, "has schema version None"),
        ({"network": {"input_size": 48}}, "lacks 'network' with 'backbone' and 'input_size'"),
        ({"network": {"backbone": "custom_cnn"}}, "lacks 'network'"),
        ({"network": {"backbone": None, "input_size": 48}}, "lacks 'network'"),
        ({"network": {"backbone": "custom_cnn", "input_size": "big"}}, "lacks 'network'"),
        ({"network": ["custom_cnn", 48]}, "lacks 'network'"),
        ({"network": None}, "lacks 'network'"),
        ({"class_names": ["happy", "sad"]}, "names other expressions than this program"),
        ({"class_names": list(reversed(EXPRESSIONS))}, "names other expressions"),
        ({"class_names": 8}, "has the class_names 8, which is not of the right type"),
        ({"outputs": "expression"}, "has the outputs 'expression', which is not of the right type"),
        ({"seed": "7"}, "has the seed '7', which is not of the right type"),
        ({"seed": True}, "has the seed True"),
        ({"finished": 1}, "has the finished 1"),
        ({"dataset": None}, "has the dataset None"),
        ({"temperature": 0}, "has the temperature 0; it has to be a number above 0"),
        ({"temperature": -1.5}, "has the temperature -1.5"),
        ({"temperature": float("nan")}, "NaN is no number in JSON"),
        ({"temperature": float("inf")}, "Infinity is no number in JSON"),
        ({"temperature": "1"}, "has the temperature '1'"),
    ],
)
def test_a_file_that_does_not_describe_a_run_is_refused(run: Path, changes: dict[str, Any], message: str) -> None:
    edit(run, **changes)
    with pytest.raises(CheckpointError, match=message):
        read_run(run)


@pytest.mark.parametrize("content", ["[]", "null", "1", '{"network": {}}'])
def test_json_without_a_schema_is_refused(run: Path, content: str) -> None:
    (run / "run.json").write_text(content)
    with pytest.raises(CheckpointError, match="has no 'schema_version', so it does not describe a run"):
        read_run(run)


def test_listing_keeps_damaged_runs_with_their_reason(run: Path) -> None:
    folder = run.parent
    write_info(folder / "three", INFO)
    for name, content in (("broken", "{"), ("zz-old", '{"schema_version": 0}'), (".hidden", "{}")):
        (folder / name).mkdir()
        (folder / name / "run.json").write_text(content)
    (folder / "empty").mkdir()
    (folder / "note.txt").write_text("no run")
    listed = list_runs(folder)
    assert [entry.name for entry in listed] == ["broken", "empty", "one", "three", "zz-old"]
    assert [type(entry) for entry in listed] == [DamagedRun, DamagedRun, Run, Run, DamagedRun]
    reasons = [entry.reason for entry in listed if isinstance(entry, DamagedRun)]
    assert "is not readable JSON" in reasons[0]
    assert "No checkpoint at" in reasons[1]
    assert "schema version 0" in reasons[2]
    assert list_runs(folder / "nowhere") == []


def test_runs_are_found_by_name_and_by_folder(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(run.parent))
    assert checkpoints_folder() == run.parent
    assert find_run("one").path == run
    assert find_run(run).path == run
    assert find_run(str(run)).info == INFO


@pytest.mark.parametrize(
    "name", ["nothing", "a" * 10_000, "a\0b", "../", "../../../../etc", "~nobody-of-that-name", "one/run.json", ""]
)
def test_names_of_no_run_are_refused(run: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(run.parent))
    monkeypatch.chdir(run.parent)
    with pytest.raises(CheckpointNotFoundError, match=r"No checkpoint at '.*'. Train one with"):
        find_run(name)


def test_a_damaged_run_is_found_but_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(run.parent))
    (run / "run.json").write_text("{")
    with pytest.raises(CheckpointError, match="is not readable JSON"):
        find_run("one")


def test_history_grows_by_one_line_an_epoch(run: Path) -> None:
    assert read_history(run) == []
    rows = [{"epoch": 1, "loss": 2.5}, {"epoch": 2, "loss": 1.25, "phase": "überall"}]
    for row in rows:
        append_history(run, row)
    assert read_history(run) == rows
    assert len((run / "history.jsonl").read_text().splitlines()) == 2
    write_history(run, rows[:1])
    assert read_history(run) == rows[:1]
    assert names(run) == ["history.jsonl", "run.json"]


def test_history_is_strict_json(run: Path) -> None:
    append_history(run, {"epoch": 1, "val_ccc_valence": float("nan")})

    def refuse(name: str) -> None:
        raise AssertionError(name)

    assert json.loads((run / "history.jsonl").read_text(), parse_constant=refuse)["val_ccc_valence"] is None


@pytest.mark.parametrize("cut", range(1, 23, 3))
def test_a_torn_last_line_is_ignored(run: Path, cut: int) -> None:
    append_history(run, {"epoch": 1})
    append_history(run, {"epoch": 2, "loss": 0.5})
    file = run / "history.jsonl"
    file.write_bytes(file.read_bytes()[: -1 - cut])
    assert read_history(run) == [{"epoch": 1}]


def test_a_torn_line_in_the_middle_is_refused(run: Path) -> None:
    (run / "history.jsonl").write_text('{"epoch": 1}\n{"epoch": 2, "lo\n{"epoch": 3}\n')
    with pytest.raises(CheckpointError, match=r"Line 2 of '.*history.jsonl' is not JSON"):
        read_history(run)


def test_an_evaluation_comes_back(run: Path) -> None:
    metrics = {"accuracy": 0.5, "ccc": float("nan"), "nested": {"interval": (0.1, float("inf"))}, "n": 5}
    frame = predictions()
    folder = write_evaluation(run, "affectnet-3999", "test", metrics, frame.assign(extra=1))
    assert folder == run / "evaluations" / "affectnet-3999-test"
    assert names(folder) == ["metrics.json", "predictions.parquet"]
    expected = {"accuracy": 0.5, "ccc": None, "nested": {"interval": [0.1, None]}, "n": 5}
    [(key, stored)] = read_run(run).evaluations.items()
    assert key == "affectnet-3999-test"
    assert {name: value for name, value in stored.items() if name != DIGEST} == expected
    again = pd.read_parquet(folder / "predictions.parquet")
    assert tuple(again.columns) == PREDICTION_COLUMNS
    pd.testing.assert_frame_equal(again, frame, check_dtype=False)


def test_columns_of_predictions_are_those_of_the_design() -> None:
    assert PREDICTION_COLUMNS[:4] == ("sample_id", "expression", "valence", "arousal")
    assert PREDICTION_COLUMNS[4:12] == tuple(f"prob_{name}" for name in EXPRESSIONS)
    assert PREDICTION_COLUMNS[12:] == ("pred_valence", "pred_arousal")


def test_an_evaluation_is_replaced_only_by_a_whole_one(run: Path) -> None:
    folder = write_evaluation(run, "ferplus", "val", {"accuracy": 0.25}, predictions())
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_evaluation(run, "ferplus", "val", {"accuracy": object()}, predictions(3))
    assert {name: (folder / name).read_bytes() for name in names(folder)} == before


@pytest.mark.parametrize(
    ("dataset", "split"),
    [
        ("../x", "test"),
        ("x", "../../y"),
        ("a/b", "test"),
        ("", "test"),
        (".hidden", "test"),
        ("a\n", "t"),
        ("a b", "t"),
        ("a\0", "t"),
    ],
)
def test_names_that_lead_elsewhere_are_refused(run: Path, dataset: str, split: str) -> None:
    with pytest.raises(CheckpointError, match="cannot name an evaluation: letters, digits"):
        write_evaluation(run, dataset, split, {}, predictions())
    assert names(run) == ["run.json"]
    assert names(run.parent) == ["one"]


def test_predictions_without_a_column_are_refused(run: Path) -> None:
    with pytest.raises(CheckpointError, match="The predictions lack the column 'prob_fear'"):
        write_evaluation(run, "ferplus", "val", {}, predictions().drop(columns="prob_fear"))


def test_damaged_measures_are_left_out(run: Path) -> None:
    write_evaluation(run, "ferplus", "val", {"accuracy": 0.25}, predictions())
    folder = write_evaluation(run, "ferplus", "test", {"accuracy": 0.5}, predictions())
    (folder / "metrics.json").write_text("{")
    found, problems = read_run(run).read_evaluations()
    assert {key: metrics["accuracy"] for key, metrics in found.items()} == {"ferplus-val": 0.25}
    assert list(problems) == ["ferplus-test"]
    assert "metrics.json' is not readable JSON" in problems["ferplus-test"]


def test_settings_that_came_later_are_filled_in(tmp_path: Path) -> None:
    recent = plain(recorded(TrainConfig()))
    old = {key: value for key, value in recent.items() if key not in LATER_TRAINING}
    old["network"] = {key: value for key, value in recent["network"].items() if key not in LATER_NETWORK}
    assert old.keys() < recent.keys()
    write_info(tmp_path, RunInfo(network=old["network"], training=old))
    read = read_run(tmp_path).info
    assert read.training == recent
    assert read.network == recent["network"]


def test_runs_that_were_not_trained_get_no_settings(tmp_path: Path) -> None:
    write_info(tmp_path, RunInfo(network={"backbone": "ensemble", "input_size": 48}, training={"title": "Mean of 2 runs"}))
    assert read_run(tmp_path).info.training == {"title": "Mean of 2 runs"}
