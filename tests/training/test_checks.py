from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion_core.data.table import FaceTable, build_frame
from emotion_core.errors import ConfigError, TrainingError
from emotion_core.labels import EXPRESSIONS
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.progress import read_progress, tail
from emotion_core.training.checks import check_phases
from emotion_core.training.config import LossConfig, Optimiser, Phase, TrainConfig
from emotion_core.training.data import Split
from emotion_core.training.reporting import Reporter

CONFIG = TrainConfig(
    network=NetworkConfig(backbone="custom_cnn", input_size=32),
    loss=LossConfig(mse=1.0),
    phases=(Phase(name="heads", epochs=3, lr=1e-3, stages=0), Phase(name="all", epochs=2, lr=1e-3)),
    batch_size=8,
)


def split(labelled: int = 20, rated: int = 20) -> Split:
    rng = np.random.default_rng(0)
    names = [EXPRESSIONS[i % 8] if i >= 20 - labelled else None for i in range(20)]
    valence = [float(rng.uniform(-1, 1)) if i >= 20 - rated else math.nan for i in range(20)]
    frame = build_frame([f"{i}.png" for i in range(20)], names, valence, valence)
    table = FaceTable(name="made-up", frame=frame, read_bytes=lambda _: b"")
    return Split(table=table, pixels=rng.integers(0, 256, (20, 3, 32, 32), dtype=np.uint8))


def network() -> EmotionNetwork:
    torch.manual_seed(0)
    return EmotionNetwork(CONFIG.network)


def check(config: TrainConfig, images: Split, net: EmotionNetwork | None = None) -> float:
    return sum(check_phases(config, network() if net is None else net, images, judged=10, class_weights=None))


def test_a_sound_training_passes_and_the_network_is_left_alone() -> None:
    net = network()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    assert 0 < check(CONFIG, split(), net) < math.inf
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_the_estimate_grows_with_epochs() -> None:
    seconds = [check(replace(CONFIG, phases=(Phase(name="all", epochs=n, lr=1e-3),)), split()) for n in (1, 1000)]
    assert seconds[1] > 50 * seconds[0]


def test_images_with_labels_are_looked_for() -> None:
    # The first images have none, which says nothing of the others.
    assert check(replace(CONFIG, loss=LossConfig(mse=1.0, expression=0), select="ccc"), split(rated=4)) > 0
    with pytest.raises(TrainingError, match=r"None of the 20 training images of 'affectnet-3999' has a label for affect"):
        check(replace(CONFIG, loss=LossConfig(mse=1.0, expression=0), select="ccc"), split(rated=0))


def test_a_phase_that_explodes_is_named() -> None:
    with pytest.raises(TrainingError, match=r"phase 'all' at learning rate 1e\+30 makes weights or a loss .* Try a tenth"):
        check(replace(CONFIG, phases=(*CONFIG.phases[:1], Phase(name="all", epochs=1, lr=1e30))), split())
    steep = Optimiser(name="sgd", momentum=0.0)
    net = network()
    with torch.no_grad():
        net.expression.output.weight.fill_(math.nan)
    with pytest.raises(TrainingError, match=r"loss of the phase 'heads' is nan on the images 0.png, 1.png"):
        check(replace(CONFIG, optimiser=steep), split(), net)


def test_a_rate_too_small_to_move_anything_is_named() -> None:
    with pytest.raises(TrainingError, match=r"Nothing learns in the phase 'all': no weight moved. Raise its learning rate"):
        check(replace(CONFIG, phases=(Phase(name="all", epochs=1, lr=1e-60),)), split())


def report(out: Path, clock: list[float], **options: bool) -> Reporter:
    return Reporter(out, CONFIG, images=20, bar=False, clock=lambda: clock[0], **options)


