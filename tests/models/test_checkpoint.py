from __future__ import annotations

import json
import os
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from emotion_core.errors import CheckpointError, CheckpointNotFoundError
from emotion_core.models.checkpoint import load_backbone_weights, load_weights, save_weights
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.run import WEIGHTS as WEIGHTS_FILE
from emotion_core.training.record import starting_run


def build(seed: int, *, hidden: int | None = None, channels: int = 3) -> EmotionNetwork:
    torch.manual_seed(seed)
    statistics = (0.5,) * channels
    network = EmotionNetwork(
        NetworkConfig(backbone="custom_cnn", input_size=32, hidden=hidden, in_chans=channels, mean=statistics, std=statistics)
    )
    # Running statistics away from their initial 0 and 1.
    network(torch.randn(4, channels, 32, 32))
    return network.eval()


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / WEIGHTS_FILE
    save_weights(build(1), path)
    return path


def weights(network: EmotionNetwork) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items() if "num_batches" not in name}


def test_weights_come_back_in_half_precision(stored: Path) -> None:
    source, target = build(1), build(2)
    load_weights(target, stored)
    for name, tensor in weights(target).items():
        expected = source.state_dict()[name].detach().numpy().astype(np.float16).astype(np.float32)
        assert tensor.dtype == torch.float32
        assert np.array_equal(tensor.numpy(), expected), name
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(source(images).logits, target(images).logits, atol=5e-3)


def test_file_is_plain_safetensors_in_fp16_and_nothing_else_is_left(stored: Path) -> None:
    assert [path.name for path in stored.parent.iterdir()] == [WEIGHTS_FILE]
    with safe_open(stored, framework="np") as file:
        assert file.metadata() == {"format": "pt"}
        names = list(file.keys())
        assert {file.get_tensor(name).dtype for name in names} == {np.dtype("float16")}
    assert not [name for name in names if name.endswith("num_batches_tracked") or name in ("mean", "std")]


def test_numbers_beyond_half_precision_survive(tmp_path: Path) -> None:
    network, path = build(1), tmp_path / WEIGHTS_FILE
    network.backbone.stem[1].running_var.fill_(1e6)
    save_weights(network, path)
    again = build(2)
    load_weights(again, path)
    assert (again.backbone.stem[1].running_var == 1e6).all()


def test_weights_that_are_not_finite_are_not_stored(stored: Path) -> None:
    before = stored.read_bytes()
    network = build(1)
    with torch.no_grad():
        network.affect.output.bias[0] = float("inf")
    with pytest.raises(CheckpointError, match=r"not stored: 'affect.output.bias' holds numbers that are not finite"):
        save_weights(network, stored)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == [WEIGHTS_FILE]


def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stored.read_bytes()

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save_weights(build(3), stored)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == [WEIGHTS_FILE]


def rewrite(path: Path, change: str) -> None:
    state = load_file(path)
    if change == "missing":
        del state["affect.output.weight"], state["affect.output.bias"]
    elif change == "surplus":
        state["teacher.weight"] = torch.zeros(2)
    elif change == "shape":
        state["expression.output.weight"] = torch.zeros(7, 256, dtype=torch.float16)
    elif change == "nan":
        state["backbone.stem.0.weight"][0, 0, 0, 0] = float("nan")
    elif change == "inf":
        state["backbone.stem.1.running_var"][3] = float("inf")
    save_file({name: tensor.clone() for name, tensor in state.items()}, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "missing",
            r"belong to another network: of 74 tensors 2 are missing and 0 are unknown \('affect.output.bias' is missing",
        ),
        ("surplus", r"0 are missing and 1 are unknown \('teacher.weight' is not part of it\)\. Check the backbone"),
        ("shape", r"'expression.output.weight' has shape \(7, 256\), expected \(8, 256\)\. Check the backbone"),
        ("nan", r"'backbone.stem.0.weight' in '.*' holds numbers that are not finite"),
        ("inf", r"'backbone.stem.1.running_var' in '.*' holds numbers that are not finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(stored: Path, change: str, message: str) -> None:
    rewrite(stored, change)
    network = build(2)
    before = weights(network)
    with pytest.raises(CheckpointError, match=message):
        load_weights(network, stored)
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(network).items())


def test_weights_of_another_backbone_are_refused(stored: Path) -> None:
    other = EmotionNetwork(NetworkConfig(backbone="mobilenetv2", input_size=32))
    with pytest.raises(CheckpointError, match=r"belong to another network: .*Check the backbone in run.json beside it"):
        load_weights(other, stored)
    with pytest.raises(
        CheckpointError, match=r"cannot start this network: its backbone differs, first at 'backbone\.conv_stem"
    ):
        load_backbone_weights(other, stored)


