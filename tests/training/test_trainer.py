from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.transforms import Augmentation
from emotion_core.errors import CheckpointError, ConfigError, DatasetNotFoundError, TrainingError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.models.checkpoint import load_weights
from emotion_core.models.inference import infer
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.run import read_history, read_run, write_info
from emotion_core.training import learners, loop, trainer
from emotion_core.training.config import LossConfig, Phase, TrainConfig
from emotion_core.training.data import load_parts
from emotion_core.training.trainer import train

CONFIG = TrainConfig(
    network=NetworkConfig(backbone="custom_cnn", input_size=32, dropout=0.1),
    loss=LossConfig(mse=1.0, ccc=0.5, label_smoothing=0.05, class_weights="inverse"),
    augmentation=Augmentation(rotate=5.0, scale=0.05, shift=0.02, brightness=0.05, contrast=0.05, erase=0.2, grey=0.1),
    phases=(
        Phase(name="heads", epochs=2, lr=8e-3, stages=0, views=2),
        Phase(name="some", epochs=1, lr=8e-3, stages=2),
        Phase(name="all", epochs=2, lr=8e-3, backbone_lr=4e-3, schedule="plateau", wait=1),
    ),
    batch_size=10,
    average=0.5,
    select="accuracy + ccc",
    seed=5,
)
TIMES = {"seconds", "images_per_second"}

