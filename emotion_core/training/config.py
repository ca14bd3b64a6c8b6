"""A training configuration is plain data: what a preset file says, checked."""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emotion_core.data.transforms import Augmentation
from emotion_core.errors import ConfigError, did_you_mean
from emotion_core.models.backbones import backbone_spec
from emotion_core.models.network import NetworkConfig

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


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """What counts how much; an output whose weights are all 0 is not trained.

    Attributes:
        expression: weight of the expression loss.
        kind: ``"cross-entropy"`` or ``"focal"`` (T.-Y. Lin et al. 2017).
        gamma: of the focal loss, at least 0; 0 makes it cross-entropy.
        label_smoothing: share of every label that is spread over all expressions, in [0, 1).
        class_weights: ``"none"``, ``"inverse"`` (by frequency) or ``"effective"`` (number of samples, Y. Cui et al. 2019).
        max_class_weight: weights are normalised to a mean of 1 over the images, then clipped here.
        mse: weight of the mean squared error of valence and arousal.
        mae: of their mean absolute error.
        ccc: of 1 - CCC, taken over the batch.
        valence: factor of all three for valence.
        arousal: the same for arousal.
        logit_adjustment: whether the class mix of each source is added to the logits while they learn from it (A. Menon et al.
            2021), so that the network itself knows no mix: its outputs are those under equal shares of all expressions.
    """

    expression: float = 1.0
    kind: str = "cross-entropy"
    gamma: float = 2.0
    label_smoothing: float = 0.0
    class_weights: str = "none"
    max_class_weight: float = 5.0
    mse: float = 0.0
    mae: float = 0.0
    ccc: float = 0.0
    valence: float = 1.0
    arousal: float = 1.0
    logit_adjustment: bool = False


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """Pairs of training images blended into one, with their labels.

    Attributes:
        mixup: parameter of the Beta distribution that weighs the two; 0 for none (H. Zhang et al. 2018).
        cutmix: the same for the area of a rectangle that is taken from the second; 0 for none (S. Yun et al. 2019).
        share: of the batches that are mixed, in [0, 1]; with both kinds on, each gets half of them.
    """

    mixup: float = 0.0
    cutmix: float = 0.0
    share: float = 1.0

    @property
    def active(self) -> bool:
        """Whether any batch is mixed."""
        return self.share > 0 and (self.mixup > 0 or self.cutmix > 0)


@dataclass(frozen=True, kw_only=True)
class TrainingSource:
    """One of the datasets that a network learns from; its training split alone.

    With a teacher, pictures get labels from what another run, often an ensemble, predicts for them (pseudo-labels, D.-H. Lee
    2013; a student learns from them as in Q. Xie et al. 2020, Self-training with Noisy Student).

    Attributes:
        dataset: as in :class:`TrainConfig`.
        share: of the images of an epoch, in (0, 1]; those of all sources sum to 1.
        labels: ``"all"`` that the dataset has; its annotators' ``"votes"``; one ``"expression"`` an image; ``"affect"`` for
            valence and arousal; or what the ``"teacher"`` predicts: expressions, valence and arousal.
        teacher: a run that was evaluated on the training split of this dataset. Beside labels of another kind, it gives the
            valence and arousal that the dataset lacks.
    """

    dataset: str
    share: float = 1.0
    labels: str = "all"
    teacher: str = ""


