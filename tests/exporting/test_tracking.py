"""A run in MLflow says what its folder says, read back by MLflow's own client."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from emotion_core.cli import main
from emotion_core.errors import ConfigError
from emotion_core.exporting import export_to_mlflow
from emotion_core.exporting.tracking import parameters
from emotion_core.results.find import find_run
from emotion_core.results.run import append_history
from tests.stored import random_predictions, store, write_run

pytestmark = [pytest.mark.filterwarnings("ignore::DeprecationWarning"), pytest.mark.filterwarnings("ignore::FutureWarning")]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path / "checkpoints"))
    training = {"title": "A recipe", "loss": {"smoothing": 0.1}, "phases": []}
    path = write_run(tmp_path / "checkpoints" / "one", seed=7, training={"loss": training["loss"], "title": training["title"]})
    store(path, random_predictions())
    for epoch in (1, 2, 3):
        append_history(path, {"epoch": epoch, "phase": "all", "loss": 1 / epoch, "val_accuracy": None})
    return path


def test_everything_is_read_back(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    # A store of plain files: making MLflow's database takes longer than a hundred tests.
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    folder = tmp_path / "tracked"
    assert main(["export", "one", "--to", "mlflow", "--out", folder.as_uri()]) == 0
    said = capsys.readouterr().out
    client = mlflow.MlflowClient(folder.as_uri())
    [experiment] = [one for one in client.search_experiments() if one.name == "emotion_core"]
    [made] = client.search_runs([experiment.experiment_id])
    assert made.info.run_id in said
    assert (made.info.status, made.info.run_name) == ("FINISHED", "one")
    assert made.data.params["seed"] == "7"
    assert made.data.params["training.loss.smoothing"] == "0.1"
    stored = find_run(run).evaluations["faces-test"]["measures"]["accuracy"]
    for end, part in (("", "value"), (".low", "low"), (".high", "high")):
        assert made.data.metrics[f"faces-test/accuracy{end}"] == pytest.approx(stored[part])
    steps = client.get_metric_history(made.info.run_id, "history/loss")
    assert [(one.step, one.value) for one in steps] == [(1, 1.0), (2, 0.5), (3, pytest.approx(1 / 3))]
    names = {one.path for one in client.list_artifacts(made.info.run_id)}
    assert {"README.md", "run.json", "history.jsonl", "evaluations"} <= names
    table = next(folder.rglob("predictions.parquet"))
    pd.testing.assert_frame_equal(pd.read_parquet(table), find_run(run).evaluation("faces-test").predictions())
    # Not twice, as long as nothing changes.
    again = export_to_mlflow(find_run(run), folder.as_uri())
    assert again == made.info.run_id
    append_history(run, {"epoch": 4, "loss": 0.2})
    assert export_to_mlflow(find_run(run), folder.as_uri()) != again


def test_what_hinders_is_said(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ConfigError, match="cannot be made"):
        export_to_mlflow(find_run(run), str(tmp_path / "file" / "inside"))
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ConfigError, match="pip install mlflow-skinny"):
        export_to_mlflow(find_run(run), str(tmp_path / "tracked"))


def test_parameters_are_text_without_what_is_empty(run: Path) -> None:
    found = dict(parameters(find_run(run)))
    assert json.loads(found["outputs"]) == ["expression", "affect"]
    assert "variant_of" not in found
    assert all(isinstance(value, str) and value for value in found.values())