# Each kill point is reached in the second epoch where it can be: then there is something to lose and something to redo.
DRIVER = """
import json, os, pathlib, random, resource, signal, sys
import torch
import warnings
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


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """The promise of equal weights holds for equal numbers of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_affectnet: Callable[..., Path]) -> Path:
    """Eighty pictures that can be learned: the expression is a colour, valence the place of a bar, arousal its brightness."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(80):
        expression, valence, arousal = number % 8, *rng.uniform(-1, 1, 2).round(3)
        colour = 60 + 120 * np.array([expression & 1, expression >> 1 & 1, expression >> 2 & 1])
        image = np.clip(colour + rng.normal(0, 8, (32, 32, 3)), 0, 255)
        left = int(13 + 11 * valence)
        image[:, left : left + 6] = 127 + 120 * arousal
        rows.append((expression, valence, arousal, image.astype(np.uint8)))
    root = tmp_path_factory.mktemp("data")
    write_affectnet(root, rows)
    return root


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
    assert info.dataset["val"] == {"images": 13, "fingerprint": table.part("val").fingerprint()}
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
    part = load_parts(CONFIG, data, progress=False)[1]
    logits, affect = infer(network, part.pixels)
    frame = part.table.frame
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
    assert left["in the first epoch"] == ["history.jsonl", "progress.json", "run.json", "train.log"]
    assert "state.pt" not in left["before the first state"]
    assert "model.safetensors.tmp" in left["while writing weights"]
    assert "state.pt.tmp" in left["while writing the state"]
    assert all("state.pt" in left[point] for point in KILL_POINTS[2:] if "random" not in point)


def test_a_full_disk_is_named_and_the_training_can_go_on(data: Path, runs: dict[str, list[Any]]) -> None:
    failed, resumed = runs["full disk"]
    assert os.waitstatus_to_exitcode(failed) == 4
    message = (data / "full disk.error").read_text()
    assert message.startswith(f"TrainingError: '{data / 'full disk'}' cannot be written (File too large). Free some space")
    assert resumed == 0
    assert (data / "full disk" / "model.safetensors").read_bytes() == (data / "whole" / "model.safetensors").read_bytes()


def test_a_finished_folder_returns_at_once(data: Path, runs: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in (data / "whole").iterdir()}

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("nothing has to be loaded")

    monkeypatch.setattr(trainer, "load_parts", refuse)
    monkeypatch.setattr(trainer, "EmotionNetwork", refuse)
    run = train(CONFIG, data, data / "whole", device="cpu", progress=False)
    assert run.info.finished
    assert {path.name: path.read_bytes() for path in (data / "whole").iterdir()} == before


@pytest.mark.parametrize("change", [{"clip_norm": 1e-3}, {"seed": 6}, {"init": "imagenet"}, {"network": NetworkConfig()}])
def test_other_settings_are_refused(data: Path, runs: dict[str, list[Any]], change: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"whole' holds a run with other settings. Choose another folder with --out"):
        train(replace(CONFIG, **change), data, data / "whole", device="cpu", progress=False)


SHORT = replace(CONFIG, phases=(Phase(name="all", epochs=1, lr=4e-3),), batch_size=25)


def test_another_dataset_is_not_gone_on_with(data: Path, tmp_path: Path, write_affectnet: Callable[..., Path]) -> None:
    out = tmp_path / "run"
    train(SHORT, data, out, device="cpu", progress=False)
    run = json.loads((out / "run.json").read_text())
    (out / "run.json").write_text(json.dumps({**run, "finished": False}))
    (out / "state.pt").write_bytes(b"never looked at")
    write_affectnet(tmp_path, [(number % 8, 0.5, 0.5) for number in range(80)])
    with pytest.raises(ConfigError, match="was begun on other images or labels of 'affectnet-3999'"):
        train(SHORT, tmp_path, out, device="cpu", progress=False)


def test_a_damaged_state_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"PK\x03\x04 no state")
    with pytest.raises(CheckpointError, match=r"state.pt' cannot be resumed from \(\w+\). Remove it to start"):
        train(SHORT, data, tmp_path, device="cpu", progress=False)


def test_a_state_that_holds_code_is_refused_and_never_executed(data: Path, tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
            return os.mkdir, (str(tmp_path / "executed"),)

    (tmp_path / "run").mkdir()
    torch.save({"epoch": Bomb()}, tmp_path / "run" / "state.pt")
    with pytest.raises(CheckpointError, match="cannot be resumed from"):
        train(SHORT, data, tmp_path / "run", device="cpu", progress=False)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("place", ["save_weights", "append_history", "write_bytes", "write_info"])
def test_a_folder_that_cannot_be_written_is_named(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def refuse(*_args: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(loop, place, refuse)
    with pytest.raises(TrainingError, match=r"run' cannot be written \(Read-only file system\). Free some space or choose"):
        train(SHORT, data, tmp_path / "run", device="cpu", progress=False)


def test_a_file_in_place_of_the_folder_is_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    with pytest.raises(TrainingError, match=r"run' cannot be written \(File exists\)"):
        train(SHORT, data, tmp_path / "run", device="cpu", progress=False)


def test_a_loss_that_is_not_finite_names_the_images(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def explode(logits: torch.Tensor, affect: torch.Tensor, *_args: object) -> tuple[torch.Tensor, torch.Tensor]:
        return logits.sum() * float("nan"), affect.sum()

    monkeypatch.setattr(loop, "total_loss", explode)
    with pytest.raises(
        TrainingError, match=r"The loss is nan \(expression\) in epoch 1 at learning rate .*, in the batch of images/"
    ) as error:
        train(SHORT, data, tmp_path / "run", device="cpu", progress=False)
    named = [word.strip(",") for word in str(error.value).split() if word.startswith("images/")]
    assert len(named) == 5
    assert set(named) <= set(load_affectnet(data).part("train").sample_ids)
    assert "Try a third of the learning rate" in str(error.value)


def test_a_missing_dataset_keeps_its_own_message(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="No dataset 'affectnet-3999'"):
        train(SHORT, tmp_path, tmp_path / "run", device="cpu", progress=False)
    assert not (tmp_path / "run").exists()


def test_training_can_start_from_another_run(
    data: Path, runs: dict[str, list[Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(data))
    by_name = trainer.start_network(replace(SHORT, init="whole"))
    by_file = trainer.start_network(replace(SHORT, init=str(data / "whole" / "model.safetensors")))
    expected = EmotionNetwork(CONFIG.network)
    load_weights(expected, data / "whole" / "model.safetensors")
    for network in (by_name, by_file):
        for name, tensor in network.state_dict().items():
            if "num_batches" not in name:
                assert torch.equal(tensor, expected.state_dict()[name]), name
    run = train(replace(SHORT, init=str(data / "whole")), data, tmp_path / "run", device="cpu", progress=False)
    assert run.info.init == "whole"
    assert run.info.training["init"] == "whole"
    assert str(data) not in (tmp_path / "run" / "run.json").read_text()


def test_a_last_batch_of_one_image_is_left_out(data: Path, tmp_path: Path) -> None:
    # 51 images in batches of 50: a single one would have nothing to be normalised by.
    run = train(replace(SHORT, batch_size=50), data, tmp_path / "run", device="cpu", progress=False)
    assert run.info.finished
    assert read_history(run.path)[0]["loss"] > 0


def test_test_images_are_never_decoded(data: Path) -> None:
    train_part, val_part = load_parts(CONFIG, data, progress=False)
    table = load_affectnet(data)
    assert train_part.table.sample_ids == table.part("train").sample_ids
    assert val_part.table.sample_ids == table.part("val").sample_ids
    assert not {*train_part.table.sample_ids, *val_part.table.sample_ids} & set(table.part("test").sample_ids)
    assert isinstance(train_part.table.frame, pd.DataFrame)


def history_of(data: Path, out: Path, **changes: Any) -> list[dict[str, Any]]:
    train(replace(CONFIG, **changes), data, out, device="cpu", progress=False)
    return read_history(out)


@pytest.mark.parametrize(("schedule", "falls"), [("plateau", True), ("constant", False)])
def test_only_the_plateau_schedule_falls_on_plateaus(data: Path, tmp_path: Path, schedule: str, falls: bool) -> None:
    # At this rate nothing changes, so that every epoch after the first is a bad one.
    phase = Phase(name="heads", epochs=4, lr=1e-9, stages=0, schedule=schedule, warmup=0.0, wait=1, factor=0.5)
    rates = [row["lr"] for row in history_of(data, tmp_path / "run", phases=(phase,), average=0.0, select="accuracy")]
    assert rates == pytest.approx([1e-9, 1e-9, 5e-10, 2.5e-10] if falls else [1e-9] * 4, rel=1e-3)


def test_a_phase_ends_early_and_the_next_one_begins(data: Path, tmp_path: Path) -> None:
    waiting = Phase(name="waiting", epochs=9, lr=1e-9, stages=0, schedule="constant", warmup=0.0, patience=2)
    last = Phase(name="last", epochs=1, lr=1e-3)
    history = history_of(data, tmp_path / "run", phases=(waiting, last), average=0.0, select="accuracy")
    assert [(row["epoch"], row["phase"]) for row in history] == [(1, "waiting"), (2, "waiting"), (3, "waiting"), (4, "last")]


def test_a_frozen_phase_after_a_moving_one_is_judged_on_what_is_stored(data: Path, tmp_path: Path) -> None:
    phases = (Phase(name="all", epochs=2, lr=1e-2), Phase(name="heads", epochs=3, lr=1e-2, stages=0, views=1))
    run = train(replace(CONFIG, phases=phases, average=0.9), data, tmp_path / "run", device="cpu", progress=False)
    network = EmotionNetwork(CONFIG.network).eval()
    load_weights(network, run.weights)
    part = load_parts(CONFIG, data, progress=False)[1]
    logits, _ = infer(network, part.pixels)
    chosen = read_history(run.path)[run.info.selection["epoch"] - 1]
    assert (logits.argmax(1) == part.table.expression_indices).mean() == pytest.approx(chosen["val_accuracy"], abs=1e-6)
    # In the averaged weights of the first phase the backbone lags behind: this would show.
    assert chosen["phase"] == "heads"


def test_a_last_image_on_its_own_does_not_swallow_gathered_gradients(data: Path, tmp_path: Path) -> None:
    # 51 images are five batches of ten and a single one: after the fifth, what has come together has to move the weights.
    phase = Phase(name="all", epochs=1, lr=1e-2, schedule="constant", warmup=0.0)
    config = replace(CONFIG, phases=(phase,), accumulate=8, average=0.0)
    before = trainer.start_network(config).state_dict()["expression.output.weight"].clone()
    run = train(config, data, tmp_path / "run", device="cpu", progress=False)
    network = EmotionNetwork(CONFIG.network)
    load_weights(network, run.weights)
    assert (network.expression.output.weight - before).abs().max() > 5e-3


def test_an_output_that_nothing_teaches_is_not_claimed(tmp_path: Path, write_affectnet: Callable[..., Path]) -> None:
    write_affectnet(tmp_path, [(number % 8, -2, -2) for number in range(80)])
    with pytest.raises(ConfigError, match=r"No training image of 'affectnet-3999' has valence and arousal, .* Set loss.mse=0"):
        train(SHORT, tmp_path, tmp_path / "run", device="cpu", progress=False)
    alone = replace(SHORT, loss=LossConfig(), select="accuracy")
    assert train(alone, tmp_path, tmp_path / "run", device="cpu", progress=False).info.outputs == ("expression",)


def test_a_training_that_needs_a_start_says_so(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"goes on from another one: name a run with --init RUN .* --init scratch"):
        train(replace(SHORT, init=""), data, tmp_path / "run", device="cpu", progress=False)


def test_a_regressor_alone_trains_on_a_frozen_backbone(data: Path, tmp_path: Path) -> None:
    loss = LossConfig(expression=0.0, mse=1.0)
    phase = Phase(name="heads", epochs=1, lr=1e-2, stages=0)
    run = train(replace(SHORT, loss=loss, select="ccc", phases=(phase,)), data, tmp_path / "run", device="cpu", progress=False)
    assert run.info.outputs == ("affect",)
    assert run.info.temperature == 1.0


@pytest.mark.parametrize(("precision", "bits"), [("auto", torch.float32), ("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_precision_is_that_of_the_convolutions_and_not_of_the_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str, bits: torch.dtype
) -> None:
    seen = set()
    found = torch.nn.Conv2d.forward

    def watched(self: torch.nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
        output = found(self, images)
        if self.training:
            seen.add((output.dtype, self.weight.dtype))
        return output

    monkeypatch.setattr(torch.nn.Conv2d, "forward", watched)
    history = history_of(data, tmp_path / "run", phases=CONFIG.phases[-1:], precision=precision)
    assert seen == {(bits, torch.float32)}
    # Coarser activations, but the same training.
    monkeypatch.setattr(torch.nn.Conv2d, "forward", found)
    exact = history_of(data, tmp_path / "exact", phases=CONFIG.phases[-1:])
    assert history[0]["loss"] == pytest.approx(exact[0]["loss"], rel=0.05)


def test_the_last_epoch_is_stored_where_validation_shall_choose_nothing(data: Path, tmp_path: Path) -> None:
    # At the end of this phase the rate is so large that accuracy falls: the best epoch is an earlier one.
    phases = (Phase(name="good", epochs=2, lr=8e-3), Phase(name="bad", epochs=1, lr=1.0, schedule="constant", warmup=0.0))
    config = replace(CONFIG, phases=phases, average=0.0, select="accuracy")
    runs = {}
    for keep in ("best", "last"):
        runs[keep] = train(replace(config, keep=keep), data, tmp_path / keep, device="cpu", progress=False)
    scores = [row["score"] for row in read_history(runs["best"].path)]
    assert scores == [row["score"] for row in read_history(runs["last"].path)]
    assert max(scores) > scores[-1]
    assert runs["best"].info.selection["value"] == max(scores)
    selection = runs["last"].info.selection
    assert (selection["epoch"], selection["value"], selection["keep"]) == (3, scores[-1], "last")
    network = EmotionNetwork(CONFIG.network).eval()
    load_weights(network, runs["last"].weights)
    part = load_parts(CONFIG, data, progress=False)[1]
    logits, _ = infer(network, part.pixels)
    assert (logits.argmax(1) == part.table.expression_indices).mean() == pytest.approx(scores[-1], abs=1e-6)


def test_stored_features_in_bf16_come_from_convolutions_in_bf16(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    found = torch.nn.Conv2d.forward

    def watched(self: torch.nn.Conv2d, images: torch.Tensor) -> torch.Tensor:
        output = found(self, images)
        seen.add(output.dtype)
        return output

    def refuse(*_args: object) -> None:
        raise AssertionError("oneDNN's packed convolutions know nothing of autocast")

    monkeypatch.setattr(torch.nn.Conv2d, "forward", watched)
    monkeypatch.setattr(learners, "pack_convolutions", refuse)
    phase = Phase(name="heads", epochs=1, lr=8e-3, stages=0, views=1)
    monkeypatch.setattr(loop, "check_phases", lambda *_args, **_kwargs: [0.0])
    train(replace(CONFIG, phases=(phase,), precision="bf16"), data, tmp_path / "run", device="cpu", progress=False)
    assert seen == {torch.bfloat16}


def test_a_run_from_before_a_setting_was_there_is_still_the_same_training(data: Path, tmp_path: Path) -> None:
    run = train(SHORT, data, tmp_path / "run", device="cpu", progress=False)
    training = {key: value for key, value in run.info.training.items() if key not in ("precision", "keep")}
    write_info(run.path, replace(run.info, training=training))
    assert train(SHORT, data, tmp_path / "run", device="cpu", progress=False).info.training == training
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        train(replace(SHORT, precision="bf16"), data, tmp_path / "run", device="cpu", progress=False)


def test_a_precision_that_the_device_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise ValueError("bf16 mixed precision requires another device.")

    monkeypatch.setattr(trainer, "Accelerator", refuse)
    with pytest.raises(ConfigError, match=r"precision = 'bf16' does not work on cpu \(bf16 mixed .*Set precision=fp32"):
        trainer.make_accelerator("cpu", "bf16")