@dataclass(frozen=True, kw_only=True)
class Optimiser:
    """How gradients become steps.

    Attributes:
        name: ``"adamw"``, ``"adam"`` or ``"sgd"``.
        weight_decay: on matrices and kernels only.
        momentum: of SGD.
    """

    name: str = "adamw"
    weight_decay: float = 0.05
    momentum: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Phase:
    """One stage of a training, with its own learning rate and its own frozen layers.

    Attributes:
        name: unique in the training.
        epochs: passes over the training split.
        lr: peak learning rate of the heads.
        backbone_lr: of the backbone; ``None`` for the same.
        stages: how many of the backbone's stages learn, counted from the output, or ``"all"``; 0 trains the heads only.
        schedule: ``"constant"``, ``"cosine"``, ``"one-cycle"`` or ``"plateau"``.
        warmup: share of the phase's steps in which the rate rises, in [0, 1).
        factor: what ``"plateau"`` multiplies the rate by.
        patience: epochs without a better score after which it does.
        stop_after: epochs without a better score after which the phase ends early; 0 for never.
        views: with ``stages = 0``, how often the frozen backbone sees each image, augmented anew each time, before the heads
            learn from the features alone; 0 runs the backbone in every epoch.
    """

    name: str
    epochs: int
    lr: float
    backbone_lr: float | None = None
    stages: int | str = "all"
    schedule: str = "cosine"
    warmup: float = 0.15
    factor: float = 0.5
    patience: int = 3
    stop_after: int = 0
    views: int = 0


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training.

    Attributes:
        title: what it does, in words.
        reproduces: whose recipe it is; empty for our own.
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows; its validation split judges.
        data: the datasets to train on, ``dataset`` among them; that one alone by default. An epoch takes every training image
            of ``dataset`` once, and of the others as many as their shares say.
        learn_from: its splits to train on: ``"train"``, or ``"train + val"`` once all is decided. Then nothing is left to
            judge an epoch, so it takes ``keep = "last"``, and the temperature is that of the run in ``init``.
        init: where the weights come from: ``"scratch"``, ``"imagenet"``, a run, or a ``.safetensors`` file.
        network: what is trained.
        loss: what counts how much.
        mixing: whether images are blended.
        augmentation: how training images are varied.
        optimiser: how gradients become steps.
        phases: what is done, in order.
        batch_size: images a step, over all processes.
        accumulate: steps whose gradients are added up before the weights move.
        clip_norm: largest gradient norm.
        ema_decay: decay of the exponential moving average of weights that is evaluated and stored; 0 for none.
        select: measure on the validation split that chooses the stored epoch.
        keep: ``"best"`` stores the epoch where ``select`` is best, ``"last"`` the last one: then validation images have no say
            in the weights, and may be test images elsewhere. The temperature is fitted on them in both cases.
        seed: of weights, order, augmentation and mixing.
        precision: of the forward pass: ``"fp32"``, ``"bf16"``, or ``"auto"``, which is bf16 on CUDA and fp32 elsewhere. Weights
            and losses are fp32 in all cases.
    """

    title: str = ""
    reproduces: str = ""
    dataset: str = "affectnet-3999"
    data: tuple[TrainingSource, ...] = ()
    learn_from: str = "train"
    init: str = "scratch"
    network: NetworkConfig = field(default_factory=NetworkConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    mixing: Mixing = field(default_factory=Mixing)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimiser: Optimiser = field(default_factory=Optimiser)
    phases: tuple[Phase, ...] = (Phase(name="all", epochs=20, lr=1e-3),)
    batch_size: int = 32
    accumulate: int = 1
    clip_norm: float = 2.0
    ema_decay: float = 0.0
    select: str = "accuracy"
    keep: str = "best"
    seed: int = 0
    precision: str = "auto"

    def __post_init__(self) -> None:
        _choice(self.select, SELECTIONS, "select")
        _choice(self.keep, KEPT, "keep")
        _choice(self.learn_from, LEARNT_FROM, "learn_from")
        _check(
            self.keep == "last" or self.learn_from == "train",
            "learn_from 'train + val' leaves no images to choose an epoch: it needs keep = 'last'",
        )
        _choice(self.precision, PRECISIONS, "precision")
        backbone_spec(self.network.backbone)
        _check(bool(self.dataset), "dataset is empty")
        # Batch normalisation cannot learn from a single image.
        _check(self.batch_size >= 2, f"batch_size {self.batch_size} is not at least 2")
        _check(self.accumulate >= 1, f"accumulate {self.accumulate} is not at least 1")
        _check(self.clip_norm > 0, f"clip_norm {self.clip_norm:g} is not above 0")
        _check(0 <= self.ema_decay < 1, f"ema_decay {self.ema_decay:g} is not in [0, 1)")
        # A larger seed overflows the generators once the epoch is added; numpy refuses negative ones.
        _check(0 <= self.seed < 2**32, f"seed {self.seed} is not in [0, 2^32)")
        _check_network(self.network)
        _check_loss(self.loss)
        for measure, output in (("accuracy", "expression"), ("f1_macro", "expression"), ("ccc", "affect")):
            trained = measure not in self.select or output in self.outputs
            _check(trained, f"select '{self.select}' needs the output '{output}', but its losses weigh 0")
        _check_mixing(self.mixing)
        _check_augmentation(self.augmentation)
        _choice(self.optimiser.name, OPTIMISERS, "optimiser.name")
        _at_least(self.optimiser.weight_decay, 0, "optimiser.weight_decay")
        _check(0 <= self.optimiser.momentum < 1, f"optimiser.momentum {self.optimiser.momentum:g} is not in [0, 1)")
        self._check_sources()
        self._check_phases()

    def _check_sources(self) -> None:
        if not self.data:
            return
        names = [source.dataset for source in self.data]
        _check(len(set(names)) == len(names), f"data names '{_first_twice(names)}' twice")
        _check(self.dataset in names, f"data lacks '{self.dataset}', whose validation split judges (dataset = …)")
        for source in self.data:
            where = f"data.{source.dataset}"
            _check(bool(source.dataset), "data has a source without dataset")
            _check(0 < source.share <= 1, f"{where}.share {source.share:g} is not in (0, 1]")
            _choice(source.labels, LABELS, f"{where}.labels")
            _check(
                source.labels != "teacher" or bool(source.teacher), f"{where}.labels 'teacher' needs a run in {where}.teacher"
            )
            _check(source.labels != "affect" or not source.teacher, f"{where}.teacher has nothing to add to labels 'affect'")
        total = sum(source.share for source in self.data)
        _check(abs(total - 1) < 1e-6, f"the shares of data sum to {total:g}, not 1")

    @property
    def sources(self) -> tuple[TrainingSource, ...]:
        """The datasets to train on, ``dataset`` first."""
        return tuple(sorted(self.data, key=lambda source: source.dataset != self.dataset)) or (
            TrainingSource(dataset=self.dataset),
        )

    def _check_phases(self) -> None:
        _check(1 <= len(self.phases) <= MAX_PHASES, f"there are {len(self.phases)} phases, not 1 to {MAX_PHASES}")
        names = [phase.name for phase in self.phases]
        _check(len(set(names)) == len(names), "two phases have the same name")
        for phase in self.phases:
            blind = phase.schedule != "plateau" and not phase.stop_after
            _check(self.keep == "best" or blind, f"phases.{phase.name} lets validation decide, which keep = 'last' rules out")
            _check_phase(phase, len(backbone_spec(self.network.backbone).stages))
            mixed = self.mixing.active and phase.views > 0
            _check(not mixed, f"phases.{phase.name}.views needs whole images: mixing has to be off, or views 0")

    @property
    def outputs(self) -> tuple[str, ...]:
        """Which outputs are trained."""
        loss = self.loss
        affect = (loss.mse + loss.mae + loss.ccc) * (loss.valence + loss.arousal)
        return tuple(name for name, weight in (("expression", loss.expression), ("affect", affect)) if weight > 0)

    @property
    def epochs(self) -> int:
        """Epochs of all phases together."""
        return sum(phase.epochs for phase in self.phases)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, such as :func:`from_dict` reads."""
        return dataclasses.asdict(self)


