from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from emotion_core.cli import main
from emotion_core.errors import ConfigError
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.profile import milliseconds, multiply_adds, profile
from emotion_core.results.run import read_run, write_info


def test_multiply_adds_agree_with_a_count_by_hooks() -> None:
    network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=48, hidden=16)).eval()
    counted = 0

    def count(module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
        nonlocal counted
        if isinstance(module, torch.nn.Conv2d):
            kernel = module.weight[0].numel()
            counted += output.numel() * kernel
        elif isinstance(module, torch.nn.Linear):
            counted += output.shape[1] * module.in_features

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    found = multiply_adds(network)
    # The counter ran the network once, and so did the hooks.
    assert found == counted > 0
    for hook in hooks:
        hook.remove()


@pytest.mark.parametrize(("backbone", "published"), [("resnet50", 4.1e9), ("mobilenetv2", 0.30e9), ("efficientnet_b0", 0.39e9)])
def test_multiply_adds_are_those_of_the_papers(backbone: str, published: float) -> None:
    network = EmotionNetwork(NetworkConfig(backbone=backbone, input_size=224)).eval()
    assert multiply_adds(network) == pytest.approx(published, rel=0.06)


def test_what_is_measured_is_stored_and_the_rest_stays(
    make_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run("mine")
    before = read_run(path).info
    assert main(["profile", "mine", "--device", "cpu"]) == 0
    info = read_run(path).info
    assert info.network == before.network
    assert info.timings["ms_per_face"] > 0
    assert info.timings["ms_per_face_batch_32"] > 0
    network = EmotionNetwork(NetworkConfig.from_dict(info.network))
    assert info.timings["num_params_millions"] == pytest.approx(sum(p.numel() for p in network.parameters()) / 1e6, abs=5e-4)
    assert info.timings["size_mb"] == pytest.approx((path / "model.safetensors").stat().st_size / 1e6, abs=5e-3)
    assert info.timings["measured_on"].endswith(f"{torch.get_num_threads()} threads")
    assert "mine" in capsys.readouterr().out
    assert profile(read_run(path), device="cpu", repeats=1).info.timings.keys() == info.timings.keys()


def test_the_median_is_taken_after_warming_up(monkeypatch: pytest.MonkeyPatch) -> None:
    network = EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32)).eval()
    # Warm-up passes take 100 s each, the five that count 1, 2, 3, 4 and 50 s.
    lengths = [100.0] * 3 + [1.0, 2.0, 3.0, 4.0, 50.0]
    ticks = iter([tick for length in lengths for tick in (0.0, length)])
    monkeypatch.setattr("emotion_core.profile.time.perf_counter", lambda: next(ticks))
    assert milliseconds(network, 1, 5) == 3000.0


def test_a_run_that_is_still_training_is_left_alone(make_run: Callable[..., Path]) -> None:
    path = make_run("young")
    write_info(path, replace(read_run(path).info, finished=False))
    with pytest.raises(ConfigError, match=r"'young' is not trained to its end"):
        profile(read_run(path), device="cpu")


def test_a_run_without_weights_is_named(make_run: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    (make_run("empty") / "model.safetensors").unlink()
    assert main(["profile", "empty"]) == 1
    assert "No checkpoint at" in capsys.readouterr().err
