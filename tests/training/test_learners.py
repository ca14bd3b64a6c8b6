from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from emotion_core.data.transforms import Augmentation
from emotion_core.models.inference import infer
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.run import Run, read_history
from emotion_core.training.config import LossConfig, Mixing, Phase, TrainConfig
from emotion_core.training.data import EpochSampler, Pictures, load_splits, make_loader
from emotion_core.training.trainer import train

STILL = Augmentation(flip=0.0, rotate=0.0, scale=0.0, shift=0.0, brightness=0.0, contrast=0.0, erase=0.0)
CONFIG = TrainConfig(
    network=NetworkConfig(backbone="custom_cnn", input_size=32, dropout=0.2, hidden=16),
    loss=LossConfig(mse=1.0, ccc=0.5),
    augmentation=STILL,
    phases=(Phase(name="heads", epochs=6, lr=1e-2, stages=0, views=1),),
    batch_size=8,
    ema_decay=0.5,
    select="accuracy + ccc",
)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_affectnet: Callable[..., Path]) -> Path:
    """Eighty pictures of noise on a colour that tells the expression."""
    rng = np.random.default_rng(0)
    root = tmp_path_factory.mktemp("data")
    rows = []
    for number in range(80):
        image = np.clip(30 * (number % 8) + rng.normal(20, 8, (32, 32, 3)), 0, 255).astype(np.uint8)
        rows.append((number % 8, *rng.uniform(-1, 1, 2).round(3), image))
    write_affectnet(root, rows)
    return root


def trained(config: TrainConfig, data: Path, out: Path, **options: Any) -> tuple[Run, list[dict[str, Any]]]:
    run = train(config, data, out, device="cpu", progress=False, **options)
    return run, [
        {key: value for key, value in row.items() if key not in ("seconds", "images_per_second")} for row in read_history(out)
    ]


def test_stored_features_give_what_the_plain_loop_gives(data: Path, tmp_path: Path) -> None:
    _, stored = trained(CONFIG, data, tmp_path / "stored")
    plain = replace(CONFIG, phases=(replace(CONFIG.phases[0], views=0),))
    _, looped = trained(plain, data, tmp_path / "plain")
    assert len(stored) == len(looped) == 6
    for first, second in zip(stored, looped, strict=True):
        assert first.keys() == second.keys()
        for key in first:
            assert first[key] == second[key] if key == "phase" else first[key] == pytest.approx(second[key], abs=1e-5), key
    # Otherwise equal would be no news.
    assert stored[-1]["loss"] < stored[0]["loss"]


def test_the_backbone_sees_each_view_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    original = EmotionNetwork.forward
    monkeypatch.setattr(EmotionNetwork, "forward", lambda self, images: seen.append("whole") or original(self, images))
    from emotion_core.training import learners

    fold = learners.fold_batch_norm

    def counted(backbone: torch.nn.Module) -> torch.nn.Module:
        folded = fold(backbone)
        folded.register_forward_hook(lambda _module, inputs, _output: seen.append(len(inputs[0])))
        return folded

    monkeypatch.setattr(learners, "fold_batch_norm", counted)
    config = replace(CONFIG, augmentation=replace(STILL, flip=0.5), phases=(replace(CONFIG.phases[0], views=3),))
    trained(config, data, tmp_path / "views")
    counts = [entry for entry in seen if entry != "whole"]
    # 51 to learn from, three times, and 13 to judge by, once.
    assert sum(counts) == 3 * 51 + 13
    # Two steps before the first epoch, and the stored epoch once more for the temperature.
    assert seen.count("whole") == 3


def test_views_differ_only_when_pictures_are_varied(data: Path, tmp_path: Path) -> None:
    five = replace(CONFIG, phases=(replace(CONFIG.phases[0], views=5),))
    assert trained(five, data, tmp_path / "a")[1] == trained(CONFIG, data, tmp_path / "b")[1]
    varied = replace(CONFIG, augmentation=replace(STILL, brightness=0.5))
    more = replace(varied, phases=(replace(CONFIG.phases[0], views=5),))
    one, several = trained(varied, data, tmp_path / "c")[1], trained(more, data, tmp_path / "d")[1]
    assert one[0]["loss"] == several[0]["loss"]
    assert one[1]["loss"] != several[1]["loss"]


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_the_number_of_workers_does_not_change_the_result(data: Path, tmp_path: Path) -> None:
    config = replace(
        CONFIG,
        augmentation=Augmentation(),
        mixing=Mixing(mixup=0.3, cutmix=0.3),
        phases=(Phase(name="all", epochs=2, lr=1e-2),),
    )
    none, history = trained(config, data, tmp_path / "none")
    two, same = trained(config, data, tmp_path / "two", workers=2)
    assert history == same
    assert none.weights.read_bytes() == two.weights.read_bytes()


def test_a_cache_on_disk_does_not_change_the_result(data: Path, tmp_path: Path) -> None:
    config = replace(CONFIG, augmentation=Augmentation(grey=0.3), phases=(Phase(name="all", epochs=1, lr=1e-2),))
    memory, _ = trained(config, data, tmp_path / "memory")
    for name in ("first", "second"):
        disk, _ = trained(config, data, tmp_path / name, cache=tmp_path / "cache")
        assert disk.weights.read_bytes() == memory.weights.read_bytes()
    assert isinstance(load_splits(config, data, cache=tmp_path / "cache", progress=False)[0].pixels, np.memmap)