_LISTS: Mapping[Any, tuple[Any, str, str]] = {
    tuple[Phase, ...]: (Phase, "name", "phases"),
    tuple[TrainingSource, ...]: (TrainingSource, "dataset", "sources"),
}
"""Lists of groups of settings, and what names one of them and all of them in a message."""

RENAMED = {"average": "ema_decay", "wait": "patience"}
"""Settings of before, and what they are called now."""


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
            if RENAMED.get(key) in hints:
                raise ConfigError(f"The setting '{prefix}{key}' is called '{RENAMED[key]}' now.")
            raise ConfigError(f"Unknown setting '{prefix}{key}'.{did_you_mean(key, hints)}")
        values[key] = _read(value, hints[key], f"{prefix}{key}")
    lacking = [
        entry.name
        for entry in dataclasses.fields(cls)
        if entry.name not in values and entry.default is entry.default_factory is dataclasses.MISSING
    ]
    if lacking:
        raise ConfigError(f"The setting '{prefix}{lacking[0]}' is missing.")
    return cls(**values)


def _read(value: Any, hint: Any, key: str) -> Any:
    if hint in _LISTS:
        group, named_by, word = _LISTS[hint]
        if not isinstance(value, list | tuple) or not all(isinstance(entry, Mapping) for entry in value):
            raise ConfigError(f"'{key}' has to be a list of {word} ([[{key}]] in TOML), not {value!r}.")
        return tuple(_build(group, entry, f"{key}.{entry.get(named_by, index)}.") for index, entry in enumerate(value))
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, Mapping):
            raise ConfigError(f"'{key}' is a group of settings, not {value!r}.")
        return _build(hint, value, f"{key}.")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list | tuple) or not all(type(entry) in (int, float) for entry in value):
            raise ConfigError(f"'{key}' has to be a list of numbers, not {value!r}.")
        return tuple(float(entry) for entry in value)
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value == "none" and type(None) in options and str not in options:
        # TOML has no word for nothing.
        return None
    if float in options and type(value) is int:
        value = float(value)
    if not isinstance(value, options) or isinstance(value, bool) != (bool in options):
        names = " or ".join("none" if option is type(None) else option.__name__ for option in options)
        raise ConfigError(f"'{key}' has to be of type {names}, not {value!r}.")
    return value


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
