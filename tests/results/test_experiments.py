"""Experiments: which runs there are, what they are called, and where they lie."""

from __future__ import annotations

import csv
import json
import logging
import os
from pathlib import Path

import pytest

from emotion_core.cli import main
from emotion_core.errors import CheckpointError
from emotion_core.results import find as find_module
from emotion_core.results.audits import audit_path
from emotion_core.results.experiments import read_experiment
from emotion_core.results.find import (
    DEFAULT_RUN,
    checkpoints_folder,
    current_name,
    find_named,
    find_run,
    list_experiments,
    list_runs,
    new_name,
    out_folder,
)
from emotion_core.results.run import DamagedRun, Run, RunInfo, read_run, write_info
from tests.experiments import write_experiment

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "checkpoints"
OLD_NAMES = list(csv.DictReader((ROOT / "emotion_core" / "results" / "old_names.csv").read_text(encoding="utf-8").splitlines()))


def write_run(path: Path, **settings: object) -> Path:
    write_info(path, RunInfo(network={"backbone": "custom_cnn", "input_size": 48}, finished=True, **settings))  # type: ignore[arg-type]
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An experiment of three runs, and a run of no experiment."""
    root = tmp_path / "runs"
    for name in ("faces/a", "faces/b", "faces/c", "alone"):
        write_run(root / name)
    write_experiment(root, "faces", title="Faces", order=["c", "b"], baseline="b", first="a", benchmark="faces-test")
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(root))
    return root


def names(root: Path | None = None) -> list[str]:
    return [run.name for run in list_runs(root)]


def test_runs_stand_by_experiment_in_its_order_and_each_once(folder: Path) -> None:
    assert names() == names(folder) == ["faces/c", "faces/b", "faces/a", "alone"]
    assert [run.experiment for run in list_runs()] == ["faces", "faces", "faces", ""]
    experiment = read_experiment(folder / "faces")
    assert (experiment.title, experiment.baseline, experiment.first) == ("Faces", "faces/b", "faces/a")


def test_what_version_control_leaves_of_a_run_that_moved_is_no_run(folder: Path) -> None:
    left = folder / "moved" / "evaluations" / "faces-test"
    left.mkdir(parents=True)
    (left / "summary.npz").write_bytes(b"")
    assert names() == ["faces/c", "faces/b", "faces/a", "alone"]
    (folder / "moved" / "model.safetensors").write_bytes(b"")
    assert names() == ["faces/c", "faces/b", "faces/a", "alone", "moved"]


def test_a_run_has_one_name_however_it_is_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for asked in ("faces/c", folder / "faces" / "c"):
        run = find_run(asked)
        assert (run.name, run.experiment, run.path.resolve()) == ("faces/c", "faces", (folder / "faces" / "c").resolve())
    monkeypatch.chdir(folder / "faces")
    assert read_run(Path("a")).name == find_run("a").name == "faces/a"
    assert find_run("alone").name == "alone"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("title = ", "is not valid TOML"),
        ("", "lacks a 'title'"),
        ('title = "A"\ncolour = 1', "has the entry 'colour', which is none of title, question"),
        ("title = 3", "has 3 as 'title'; it has to be text"),
        ('title = "A"\nplace = true', "has True as 'place'; it has to be a whole number"),
        ('title = "A"\norder = [1]', "has 1 in 'order'; it has to be text"),
    ],
)
def test_a_damaged_description_is_said_and_its_runs_stay(folder: Path, text: str, reason: str) -> None:
    (folder / "faces" / "experiment.toml").write_text(text)
    with pytest.raises(CheckpointError, match=r"experiment\.toml'"):
        read_experiment(folder / "faces")
    damaged = [run for run in list_runs() if isinstance(run, DamagedRun)]
    assert [run.name for run in damaged] == ["faces"]
    assert reason in damaged[0].reason
    assert names() == ["faces", "faces/a", "faces/b", "faces/c", "alone"]
    assert list_experiments() == []


def test_several_folders_are_searched_in_their_order_and_shipped_runs_stay_behind(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, shipped = tmp_path / "first", tmp_path / "shipped"
    mine, _ = write_run(first / "alone"), write_run(first / "new")
    write_run(shipped / "alone")
    network = write_run(shipped / "faces" / "d")
    write_experiment(shipped, "faces", title="Shipped faces")
    monkeypatch.setattr(find_module, "CLONED", shipped)
    monkeypatch.setenv("EMOTION_CHECKPOINTS", os.pathsep.join((str(first), str(folder))))
    monkeypatch.delenv("EMOTION_SHIPPED_RUNS")
    assert checkpoints_folder() == first
    assert find_run("alone").path == mine
    assert find_run("faces/d").path == network
    assert names() == ["faces/c", "faces/b", "faces/a", "faces/d", "alone", "new"]
    assert [experiment.title for experiment in list_experiments()] == ["Faces"]
    monkeypatch.setenv("EMOTION_SHIPPED_RUNS", "hide")
    assert "faces/d" not in names()
    monkeypatch.delenv("EMOTION_CHECKPOINTS")
    assert checkpoints_folder() == shipped


def test_an_audit_is_found_in_every_folder_and_kept_in_the_first(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", os.pathsep.join((str(tmp_path / "first"), str(folder))))
    assert audit_path("faces") == tmp_path / "first" / "audit-faces.json"
    (folder / "audit-faces.json").write_text("{}")
    assert audit_path("faces") == folder / "audit-faces.json"


def test_out_is_a_name_where_it_can_be_one(folder: Path) -> None:
    assert out_folder("new") == folder / "new"
    assert out_folder("faces/new") == folder / "faces" / "new"
    assert out_folder("elsewhere/new") == Path("elsewhere/new")
    assert out_folder("../new") == Path("../new")
    assert out_folder("/new") == Path("/new")


@pytest.mark.parametrize("name", ["../runs/alone", "faces/../alone", "/etc", "faces/a/b", "", ".", "faces/", "a\0"])
def test_a_name_leads_into_no_other_folder(folder: Path, name: str) -> None:
    assert find_named(name) is None


def test_parts_are_looked_for_beside_their_run_first(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    write_experiment(other, "faces")
    write_run(other / "faces" / "mean")
    part = write_run(other / "faces" / "a")
    for run in (read_run(other / "faces" / "mean"), read_run(write_run(other / "loose"))):
        found = find_named("faces/a", beside=run)
        assert found is not None
        assert found.path == part
    assert find_named("faces/a").path == folder / "faces" / "a"  # type: ignore[union-attr]


def test_a_role_that_does_not_exist_is_refused(folder: Path) -> None:
    path = write_run(folder / "wrong", role="boss")
    with pytest.raises(CheckpointError, match="has the role 'boss', which is none of network, seed, ablation"):
        read_run(path)


@pytest.mark.parametrize("row", OLD_NAMES, ids=lambda row: row["old"])
def test_every_old_name_is_answered_with_the_new_one(
    row: dict[str, str], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMOTION_CHECKPOINTS", raising=False)
    with caplog.at_level(logging.WARNING):
        run = find_run(row["old"])
    assert run.name == row["new"] == new_name(row["old"]) == current_name(row["old"])
    if run.path.name != row["old"]:
        assert f"The run '{row['old']}' is called '{row['new']}' now." in caplog.text
        assert find_run(f"checkpoints/{row['old']}").name == row["new"]


def test_there_are_as_many_old_names_as_there_were_runs() -> None:
    assert len(OLD_NAMES) == len({row["old"] for row in OLD_NAMES}) == len({row["new"] for row in OLD_NAMES}) == 86


def test_a_run_of_ones_own_keeps_a_name_that_was_shipped_once(folder: Path) -> None:
    write_run(folder / "affectnet-teacher")
    assert find_run("affectnet-teacher").name == current_name("affectnet-teacher") == "affectnet-teacher"


def test_shipped_runs_belong_to_experiments_and_name_only_runs_there_are() -> None:
    listed = list_runs(SHIPPED)
    runs = {run.name: run for run in listed if isinstance(run, Run)}
    assert len(runs) == len(listed) >= 86
    experiments = {experiment.name: experiment for experiment in list_experiments(SHIPPED)}
    assert {run.experiment for run in runs.values()} == set(experiments)
    assert DEFAULT_RUN in runs
    for experiment in experiments.values():
        assert experiment.question.endswith("?")
        assert {experiment.baseline, experiment.first, *experiment.order} <= set(runs)
        assert experiment.benchmark in runs[experiment.baseline].evaluations
    for run in runs.values():
        info = run.info
        teachers = [
            source["teacher"] for about in (info.dataset.get("sources", ()), info.training.get("data", ())) for source in about
        ]
        named = [info.init, info.variant_of, *info.averaged, *info.members, *teachers]
        named += [name for metrics in run.evaluations.values() for name in metrics.get("members", ())]
        assert {name for name in named if name} - set(runs) <= {"scratch", "imagenet", "runs", "unknown"}, run.name
        assert bool(info.changed) == bool(info.variant_of), run.name
        if info.role in ("seed", "ablation"):
            assert info.variant_of, run.name


def test_the_command_lists_runs_by_experiment(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_run(folder / "faces" / "d", role="ablation", variant_of="faces/a", changed="without mixup")
    assert main(["runs"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "faces: Faces."
    assert [line.split()[0] for line in lines[1:5]] == ["faces/c", "faces/b", "faces/a", "faces/d"]
    assert "ablation, without mixup; custom_cnn, 48 px, results only; not evaluated" in lines[4]
    assert lines[5:7] == ["", "Runs of no experiment"]
    assert main(["runs", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["run"] for row in rows] == names()
    assert rows[3] == {
        "run": "faces/d", "experiment": "faces", "role": "ablation", "variant_of": "faces/a", "changed": "without mixup",
        "backbone": "custom_cnn", "weights": False, "finished": True, "evaluations": [], "unusable": {},
    }  # fmt: skip


def test_a_training_notes_the_name_of_the_run_it_starts_from(folder: Path) -> None:
    from emotion_core.training.config import TrainConfig
    from emotion_core.training.record import recorded

    for init, noted in (
        ("faces/a", "faces/a"),
        (str(folder / "faces" / "c"), "faces/c"),
        (str(folder / "faces" / "c" / "model.safetensors"), "faces/c"),
        ("/somewhere/weights.safetensors", "weights.safetensors"),
        ("affectnet-nothing", "affectnet-nothing"),
        ("/gone/run", "run"),
        ("scratch", "scratch"),
    ):
        assert recorded(TrainConfig(init=init))["init"] == noted