def test_accumulated_gradients_are_those_of_a_larger_batch(data: Path, tmp_path: Path) -> None:
    # Plain sums: no batch normalisation that learns, no dropout, no CCC over the batch, and batches that divide the images.
    config = replace(
        CONFIG,
        network=replace(CONFIG.network, dropout=0.0),
        loss=LossConfig(mse=1.0),
        phases=(Phase(name="heads", epochs=1, lr=1e-2, stages=0),),
        select="accuracy",
    )
    large, _ = trained(replace(config, batch_size=34), data, tmp_path / "large")
    small, _ = trained(replace(config, batch_size=17, accumulate=2), data, tmp_path / "small")
    single, _ = trained(replace(config, batch_size=17), data, tmp_path / "single")
    outputs = []
    for run in (large, small, single):
        from emotion_core.models.checkpoint import load_network

        network = load_network(run.info.network, run.weights).eval()
        outputs.append(infer(network, load_splits(config, data, progress=False)[1].pixels)[0])
    close, far = np.abs(outputs[0] - outputs[1]).max(), np.abs(outputs[0] - outputs[2]).max()
    # The last batch is smaller, which a mean of means weighs otherwise: close, not equal.
    assert close < far / 3


def test_epochs_are_shuffled_by_seed_and_epoch_alone() -> None:
    sampler, again = EpochSampler((50,), seed=3), EpochSampler((50,), seed=3)
    sampler.set_epoch(4)
    torch.rand(5)
    again.set_epoch(4)
    fourth = list(sampler)
    assert fourth == list(again)
    assert sorted(fourth) == list(range(50))
    sampler.set_epoch(5)
    assert list(sampler) != fourth
    other = EpochSampler((50,), seed=4)
    other.set_epoch(4)
    assert list(other) != fourth


def test_a_loader_gives_whole_batches_by_position() -> None:
    pixels = np.arange(13, dtype=np.uint8).reshape(13, 1, 1, 1)
    found = [(indices.tolist(), values.flatten().tolist()) for indices, values in make_loader(Pictures(pixels, 13), 4)]
    assert [len(indices) for indices, _ in found] == [4, 4, 4, 1]
    assert all(indices == values for indices, values in found)
    assert [batch[0].tolist() for batch in make_loader(Pictures(None, 3), 2)] == [[0, 1], [2]]


TWO = """
import sys, json, numpy as np, torch, pathlib
torch.set_num_threads(1)
from accelerate import Accelerator, DataLoaderConfiguration
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.training.data import Pictures, make_loader
from emotion_core.training.learners import evaluate_images

accelerator = Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(split_batches=True))
torch.manual_seed(0)
network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32)).eval()
pixels = np.random.default_rng(1).integers(0, 256, (13, 3, 32, 32), dtype=np.uint8)
loader = accelerator.prepare_data_loader(make_loader(Pictures(pixels, 13), 4))
logits, affect = evaluate_images(network, loader, accelerator)
if accelerator.is_main_process:
    pathlib.Path(sys.argv[1]).write_text(json.dumps({"logits": logits.tolist(), "affect": affect.tolist(),
                                                     "processes": accelerator.num_processes}))
# Otherwise a thread of the process group may outlive the interpreter, which aborts the process now and then.
accelerator.end_training()
"""


def launched(script: list[str], processes: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in several processes on the CPU, as ``accelerate launch`` does."""
    paths = os.pathsep.join([str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "ACCELERATE_USE_CPU": "true"}
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", *script]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False, cwd=folder)


def test_two_processes_count_every_image_once_and_agree_with_one(tmp_path: Path) -> None:
    import json

    (tmp_path / "two.py").write_text(TWO)
    done = launched([str(tmp_path / "two.py"), str(tmp_path / "out.json")], 2, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads((tmp_path / "out.json").read_text())
    assert found["processes"] == 2
    torch.manual_seed(0)
    network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32)).eval()
    pixels = np.random.default_rng(1).integers(0, 256, (13, 3, 32, 32), dtype=np.uint8)
    logits, affect = infer(network, pixels)
    assert np.shape(found["logits"]) == (13, 8)
    assert np.abs(np.array(found["logits"]) - logits).max() < 1e-6
    assert np.abs(np.array(found["affect"]) - affect).max() < 1e-6


def test_two_processes_train_one_run(data: Path, tmp_path: Path) -> None:
    changes = ["phases=[{name='heads', epochs=2, lr=0.01, stages=0, views=1}, {name='all', epochs=1, lr=0.001}]"]
    changes += ["network.backbone=custom_cnn", "network.input_size=32", "batch_size=8"]
    still = ("flip", "rotate", "scale", "shift", "brightness", "contrast", "saturation", "erase")
    changes += [f"augmentation.{name}=0" for name in still]
    command = [
        "-m",
        "emotion_core",
        "train",
        "--preset",
        "best",
        "--init",
        "scratch",
        "--device",
        "cpu",
        "--data-root",
        str(data),
    ]
    command += [word for change in changes for word in ("--set", change)]
    done = launched([*command, "--out", str(tmp_path / "run")], 2, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    history = read_history(tmp_path / "run")
    assert [(row["epoch"], row["phase"]) for row in history] == [(1, "heads"), (2, "heads"), (3, "all")]
    assert done.stdout.count("chosen by") == 1
    # Stored features are worked on by every process alike, so these epochs are those of a single process.
    single = subprocess.run(
        [sys.executable, *command, "--out", str(tmp_path / "single")], capture_output=True, text=True, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert single.returncode == 0, single.stderr[-3000:]
    for row, expected in zip(history[:2], read_history(tmp_path / "single")[:2], strict=True):
        for key in ("loss", "val_accuracy", "val_ccc_valence", "val_ccc_arousal", "score"):
            assert row[key] == pytest.approx(expected[key], abs=1e-6), key