def header(content: dict[str, object], body: bytes = b"") -> bytes:
    text = json.dumps(content).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"short",
        b"PK\x03\x04" + bytes(100),
        b"\x80\x02}q\x00." + bytes(100),
        struct.pack("<Q", 2**60) + b"{}",
        header({"a": {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}}),
        header({"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 4]}}, bytes(4)),
        header({"a": {"dtype": "F16", "shape": [-2], "data_offsets": [0, 4]}}, bytes(4)),
    ],
)
@pytest.mark.parametrize("load", [load_weights, load_backbone_weights])
def test_other_files_are_refused(tmp_path: Path, content: bytes, load: object) -> None:
    path = tmp_path / WEIGHTS_FILE
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"is not a readable safetensors file .*Fetch or train it again"):
        load(build(1), path)  # type: ignore[operator]


def test_a_cut_file_is_refused(stored: Path) -> None:
    stored.write_bytes(stored.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="is not a readable safetensors file"):
        load_weights(build(1), stored)


def test_a_damaged_header_never_escapes_as_another_error(stored: Path) -> None:
    content, network, rng = stored.read_bytes(), build(2), random.Random(0)
    length = struct.unpack("<Q", content[:8])[0]
    refused = 0
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[rng.randrange(8 + length)] = rng.randrange(256)
        stored.write_bytes(damaged)
        try:
            load_weights(network, stored)
        except CheckpointError:
            refused += 1
    assert refused > 190


def test_missing_weights_say_what_to_do(tmp_path: Path) -> None:
    for load in (load_weights, load_backbone_weights):
        with pytest.raises(CheckpointNotFoundError, match=r"No checkpoint at '.*model\.safetensors'\. Train one with"):
            load(build(1), tmp_path / WEIGHTS_FILE)
        with pytest.raises(CheckpointNotFoundError):
            load(build(1), tmp_path)


def test_starting_from_another_run_takes_the_backbone_and_the_heads_that_fit(stored: Path) -> None:
    source, same = build(1), build(2)
    load_backbone_weights(same, stored)
    for name, tensor in weights(same).items():
        assert torch.equal(tensor, source.state_dict()[name].half().float()), name

    deeper = build(2, hidden=16)
    fresh = weights(deeper)
    load_backbone_weights(deeper, stored)
    for name, tensor in weights(deeper).items():
        expected = source.state_dict()[name].half().float() if name.startswith("backbone.") else fresh[name]
        if name.endswith("output.bias"):
            expected = source.state_dict()[name].half().float()
        assert torch.equal(tensor, expected), name


def test_starting_from_another_number_of_channels_is_refused(stored: Path) -> None:
    with pytest.raises(CheckpointError, match=r"its backbone differs, first at 'backbone\.stem\.0\.weight'"):
        load_backbone_weights(build(1, channels=1), stored)


def test_starting_from_weights_that_are_not_finite_is_refused(stored: Path) -> None:
    rewrite(stored, "nan")
    with pytest.raises(CheckpointError, match="holds numbers that are not finite"):
        load_backbone_weights(build(2), stored)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.module.", "_orig_mod.model."])
def test_what_wrappers_put_before_every_name_is_left_out(stored: Path, prefix: str) -> None:
    state = load_file(stored)
    save_file({f"{prefix}{name}": tensor for name, tensor in state.items()}, stored)
    network = build(2)
    load_weights(network, stored)
    for name, tensor in state.items():
        assert torch.equal(network.state_dict()[name], tensor.float()), name


def test_a_prefix_that_some_names_lack_is_a_name_of_another_network(stored: Path) -> None:
    state = load_file(stored)
    first = next(iter(state))
    save_file({f"module.{name}" if name == first else name: tensor for name, tensor in state.items()}, stored)
    with pytest.raises(CheckpointError, match="1 are missing and 1 are unknown"):
        load_weights(build(2), stored)


@pytest.mark.parametrize("name", ["old.pth", "old.PT", "pytorch_model.bin", "last.ckpt"])
def test_a_pickle_is_refused_unread_with_the_way_out(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    torch.save({"state_dict": build(1).state_dict()}, path)
    with pytest.raises(CheckpointError, match=r"is a pickle, which can run .*torch\.load\('.*', weights_only=True\)"):
        load_backbone_weights(build(2), path)
    with pytest.raises(CheckpointError, match="is a pickle"):
        starting_run(str(path))
    # The way out works.
    state = torch.load(path, weights_only=True)
    save_file(state.get("state_dict", state), tmp_path / "weights.safetensors")
    load_backbone_weights(build(2), tmp_path / "weights.safetensors")
