"""A training that is killed, in the end, is one that was never killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotion_core.data.affectnet import load_affectnet
from emotion_core.errors import ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.models.checkpoint import load_weights
from emotion_core.models.inference import infer
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.run import read_history, read_run
from emotion_core.training import trainer
from emotion_core.training.data import load_splits
from emotion_core.training.trainer import train
from tests.training.trainings import CONFIG

pytestmark = pytest.mark.usefixtures("one_thread")
TIMES = {"seconds", "images_per_second"}

# Each kill point is reached in the second epoch where it can be: then there is something to lose and something to redo.
DRIVER = """
import json, os, pathlib, random, resource, signal, sys
import torch
import warnings
import gc, scipy.stats, sklearn.model_selection, torch._dynamo  # once here, instead of in each of thirty trainings
gc.freeze()
torch.set_num_threads(1)
from emotion_core.results import run as results
from emotion_core.training import learners, loop, trainer
from emotion_core.training.config import from_dict
from emotion_core.errors import EmotionCoreError

root, config = pathlib.Path(sys.argv[1]), from_dict(json.loads(sys.argv[2]))
Training = loop.Training

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def before(owner, name, condition, action=lambda *args: None):
    original = getattr(owner, name)
    def wrapped(*args, **kwargs):
        if condition(*args):
            action(*args)
            die()
        return original(*args, **kwargs)
    setattr(owner, name, wrapped)

