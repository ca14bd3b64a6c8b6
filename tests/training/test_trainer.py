from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from emotion_core.data.affectnet import load_affectnet
from emotion_core.errors import CheckpointError, ConfigError, DatasetNotFoundError, TrainingError
from emotion_core.models.checkpoint import load_weights
from emotion_core.models.inference import infer
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.run import read_history, write_info
from emotion_core.training import learners, loop, trainer
from emotion_core.training.config import LossConfig, Phase
from emotion_core.training.data import load_splits
from emotion_core.training.trainer import train
from tests.training.trainings import CONFIG, SHORT

pytestmark = pytest.mark.usefixtures("one_thread")


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
    with pytest.raises(TrainingError, match=r"run' cannot be written \(Read-only file system\). Make it writable, or choose"):
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
    assert set(named) <= set(load_affectnet(data).split("train").sample_ids)
    assert "Try a third of the learning rate" in str(error.value)


def test_a_missing_dataset_keeps_its_own_message(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="No dataset 'affectnet-3999'"):
        train(SHORT, tmp_path, tmp_path / "run", device="cpu", progress=False)
    assert not (tmp_path / "run").exists()


def test_training_can_start_from_another_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))
    weights = train(SHORT, data, tmp_path / "first", device="cpu", progress=False).weights
    by_name = trainer.start_network(replace(SHORT, init="first"))
    by_file = trainer.start_network(replace(SHORT, init=str(weights)))
    expected = EmotionNetwork(SHORT.network)
    load_weights(expected, weights)
    for network in (by_name, by_file):
        for name, tensor in network.state_dict().items():
            if "num_batches" not in name:
                assert torch.equal(tensor, expected.state_dict()[name]), name
    run = train(replace(SHORT, init=str(tmp_path / "first")), data, tmp_path / "run", device="cpu", progress=False)
    assert run.info.init == "first"
    assert run.info.training["init"] == "first"
    assert str(tmp_path) not in (tmp_path / "run" / "run.json").read_text()


def test_a_last_batch_of_one_image_is_left_out(data: Path, tmp_path: Path) -> None:
    # 51 images in batches of 50: a single one would have nothing to be normalised by.
    run = train(replace(SHORT, batch_size=50), data, tmp_path / "run", device="cpu", progress=False)
    assert run.info.finished
    assert read_history(run.path)[0]["loss"] > 0


def test_test_images_are_never_decoded(data: Path) -> None:
    train_split, val_split = load_splits(CONFIG, data, progress=False)
    table = load_affectnet(data)
    assert train_split.table.sample_ids == table.split("train").sample_ids
    assert val_split.table.sample_ids == table.split("val").sample_ids
    assert not {*train_split.table.sample_ids, *val_split.table.sample_ids} & set(table.split("test").sample_ids)
    assert isinstance(train_split.table.frame, pd.DataFrame)


def history_of(data: Path, out: Path, **changes: Any) -> list[dict[str, Any]]:
    train(replace(CONFIG, **changes), data, out, device="cpu", progress=False)
    return read_history(out)


@pytest.mark.parametrize(("schedule", "falls"), [("plateau", True), ("constant", False)])
def test_only_the_plateau_schedule_falls_on_plateaus(data: Path, tmp_path: Path, schedule: str, falls: bool) -> None:
    # At this rate nothing changes, so that every epoch after the first is a bad one.
    phase = Phase(name="heads", epochs=4, lr=1e-9, stages=0, schedule=schedule, warmup=0.0, patience=1, factor=0.5)
    rates = [row["lr"] for row in history_of(data, tmp_path / "run", phases=(phase,), ema_decay=0.0, select="accuracy")]
    assert rates == pytest.approx([1e-9, 1e-9, 5e-10, 2.5e-10] if falls else [1e-9] * 4, rel=1e-3)


def test_a_phase_ends_early_and_the_next_one_begins(data: Path, tmp_path: Path) -> None:
    waiting = Phase(name="waiting", epochs=9, lr=1e-9, stages=0, schedule="constant", warmup=0.0, stop_after=2)
    last = Phase(name="last", epochs=1, lr=1e-3)
    history = history_of(data, tmp_path / "run", phases=(waiting, last), ema_decay=0.0, select="accuracy")
    assert [(row["epoch"], row["phase"]) for row in history] == [(1, "waiting"), (2, "waiting"), (3, "waiting"), (4, "last")]


def test_a_frozen_phase_after_a_moving_one_is_judged_on_what_is_stored(data: Path, tmp_path: Path) -> None:
    phases = (Phase(name="all", epochs=2, lr=1e-2), Phase(name="heads", epochs=3, lr=1e-2, stages=0, views=1))
    run = train(replace(CONFIG, phases=phases, ema_decay=0.9), data, tmp_path / "run", device="cpu", progress=False)
    network = EmotionNetwork(CONFIG.network).eval()
    load_weights(network, run.weights)
    split = load_splits(CONFIG, data, progress=False)[1]
    logits, _ = infer(network, split.pixels)
    chosen = read_history(run.path)[run.info.selection["epoch"] - 1]
    assert (logits.argmax(1) == split.table.expression_indices).mean() == pytest.approx(chosen["val_accuracy"], abs=1e-6)
    # In the averaged weights of the first phase the backbone lags behind: this would show.
    assert chosen["phase"] == "heads"


def test_a_last_image_on_its_own_does_not_swallow_gathered_gradients(data: Path, tmp_path: Path) -> None:
    # 51 images are five batches of ten and a single one: after the fifth, what has come together has to move the weights.
    phase = Phase(name="all", epochs=1, lr=1e-2, schedule="constant", warmup=0.0)
    config = replace(CONFIG, phases=(phase,), accumulate=8, ema_decay=0.0)
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
    with pytest.raises(
        ConfigError, match=r"goes on from another one: name a run of the same backbone with --init RUN .* --init scratch"
    ):
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
    config = replace(CONFIG, phases=phases, ema_decay=0.0, select="accuracy")
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
    split = load_splits(CONFIG, data, progress=False)[1]
    logits, _ = infer(network, split.pixels)
    assert (logits.argmax(1) == split.table.expression_indices).mean() == pytest.approx(scores[-1], abs=1e-6)


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
    training = {key: value for key, value in run.info.training.items() if key not in ("precision", "keep", "data")}
    training["loss"] = {key: value for key, value in training["loss"].items() if key != "logit_adjustment"}
    training["augmentation"] = {key: value for key, value in training["augmentation"].items() if key not in ("coarse", "jpeg")}
    write_info(run.path, replace(run.info, training=training))
    stored = (run.path / "run.json").read_bytes()
    assert train(SHORT, data, tmp_path / "run", device="cpu", progress=False).info == run.info
    assert (run.path / "run.json").read_bytes() == stored
    with pytest.raises(ConfigError, match="holds a run with other settings"):
        train(replace(SHORT, precision="bf16"), data, tmp_path / "run", device="cpu", progress=False)


def test_a_precision_that_the_device_lacks_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise ValueError("bf16 mixed precision requires another device.")

    monkeypatch.setattr(trainer, "Accelerator", refuse)
    with pytest.raises(ConfigError, match=r"precision = 'bf16' does not work on cpu \(bf16 mixed .*Set precision=fp32"):
        trainer.make_accelerator("cpu", "bf16")
