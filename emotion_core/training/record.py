"""What ``run.json`` says of a training, from its beginning on."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from emotion_core.errors import CheckpointError
from emotion_core.labels import EXPRESSIONS
from emotion_core.models.checkpoint import PICKLED, PICKLES
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.experiments import name_of
from emotion_core.results.find import find_run
from emotion_core.results.run import WEIGHTS, Run, RunInfo
from emotion_core.training.config import TrainConfig
from emotion_core.training.data import Split


def describe(config: TrainConfig, network: EmotionNetwork, splits: tuple[Split, Split], device: torch.device) -> RunInfo:
    """Everything that is known before the first step."""
    return RunInfo(
        network=config.network.to_dict(),
        outputs=config.outputs,
        training=recorded(config),
        dataset={
            "name": config.dataset,
            # A file is known by what is in it; its path is only where it lay.
            **({"content": splits[0].own.name} if splits[0].own.name != config.dataset else {}),
            **{
                name: {"images": len(split.own), "fingerprint": split.own.fingerprint()}
                for name, split in zip(("train", "val"), splits, strict=True)
                if len(split.table)
            },
            **({"learn_from": config.learn_from} if config.learn_from != "train" else {}),
            **_sources(config, splits[0]),
        },
        prior=class_prior(config, splits[0]),
        init=_init_name(config.init),
        temperature=_temperature(config),
        seed=config.seed,
        num_params=sum(p.numel() for p in network.parameters()),
        device=torch.cuda.get_device_name(device) if device.type == "cuda" else device.type,
        versions=_versions(),
    )


def _temperature(config: TrainConfig) -> float:
    """Of the run that a training on all images starts from: no image is left to fit another one."""
    run = starting_run(config.init) if config.learn_from == "train + val" else None
    return 1.0 if run is None else run.info.temperature


def starting_run(init: str) -> Run | None:
    """The run that a training goes on from; ``None`` where it starts from something else."""
    if init in ("scratch", "imagenet") or init.endswith(".safetensors"):
        return None
    if init.lower().endswith(PICKLES):
        raise CheckpointError(PICKLED.format(path=init))
    return find_run(init)


def _sources(config: TrainConfig, split: Split) -> dict[str, Any]:
    """Where the training images come from, if from several datasets."""
    if len(split.counts) == 1:
        return {}
    rows = zip(recorded(config)["data"], split.counts, split.left_out, strict=True)
    return {"sources": [{**source, "images": count, "left_out": left_out} for source, count, left_out in rows]}


def class_prior(config: TrainConfig, split: Split) -> dict[str, float]:
    """The class mix that is inside the network's probabilities: equal shares after logit adjustment, else that of an epoch."""
    if "expression" not in config.outputs:
        return {}
    present = split.table.targets.sum(axis=0) > 0
    mix = present / present.sum() if config.loss.logit_adjustment else np.average(split.priors, axis=0, weights=split.drawn)
    return {name: round(float(share), 6) for name, share in zip(EXPRESSIONS, mix, strict=True)}


def recorded(config: TrainConfig) -> dict[str, Any]:
    """The configuration as ``run.json`` keeps it: no path of this machine in it."""
    data = tuple(
        replace(source, teacher=_reference(source.teacher) if source.teacher else "")
        for source in config.sources
        if config.data
    )
    return {**replace(config, data=data).to_dict(), "init": _init_name(config.init)}


def _init_name(init: str) -> str:
    if init in ("scratch", "imagenet"):
        return init
    if Path(init).name == WEIGHTS:
        return name_of(Path(init).parent)[0]
    return Path(init).name if init.endswith(".safetensors") else _reference(init)


def _reference(run: str) -> str:
    """The name of a run that is given by its name or its folder; that of its folder where it is gone."""
    try:
        return find_run(run).name
    except CheckpointError:
        return Path(run).name if Path(run).is_absolute() else run


def plain(value: Any) -> Any:
    """Lists where there were tuples, as JSON has them."""
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value


def _versions() -> dict[str, str]:
    # From what is installed, not from the packages themselves: importing torchvision and timm takes seconds.
    others = {name: version(name) for name in ("torchvision", "timm", "accelerate")}
    return {"python": platform.python_version(), "torch": torch.__version__, **others}
