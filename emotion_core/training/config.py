"""A training configuration is plain data: a preset file, with single values changed on the command line."""

from __future__ import annotations

import dataclasses
import difflib
import math
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from emotion_core.data.transforms import Augmentation
from emotion_core.errors import ConfigError
from emotion_core.models.backbones import backbone_spec
from emotion_core.models.network import NetworkConfig
from emotion_core.training.losses import LossWeights

SELECTIONS = ("accuracy", "ccc", "accuracy + ccc")
DATASETS = ("affectnet-3999", "ferplus", "fer2013")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training.

    Attributes:
        title: what it does, in words.
        dataset: one of :data:`DATASETS`.
        network: what is trained.
        loss: what counts how much.
        augmentation: how training pictures are varied.
        epochs: passes over the training part.
        batch_size: images a step.
        lr: peak learning rate.
        warmup: share of all steps in which the rate rises linearly; then it falls to 0 as a cosine.
        weight_decay: AdamW's, on matrices and kernels only.
        clip_norm: largest gradient norm.
        mixup: parameter of the Beta distribution that pairs of images are mixed with; 0 for none.
        average: decay of the running average of weights that is evaluated and stored; 0 for none.
        select: measure on the validation part that chooses the stored epoch.
        seed: of weights, order, augmentation and mixing.
    """

    title: str = ""
    dataset: str = "affectnet-3999"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossWeights = field(default_factory=LossWeights)
    augmentation: Augmentation = field(default_factory=Augmentation)
    epochs: int = 20
    batch_size: int = 32
    lr: float = 1e-3
    warmup: float = 0.15
    weight_decay: float = 0.05
    clip_norm: float = 2.0
    mixup: float = 0.0
    average: float = 0.999
    select: str = "accuracy"
    seed: int = 0

    def __post_init__(self) -> None:
        _check(self.dataset in DATASETS, f"dataset '{self.dataset}' is unknown; known: {', '.join(DATASETS)}")
        _check(self.select in SELECTIONS, f"select '{self.select}' is unknown; known: {', '.join(SELECTIONS)}")
        backbone_spec(self.network.backbone)
        _check(32 <= self.network.input_size <= 1024, f"network.input_size {self.network.input_size} is not 32 to 1024 px")
        _check(self.epochs >= 1, f"epochs {self.epochs} is not at least 1")
        # Batch normalisation cannot learn from a single image.
        _check(self.batch_size >= 2, f"batch_size {self.batch_size} is not at least 2")
        _check(0 < self.lr < math.inf, f"lr {self.lr:g} is not a number above 0")
        _check(0 <= self.warmup < 1, f"warmup {self.warmup:g} is not in [0, 1)")
        _check(0 <= self.weight_decay < math.inf, f"weight_decay {self.weight_decay:g} is not a number of at least 0")
        _check(self.clip_norm > 0, f"clip_norm {self.clip_norm:g} is not above 0")
        _check(0 <= self.mixup < math.inf, f"mixup {self.mixup:g} is not a number of at least 0")
        _check(0 <= self.average < 1, f"average {self.average:g} is not in [0, 1)")
        _check(0 <= self.loss.label_smoothing < 1, f"loss.label_smoothing {self.loss.label_smoothing:g} is not in [0, 1)")
        for name in ("expression", "mse", "ccc"):
            weight = getattr(self.loss, name)
            _check(0 <= weight < math.inf, f"loss.{name} {weight:g} is not a number of at least 0")
        for name in ("dropout", "drop_path"):
            _check(0 <= getattr(self.network, name) < 1, f"network.{name} {getattr(self.network, name):g} is not in [0, 1)")
        # Larger ones do not fit the generators once the epoch is counted in, negative ones numpy refuses.
        _check(0 <= self.seed < 2**32, f"seed {self.seed} is not in [0, 2^32)")
        for measure, output in (("accuracy", "expression"), ("ccc", "affect")):
            taught = measure not in self.select or output in self.outputs
            _check(taught, f"select '{self.select}' needs the output '{output}', but its losses weigh 0")
        _check_network(self.network)
        _check_augmentation(self.augmentation)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Which outputs this training teaches."""
        taught = (("expression", self.loss.expression), ("affect", self.loss.mse + self.loss.ccc))
        return tuple(name for name, weight in taught if weight > 0)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, such as :func:`from_dict` reads."""
        return dataclasses.asdict(self)


def preset_names() -> list[str]:
    """Names of the presets in the package."""
    folder = resources.files("emotion_core.training") / "presets"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_preset(name: str, changes: Iterable[str] = ()) -> TrainConfig:
    """Read a preset and change single values.

    Args:
        name: of a preset in the package, or the path of a TOML file.
        changes: such as ``"epochs=3"`` or ``"network.backbone=resnet50"``; values as TOML writes them, quotes optional.

    Raises:
        ConfigError: unknown preset or key (the message gives the nearest), or an impossible value.
    """
    if name.endswith(".toml"):
        try:
            text = Path(name).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ConfigError(f"The preset '{name}' cannot be read ({error}).") from error
    elif name in preset_names():
        text = (resources.files("emotion_core.training") / "presets" / f"{name}.toml").read_text(encoding="utf-8")
    else:
        raise ConfigError(f"There is no preset '{name}'.{_nearest(name, preset_names())} Known: {', '.join(preset_names())}.")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"The preset '{name}' is not valid TOML: {error}.") from error
    for change in changes:
        _change(data, change)
    return from_dict(data)


def from_dict(data: Mapping[str, Any]) -> TrainConfig:
    """Build a configuration from plain data.

    Raises:
        ConfigError: unknown keys, wrong types or impossible values.
    """
    return typing.cast(TrainConfig, _build(TrainConfig, data, ""))


def _build(cls: Any, data: Mapping[str, Any], prefix: str) -> Any:
    hints = typing.get_type_hints(cls)
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in hints:
            raise ConfigError(f"Unknown setting '{prefix}{key}'.{_nearest(key, hints)}")
        hint = hints[key]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"'{prefix}{key}' is a group of settings, not {value!r}.")
            values[key] = _build(hint, value, f"{prefix}{key}.")
        else:
            values[key] = _convert(value, hint, f"{prefix}{key}")
    return cls(**values)


def _convert(value: Any, hint: Any, key: str) -> Any:
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or not all(type(entry) in (int, float) for entry in value):
            raise ConfigError(f"'{key}' has to be a list of numbers, not {value!r}.")
        return tuple(float(entry) for entry in value)
    if isinstance(hint, types.UnionType):
        if value is None:
            return None
        hint = next(option for option in typing.get_args(hint) if option is not type(None))
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, hint) or (hint is not bool and isinstance(value, bool)):
        raise ConfigError(f"'{key}' has to be of type {hint.__name__}, not {value!r}.")
    return value


def _change(data: dict[str, Any], change: str) -> None:
    key, equals, text = change.partition("=")
    if not equals:
        raise ConfigError(f"'{change}' is not a change of the form key=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    *groups, last = key.strip().split(".")
    for group in groups:
        data = data.setdefault(group, {})
        if not isinstance(data, dict):
            raise ConfigError(f"'{group}' in '{key}' is not a group of settings.")
    data[last] = value


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(f"Impossible setting: {message}.")


def _check_network(network: NetworkConfig) -> None:
    _check(network.in_chans in (1, 3, 4), f"network.in_chans {network.in_chans} is not 1, 3 or 4")
    for name in ("mean", "std"):
        count = len(getattr(network, name))
        _check(count == network.in_chans, f"network.{name} has {count} numbers for {network.in_chans} channels")
    _check(all(0 < value < math.inf for value in network.std), f"network.std {list(network.std)} is not above 0")
    _check(network.hidden is None or network.hidden >= 1, f"network.hidden {network.hidden} is not at least 1")


def _check_augmentation(augmentation: Augmentation) -> None:
    for name, top in (("flip", 1), ("grey", 1), ("erase", 1), ("shift", 1), ("brightness", 1), ("rotate", 180)):
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


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""
