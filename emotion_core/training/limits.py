"""Which values settings of a training can have."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from emotion_core.errors import ConfigError, did_you_mean
from emotion_core.models.backbones import backbone_spec

if TYPE_CHECKING:
    from emotion_core.data.transforms import Augmentation
    from emotion_core.models.network import NetworkConfig
    from emotion_core.training.config import LossConfig, Mixing, Phase, TrainConfig

SELECTIONS = ("accuracy", "f1_macro", "ccc", "accuracy + ccc")
KEPT = ("best", "last")
LEARNT_FROM = ("train", "train + val")
SCHEDULES = ("constant", "cosine", "one-cycle", "plateau")
OPTIMISERS = ("adamw", "adam", "sgd")
EXPRESSION_LOSSES = ("cross-entropy", "focal")
CLASS_WEIGHTS = ("none", "inverse", "effective")
PRECISIONS = ("auto", "fp32", "bf16")
LABELS = ("all", "votes", "expression", "affect", "teacher")
MAX_PHASES = 20


def check_config(config: TrainConfig) -> None:
    """Refuse values that make no sense, alone or together.

    Raises:
        ConfigError: the setting is named.
    """
    _choice(config.select, SELECTIONS, "select")
    _choice(config.keep, KEPT, "keep")
    _choice(config.learn_from, LEARNT_FROM, "learn_from")
    _check(
        config.keep == "last" or config.learn_from == "train",
        "learn_from 'train + val' leaves no images to choose an epoch: it needs keep = 'last'",
    )
    _choice(config.precision, PRECISIONS, "precision")
    backbone_spec(config.network.backbone)
    _check(bool(config.dataset), "dataset is empty")
    # Batch normalisation cannot learn from a single image.
    _check(config.batch_size >= 2, f"batch_size {config.batch_size} is not at least 2")
    _check(config.accumulate >= 1, f"accumulate {config.accumulate} is not at least 1")
    _check(config.clip_norm > 0, f"clip_norm {config.clip_norm:g} is not above 0")
    _check(0 <= config.ema_decay < 1, f"ema_decay {config.ema_decay:g} is not in [0, 1)")
    # A larger seed overflows the generators once the epoch is added; numpy refuses negative ones.
    _check(0 <= config.seed < 2**32, f"seed {config.seed} is not in [0, 2^32)")
    _check_network(config.network)
    _check_loss(config.loss)
    for measure, output in (("accuracy", "expression"), ("f1_macro", "expression"), ("ccc", "affect")):
        trained = measure not in config.select or output in config.outputs
        _check(trained, f"select '{config.select}' needs the output '{output}', but its losses weigh 0")
    _check_mixing(config.mixing)
    _check_augmentation(config.augmentation)
    _choice(config.optimiser.name, OPTIMISERS, "optimiser.name")
    _at_least(config.optimiser.weight_decay, 0, "optimiser.weight_decay")
    _check(0 <= config.optimiser.momentum < 1, f"optimiser.momentum {config.optimiser.momentum:g} is not in [0, 1)")
    _check_sources(config)
    _check_phases(config)


def _check_sources(config: TrainConfig) -> None:
    if not config.data:
        return
    names = [source.dataset for source in config.data]
    _check(len(set(names)) == len(names), f"data names '{_first_twice(names)}' twice")
    _check(config.dataset in names, f"data lacks '{config.dataset}', whose validation split judges (dataset = …)")
    for source in config.data:
        where = f"data.{source.dataset}"
        _check(bool(source.dataset), "data has a source without dataset")
        _check(0 < source.share <= 1, f"{where}.share {source.share:g} is not in (0, 1]")
        _choice(source.labels, LABELS, f"{where}.labels")
        _check(source.labels != "teacher" or bool(source.teacher), f"{where}.labels 'teacher' needs a run in {where}.teacher")
        _check(source.labels != "affect" or not source.teacher, f"{where}.teacher has nothing to add to labels 'affect'")
    total = sum(source.share for source in config.data)
    _check(abs(total - 1) < 1e-6, f"the shares of data sum to {total:g}, not 1")


def _check_phases(config: TrainConfig) -> None:
    _check(1 <= len(config.phases) <= MAX_PHASES, f"there are {len(config.phases)} phases, not 1 to {MAX_PHASES}")
    names = [phase.name for phase in config.phases]
    _check(len(set(names)) == len(names), "two phases have the same name")
    for phase in config.phases:
        blind = phase.schedule != "plateau" and not phase.stop_after
        _check(config.keep == "best" or blind, f"phases.{phase.name} lets validation decide, which keep = 'last' rules out")
        _check_phase(phase, len(backbone_spec(config.network.backbone).stages))
        mixed = config.mixing.active and phase.views > 0
        _check(not mixed, f"phases.{phase.name}.views needs whole images: mixing has to be off, or views 0")


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"Impossible setting: {message}.")


def _choice(value: str, known: tuple[str, ...], name: str) -> None:
    if value not in known:
        raise ConfigError(
            f"Impossible setting: {name} '{value}' is unknown.{did_you_mean(value, known)} Known: {', '.join(known)}."
        )


def _at_least(value: float, least: float, name: str) -> None:
    _check(least <= value < math.inf, f"{name} {value:g} is not a number of at least {least:g}")


def _check_phase(phase: Phase, stages: int) -> None:
    at = f"phases.{phase.name}"
    _check(bool(phase.name.strip()) and len(phase.name) <= 40, f"the phase name '{phase.name}' is not 1 to 40 characters")
    _check(phase.epochs >= 1, f"{at}.epochs {phase.epochs} is not at least 1")
    _check(0 < phase.lr < math.inf, f"{at}.lr {phase.lr:g} is not a number above 0")
    if phase.backbone_lr is not None:
        _check(0 < phase.backbone_lr < math.inf, f"{at}.backbone_lr {phase.backbone_lr:g} is not a number above 0")
    number = phase.stages == "all" or (isinstance(phase.stages, int) and 0 <= phase.stages <= stages)
    _check(number, f"{at}.stages {phase.stages!r} is not 0 to {stages}, nor 'all'")
    _choice(phase.schedule, SCHEDULES, f"{at}.schedule")
    _check(0 <= phase.warmup < 1, f"{at}.warmup {phase.warmup:g} is not in [0, 1)")
    _check(0 < phase.factor < 1, f"{at}.factor {phase.factor:g} is not in (0, 1)")
    _check(phase.patience >= 1, f"{at}.patience {phase.patience} is not at least 1")
    _check(phase.stop_after >= 0, f"{at}.stop_after {phase.stop_after} is not at least 0")
    _check(phase.views >= 0, f"{at}.views {phase.views} is not at least 0")
    _check(phase.views == 0 or phase.stages == 0, f"{at}.views needs a frozen backbone: set stages = 0, or views = 0")


def _check_network(network: NetworkConfig) -> None:
    _check(32 <= network.input_size <= 1024, f"network.input_size {network.input_size} is not 32 to 1024 px")
    _check(network.in_chans in (1, 3, 4), f"network.in_chans {network.in_chans} is not 1, 3 or 4")
    for name in ("mean", "std"):
        count = len(getattr(network, name))
        _check(count == network.in_chans, f"network.{name} has {count} numbers for {network.in_chans} channels")
    _check(all(map(math.isfinite, network.mean)), f"network.mean {list(network.mean)} is not finite")
    _check(all(0 < value < math.inf for value in network.std), f"network.std {list(network.std)} is not above 0")
    _check(network.hidden is None or network.hidden >= 1, f"network.hidden {network.hidden} is not at least 1")
    _check(network.stem_stride in (None, 1), f"network.stem_stride {network.stem_stride} is not 1 or none")
    for name in ("dropout", "drop_path"):
        _check(0 <= getattr(network, name) < 1, f"network.{name} {getattr(network, name):g} is not in [0, 1)")


def _first_twice(names: list[str]) -> str:
    return next((name for name in names if names.count(name) > 1), "")


def _check_loss(loss: LossConfig) -> None:
    _choice(loss.kind, EXPRESSION_LOSSES, "loss.kind")
    _choice(loss.class_weights, CLASS_WEIGHTS, "loss.class_weights")
    for name in ("expression", "gamma", "mse", "mae", "ccc", "valence", "arousal"):
        _at_least(getattr(loss, name), 0, f"loss.{name}")
    _at_least(loss.max_class_weight, 1, "loss.max_class_weight")
    _check(0 <= loss.label_smoothing < 1, f"loss.label_smoothing {loss.label_smoothing:g} is not in [0, 1)")


def _check_mixing(mixing: Mixing) -> None:
    for name in ("mixup", "cutmix"):
        _at_least(getattr(mixing, name), 0, f"mixing.{name}")
    _check(0 <= mixing.share <= 1, f"mixing.share {mixing.share:g} is not in [0, 1]")


def _check_augmentation(augmentation: Augmentation) -> None:
    for name, top in (
        ("flip", 1),
        ("grey", 1),
        ("erase", 1),
        ("shift", 1),
        ("brightness", 1),
        ("blur", 1),
        ("coarse", 1),
        ("jpeg", 1),
        ("rotate", 180),
    ):
        value = getattr(augmentation, name)
        _check(0 <= value <= top, f"augmentation.{name} {value:g} is not in [0, {top}]")
    for name in ("scale", "contrast", "saturation"):
        value = getattr(augmentation, name)
        _check(0 <= value < 1, f"augmentation.{name} {value:g} is not in [0, 1)")
    area = augmentation.erase_area
    _check(
        len(area) == 2 and 0 <= area[0] <= area[1] <= 1,
        f"augmentation.erase_area {list(area)} is not a range within [0, 1]",
    )