def cut(source, target):
    os.truncate(source, os.path.getsize(source) // 2)

def half_a_line(path, row):
    with (path / "history.jsonl").open("a") as file:
        file.write(json.dumps(row)[:25])

def counted(condition, number):
    seen = []
    def check(*args):
        seen.extend([0] if condition(*args) else [])
        return len(seen) == number
    return check

def to(name):
    return lambda source, target: pathlib.Path(target).name == name

KILLS = {
    "in the first epoch": lambda: before(Training, "_step", counted(lambda *a: True, 3)),
    "before the first state": lambda: before(Training, "_save", counted(lambda *a: True, 1)),
    "in the middle of an epoch": lambda: before(Training, "_step", counted(lambda *a: True, 9)),
    "while validating": lambda: before(loop, "measure", counted(lambda *a: True, 3)),
    "while writing weights": lambda: before(os, "replace", counted(to("model.safetensors"), 2), cut),
    "before the line of an epoch": lambda: before(loop, "append_history", counted(lambda *a: True, 2)),
    "in the line of an epoch": lambda: before(loop, "append_history", counted(lambda *a: True, 2), half_a_line),
    "between line and state": lambda: before(Training, "_save", counted(lambda *a: True, 2)),
    "while writing the state": lambda: before(os, "replace", counted(to("state.pt"), 2), cut),
    "before it is marked finished": lambda: before(loop, "write_info", lambda path, info: info.finished),
    "in the second epoch of whole images": lambda: before(Training, "_step", counted(lambda *a: True, 22)),
    "at a random step": lambda: before(Training, "_step", counted(lambda *a: True, random.randint(1, 25))),
    "at another random step": lambda: before(Training, "_step", counted(lambda *a: True, random.randint(1, 25))),
    "before the state is removed": lambda: before(pathlib.Path, "unlink", lambda path, *a: path.name == "state.pt"),
}

def forked(out, prepare=lambda: None):
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    try:
        prepare()
        trainer.train(config, root, out, device="cpu", progress=False)
        os._exit(0)
    except EmotionCoreError as error:
        (out.parent / (out.name + ".error")).write_text(f"{type(error).__name__}: {error}")
        os._exit(4)
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(5)

found = {"whole": [forked(root / "whole")]}
for name, kill in KILLS.items():
    first = forked(root / name, kill)
    left = sorted(path.name for path in (root / name).iterdir())
    found[name] = [first, forked(root / name), left]

def small_disk():
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

found["full disk"] = [forked(root / "full disk", small_disk), forked(root / "full disk")]
print(json.dumps(found))
"""
KILL_POINTS = [line.split('"')[1] for line in DRIVER.splitlines() if line.startswith('    "') and ": lambda" in line]


@pytest.fixture(scope="module")
def runs(data: Path) -> dict[str, list[Any]]:
    """Exit statuses of trainings that were killed and started again, next to one that was left alone."""
    arguments = [sys.executable, "-c", DRIVER, str(data), json.dumps(CONFIG.to_dict())]
    paths = os.pathsep.join([str(Path(trainer.__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, list[Any]] = json.loads(done.stdout)
    return found


def kept(history: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in TIMES} for row in history]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_training_learns_and_leaves_a_whole_folder(data: Path, runs: dict[str, list[Any]]) -> None:
    assert runs["whole"] == [0]
    out = data / "whole"
    assert names(out) == ["history.jsonl", "model.safetensors", "run.json", "train.log"]
    history = read_history(out)
    assert [(row["epoch"], row["phase"]) for row in history] == [
        (1, "heads"), (2, "heads"), (3, "some"), (4, "all"), (5, "all"),
    ]  # fmt: skip
    assert history[4]["loss"] < history[0]["loss"]
    assert all(row["loss"] == pytest.approx(row["loss_expression"] + row["loss_affect"], abs=2e-6) for row in history)
    assert ["lr_backbone" in row for row in history] == [False, False, True, True, True]
    assert [row["lr_backbone"] / row["lr"] for row in history[2:]] == pytest.approx([1, 0.5, 0.5], rel=1e-3)
    # By chance it is about 0.06.
    assert history[4]["score"] > 0.2
    info = read_run(out).info
    assert info.finished
    assert info.network == CONFIG.network.to_dict()
    assert info.outputs == ("expression", "affect")
    assert info.seed == 5
    assert info.init == "scratch"
    assert info.dataset["train"]["images"] == 51
    table = load_affectnet(data)
    assert info.dataset["val"] == {"images": 13, "fingerprint": table.split("val").fingerprint()}
    assert info.seconds > 0
    assert info.versions["torch"] == torch.__version__


def test_selection_is_the_best_line_of_the_history(data: Path, runs: dict[str, list[Any]]) -> None:
    history, info = read_history(data / "whole"), read_run(data / "whole").info
    best = max(history, key=lambda row: float(row["score"]))
    assert info.selection == {
        "measure": CONFIG.select,
        "split": "val",
        "epoch": best["epoch"],
        "value": best["score"],
        "keep": "best",
    }
    # Otherwise the runs below could not tell whether their last epochs are the same.
    assert best["epoch"] == 5


def test_stored_weights_give_the_measures_of_the_selected_epoch(data: Path, runs: dict[str, list[Any]]) -> None:
    network = EmotionNetwork(CONFIG.network).eval()
    load_weights(network, data / "whole" / "model.safetensors")
    split = load_splits(CONFIG, data, progress=False)[1]
    logits, affect = infer(network, split.pixels)
    frame = split.table.frame
    accuracy = np.mean([EXPRESSIONS[index] == name for index, name in zip(logits.argmax(1), frame["expression"], strict=True)])
    ccc = [
        concordance_corrcoef(np.clip(affect[:, column], -1, 1), frame[name])
        for column, name in enumerate(("valence", "arousal"))
    ]
    score = read_run(data / "whole").info.selection["value"]
    assert np.mean([accuracy, np.mean(ccc)]) == pytest.approx(score, abs=5e-3)
    assert sum(parameter.numel() for parameter in network.parameters()) == read_run(data / "whole").info.num_params


@pytest.mark.parametrize("point", KILL_POINTS)
def test_a_killed_training_ends_with_the_same_weights(data: Path, runs: dict[str, list[Any]], point: str) -> None:
    killed, resumed, _ = runs[point]
    assert os.WIFSIGNALED(killed)
    assert os.WTERMSIG(killed) == signal.SIGKILL
    assert resumed == 0
    whole, out = data / "whole", data / point
    assert (out / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    assert kept(read_history(out)) == kept(read_history(whole))
    info, expected = read_run(out).info, read_run(whole).info
    assert replace(info, seconds=0.0) == replace(expected, seconds=0.0)
    assert names(out) == names(whole)


def test_kill_points_are_where_they_say(runs: dict[str, list[Any]]) -> None:
    left = {point: runs[point][2] for point in KILL_POINTS}
    assert len(KILL_POINTS) == 14
    assert left["in the first epoch"] == ["history.jsonl", "progress.json", "run.json", "train.lock", "train.log"]
    assert "state.pt" not in left["before the first state"]
    assert "model.safetensors.tmp" in left["while writing weights"]
    assert "state.pt.tmp" in left["while writing the state"]
    assert all("state.pt" in left[point] for point in KILL_POINTS[2:] if "random" not in point)


def test_a_full_disk_is_named_and_the_training_can_go_on(data: Path, runs: dict[str, list[Any]]) -> None:
    failed, resumed = runs["full disk"]
    assert os.waitstatus_to_exitcode(failed) == 4
    message = (data / "full disk.error").read_text()
    assert message.startswith(f"TrainingError: '{data / 'full disk'}' cannot be written (File too large). Free some space, or")
    assert resumed == 0
    assert (data / "full disk" / "model.safetensors").read_bytes() == (data / "whole" / "model.safetensors").read_bytes()


def test_a_finished_folder_returns_at_once(data: Path, runs: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in (data / "whole").iterdir()}

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("nothing has to be loaded")

    monkeypatch.setattr(trainer, "load_splits", refuse)
    monkeypatch.setattr(trainer, "EmotionNetwork", refuse)
    run = train(CONFIG, data, data / "whole", device="cpu", progress=False)
    assert run.info.finished
    assert {path.name: path.read_bytes() for path in (data / "whole").iterdir()} == before


@pytest.mark.parametrize("change", [{"clip_norm": 1e-3}, {"seed": 6}, {"init": "imagenet"}, {"network": NetworkConfig()}])
def test_other_settings_are_refused(data: Path, runs: dict[str, list[Any]], change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"whole' holds a run with other settings. Choose another folder with --out"):
        train(replace(CONFIG, **change), data, data / "whole", device="cpu", progress=False)