def test_progress_is_written_once_a_second_and_removed_at_the_end(tmp_path: Path) -> None:
    clock = [100.0]
    reporter = report(tmp_path, clock)
    reporter.estimates = [1000.0, 2000.0]
    step = {
        "phase": 1,
        "epoch": 3,
        "phase_epoch": 0,
        "steps": 4,
        "images": 5,
        "loss": 1.5,
        "lr": 1e-3,
        "best": 0.25,
        "started": 90.0,
    }
    reporter.step(step=1, **step)
    first = read_progress(tmp_path)
    clock[0] = 100.9
    reporter.step(step=2, **step)
    assert read_progress(tmp_path) == first
    clock[0] = 101.0
    reporter.step(step=2, **step)
    progress = read_progress(tmp_path)
    assert progress is not None
    assert (progress.phase, progress.phase_index, progress.phases, progress.epoch, progress.epochs) == ("all", 1, 2, 4, 5)
    assert (progress.step, progress.steps, progress.loss, progress.lr, progress.best) == (2, 4, 1.5, 1e-3, 0.25)
    # Half of 20 images in 11 seconds; one and a half epochs are left.
    assert progress.images_per_second == pytest.approx(10 / 11)
    assert progress.eta_seconds == pytest.approx(1.5 * 20 / (10 / 11))
    # In the first phase, its last quarter of an epoch is left, and what the second one will take.
    clock[0] = 110.0
    reporter.step(step=3, **{**step, "phase": 0, "epoch": 2, "phase_epoch": 2})
    earlier = read_progress(tmp_path)
    assert earlier is not None
    assert earlier.eta_seconds == pytest.approx(0.25 * 20 / (15 / 20) + 2000)
    reporter.close(finished=False)
    assert read_progress(tmp_path) is not None
    report(tmp_path, clock).close(finished=True)
    assert read_progress(tmp_path) is None


def test_a_training_shows_that_it_lives_between_steps(tmp_path: Path) -> None:
    clock = [50.0]
    reporter = report(tmp_path, clock)
    reporter.beat()
    assert read_progress(tmp_path) is None
    reporter.begin(phase=1, epoch=3, best=-math.inf)
    progress = read_progress(tmp_path)
    assert progress is not None
    assert (progress.phase, progress.epoch, progress.step, progress.loss, progress.best) == ("all", 4, 0, None, None)
    clock[0] = 50.5
    reporter.beat()
    assert read_progress(tmp_path) == progress
    clock[0] = 51.5
    reporter.beat()
    later = read_progress(tmp_path)
    assert later == replace(progress, updated=51.5)
    reporter.close(finished=True)


def test_an_epoch_is_one_line_in_the_log(tmp_path: Path) -> None:
    reporter = report(tmp_path, [0.0])
    row = {"epoch": 2, "phase": "heads", "loss": 0.5, "val_accuracy": 0.25, "score": 0.25, "lr": 1e-3, "seconds": 2.0}
    reporter.epoch(row, better=True)
    reporter.say("a word")
    reporter.close(finished=True)
    first, second = tail(tmp_path)
    assert first.endswith("epoch 2/5  heads  loss 0.5  val_accuracy 0.25  score 0.25  lr 0.001  seconds 2  *")
    assert second.endswith("  a word")


def test_other_processes_write_nothing(tmp_path: Path) -> None:
    reporter = report(tmp_path, [0.0], silent=True)
    reporter.step(step=1, phase=0, epoch=0, phase_epoch=0, steps=4, images=5, loss=1.0, lr=1.0, best=-math.inf, started=0.0)
    reporter.say("a word")
    reporter.close(finished=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_gets_every_number(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reporter = report(tmp_path, [0.0], tensorboard=True)
    for epoch, loss in ((1, 0.5), (2, 0.25)):
        reporter.epoch({"epoch": epoch, "phase": "heads", "loss": loss, "score": 0.1}, better=False)
    reporter.close(finished=True)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]
    assert set(events.Tags()["scalars"]) == {"loss", "score"}


def test_without_tensorboard_the_message_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match=r"Install it with 'pip install tensorboard', or leave --tensorboard out"):
        report(tmp_path, [0.0], tensorboard=True)
    assert json.dumps(sorted(path.name for path in tmp_path.iterdir())) in ("[]", '["train.log"]')
