from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from emotion_core.cli import main
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.models.checkpoint import load_network
from emotion_core.models.inference import infer
from emotion_core.results.files import write_text
from emotion_core.results.find import find_run
from emotion_core.results.run import read_run, write_info
from emotion_core.soup import average_weights


@pytest.fixture
def fine_tuned(make_run: Callable[..., Path]) -> Callable[..., Path]:
    """Makes runs that say that they started from the same weights."""

    def make(name: str, seed: int, **settings: object) -> Path:
        return make_run(name, seed=seed, **{"init": "start", "dataset": {"name": "faces"}, "seconds": 2.0, **settings})

    return make


def test_every_tensor_is_the_mean(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    paths = [fine_tuned(f"run{seed}", seed) for seed in range(3)]
    made = average_weights([read_run(path) for path in paths], tmp_path / "soup")
    states = [load_file(path / "model.safetensors") for path in paths]
    found = load_file(made.weights)
    assert found.keys() == states[0].keys()
    for name, tensor in found.items():
        expected = torch.stack([state[name].float() for state in states]).mean(dim=0)
        torch.testing.assert_close(tensor.float(), expected, rtol=1e-3, atol=1e-4)
    assert made.info.seconds == 6.0
    assert made.info.init == "start"
    assert made.info.temperature == 1.0
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 48, 48), dtype=np.uint8)
    logits, affect = infer(load_network(made.info.network, made.weights), pixels)
    assert np.isfinite(logits).all()
    assert np.isfinite(affect).all()


def test_equal_weights_stay_as_they_are(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    paths = [fine_tuned(name, 7) for name in ("a", "b")]
    made = average_weights([read_run(path) for path in paths], tmp_path / "soup")
    for name, tensor in load_file(paths[0] / "model.safetensors").items():
        assert torch.equal(tensor, load_file(made.weights)[name])


def test_what_regularises_may_differ(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(fine_tuned("a", 1, dropout=0.1)), read_run(fine_tuned("b", 2, dropout=0.3, drop_path=0.2))]
    assert average_weights(runs, tmp_path / "soup").info.network["dropout"] == 0.1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"init": "other"}, r"'a' and 'b' differ in their start \(start and other\).*predictions may work: ensemble"),
        ({"input_size": 64}, r"'a' and 'b' differ in their network"),
        ({"backbone": "mobilenetv2"}, r"'a' and 'b' differ in their network"),
        ({"outputs": ("affect",)}, r"'a' and 'b' differ in their outputs"),
        ({"dataset": {"name": "masks"}}, r"'a' and 'b' differ in their training images \(faces and masks\)"),
        (
            {"dataset": {"name": "faces", "train": {"fingerprint": "xyz"}}},
            r"differ in their training images \(faces and faces xyz\)",
        ),
    ],
)
def test_runs_without_a_common_start_are_refused(
    fine_tuned: Callable[..., Path], tmp_path: Path, settings: dict[str, object], message: str
) -> None:
    runs = [read_run(fine_tuned("a", 1)), read_run(fine_tuned("b", 2, **settings))]
    with pytest.raises(ConfigError, match=message):
        average_weights(runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_random_starts_are_refused(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(fine_tuned(name, 1, init="scratch")) for name in ("a", "b")]
    with pytest.raises(ConfigError, match=r"'a' started from random weights, so it has nothing in common"):
        average_weights(runs, tmp_path / "out")


def test_an_unfinished_training_is_refused(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(fine_tuned(name, seed)) for name, seed in (("a", 1), ("b", 2))]
    write_info(runs[1].path, replace(runs[1].info, finished=False))
    with pytest.raises(
        ConfigError, match=r"The training of 'b' is not finished. The same 'train' command again goes on with it"
    ):
        average_weights([runs[0], read_run(runs[1].path)], tmp_path / "out")


def test_one_run_is_not_enough(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    run = read_run(fine_tuned("a", 1))
    with pytest.raises(ConfigError, match="at least two different runs"):
        average_weights([run, run], tmp_path / "out")


def test_missing_weights_leave_nothing_behind(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(fine_tuned(name, seed)) for name, seed in (("a", 1), ("b", 2))]
    runs[1].weights.unlink()
    with pytest.raises(CheckpointError, match=r"b"):
        average_weights(runs, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_trained_run_is_never_replaced_but_a_soup_is(fine_tuned: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(fine_tuned(name, seed)) for name, seed in (("a", 1), ("b", 2), ("c", 3))]
    with pytest.raises(ConfigError, match=r"c' holds a run of another kind"):
        average_weights(runs[:2], runs[2].path)
    made = average_weights(runs[:2], tmp_path / "soup")
    write_text(made.path / "evaluations" / "faces-test" / "metrics.json", "{}")
    assert set(made.evaluations) == {"faces-test"}
    again = average_weights(runs, tmp_path / "soup")
    assert again.info.training["averaged"] == ["a", "b", "c"]
    # They were those of other weights.
    assert again.evaluations == {}


def test_the_command_makes_a_run_with_a_card(fine_tuned: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    fine_tuned("a", 1)
    fine_tuned("b", 2)
    assert main(["soup", "a", "b", "--out", "both"]) == 0
    assert (
        "mean of the weights of 2 runs\nnext: calibrate both --dataset faces; then evaluate both --dataset faces"
        in capsys.readouterr().out
    )
    run = find_run("both")
    assert run.has_weights
    card = (run.path / "README.md").read_text()
    assert "Start: start. No training of its own: the mean of the weights of `a`, `b` (a model soup)." in card
    assert main(["soup", "a", "--out", "one"]) == 1
    assert "at least two different runs" in capsys.readouterr().err
