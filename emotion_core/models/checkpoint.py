"""Weights on disk: safetensors only, nothing that could run code."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import nn

from emotion_core.durable import replace_durably
from emotion_core.errors import CheckpointError, CheckpointNotFoundError
from emotion_core.models.network import EmotionNetwork, NetworkConfig

PICKLES = (".pth", ".pt", ".bin", ".ckpt", ".pkl", ".tar")
"""Endings of files that torch pickles: reading one can run whatever program is inside."""

PICKLED = (
    "'{path}' is a pickle, which can run any program when it is read, so it is refused. Make safetensors of it, in Python: "
    "state = torch.load('{path}', weights_only=True); safetensors.torch.save_file(state.get('state_dict', state), "
    "'weights.safetensors'), and name that file."
)

WRAPPERS = ("module", "_orig_mod", "_forward_module", "network", "model")
"""What DataParallel, torch.compile, Lightning and the like put before every name; none of ours begins so."""


def save_weights(network: nn.Module, path: Path) -> None:
    """Write a network's weights as fp16 under a temporary name, then move them into place.

    A tensor with numbers beyond fp16's 65,504, as running variances may hold, is kept as fp32.

    Raises:
        CheckpointError: the weights hold numbers that are not finite.
        OSError: the file cannot be written.
    """
    state = {
        name: _to_half(name, tensor.detach().cpu())
        for name, tensor in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    temporary = path.with_name(path.name + ".tmp")
    try:
        # Python's own writing, because safetensors' raises no OSError when the disk is full.
        with temporary.open("wb") as file:
            file.write(save(state, metadata={"format": "pt"}))
            file.flush()
            os.fsync(file.fileno())
        replace_durably(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _to_half(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if not tensor.is_floating_point():
        return tensor.contiguous()
    half = tensor.to(torch.float16)
    if not torch.isfinite(half).all():
        if not torch.isfinite(tensor).all():
            raise CheckpointError(f"The weights are not stored: '{name}' holds numbers that are not finite.")
        half = tensor.to(torch.float32)
    return half.contiguous()


def _read(path: Path) -> dict[str, torch.Tensor]:
    """All tensors of a file, of which every number is finite; prefixes that wrappers put before every name are left out."""
    if path.suffix.lower() in PICKLES:
        raise CheckpointError(PICKLED.format(path=path))
    if not path.is_file():
        raise CheckpointNotFoundError(path)
    try:
        state = load_file(path)
    except Exception as error:  # a damaged header leads to whatever it says: unknown types, impossible shapes, missing keys
        raise CheckpointError(f"'{path}' is not a readable safetensors file ({error}). Fetch or train it again.") from error
    for name, tensor in state.items():
        if tensor.is_floating_point() and not torch.isfinite(tensor.float()).all():
            raise CheckpointError(f"'{name}' in '{path}' holds numbers that are not finite. Train or fetch the run again.")
    return _unwrapped(state)


def _unwrapped(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    wrappers = {name.partition(".")[0] for name in state}
    if len(wrappers) == 1 and (wrapper := wrappers.pop()) in WRAPPERS:
        return _unwrapped({name.removeprefix(f"{wrapper}."): tensor for name, tensor in state.items()})
    return state


def load_weights(network: nn.Module, path: Path) -> None:
    """Read weights into a network of the same shape; they are computed with in fp32 again.

    Raises:
        CheckpointNotFoundError: no such file.
        CheckpointError: the file is damaged, belongs to another network, or holds numbers that are not finite.
    """
    state = _read(path)
    expected = {n: t for n, t in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    missing, surplus = sorted(expected.keys() - state.keys()), sorted(state.keys() - expected.keys())
    if missing or surplus:
        example = f"'{missing[0]}' is missing" if missing else f"'{surplus[0]}' is not part of it"
        raise CheckpointError(
            f"The weights in '{path}' belong to another network: of {len(expected)} tensors {len(missing)} are missing and "
            f"{len(surplus)} are unknown ({example}). Check the backbone in run.json beside it."
        )
    for name, tensor in state.items():
        if tensor.shape != expected[name].shape:
            raise CheckpointError(
                f"The weights in '{path}' belong to another network: '{name}' has shape {tuple(tensor.shape)}, expected "
                f"{tuple(expected[name].shape)}. Check the backbone and the number of channels in run.json beside it."
            )
    network.load_state_dict(state, strict=False)


def load_network(description: Mapping[str, Any], weights: Path) -> EmotionNetwork:
    """The network that a run describes, with its weights, on the CPU.

    Args:
        description: what :meth:`~emotion_core.models.network.NetworkConfig.from_dict` reads.
        weights: its safetensors file, beside ``run.json``.

    Raises:
        CheckpointNotFoundError: no such file.
        CheckpointError: no network can be built from the description, or the weights do not belong to it.
    """
    if not weights.is_file():
        # Of somebody else's network there is nothing to build.
        raise CheckpointNotFoundError(weights)
    try:
        network = EmotionNetwork(NetworkConfig.from_dict(dict(description)))
    except (TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"The network that '{weights.parent / 'run.json'}' describes cannot be built: {error}") from error
    load_weights(network, weights)
    return network


def load_backbone_weights(network: nn.Module, path: Path) -> None:
    """Start a network from another run: all tensors that fit by name and shape; the whole backbone has to.

    Heads are taken over when they fit and keep their fresh values otherwise.

    Raises:
        CheckpointNotFoundError: no such file.
        CheckpointError: the file is damaged, or its backbone is another one.
    """
    state = _read(path)
    expected = network.state_dict()
    fits = {n: t for n, t in state.items() if n in expected and t.shape == expected[n].shape}
    lacking = [n for n in expected if n.startswith("backbone.") and not n.endswith("num_batches_tracked") and n not in fits]
    if lacking:
        raise CheckpointError(f"'{path}' cannot start this network: its backbone differs, first at '{lacking[0]}'.")
    network.load_state_dict(fits, strict=False)
