"""A training configuration is plain data: what a preset file says, checked."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from emotion_core.data.transforms import Augmentation
from emotion_core.models.network import NetworkConfig
from emotion_core.training.limits import check_config
from emotion_core.training.plain import Group, build


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
        check_config(self)

    @property
    def sources(self) -> tuple[TrainingSource, ...]:
        """The datasets to train on, ``dataset`` first."""
        return tuple(sorted(self.data, key=lambda source: source.dataset != self.dataset)) or (
            TrainingSource(dataset=self.dataset),
        )

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


_LISTS = {
    tuple[Phase, ...]: Group(Phase, "name", "phases"),
    tuple[TrainingSource, ...]: Group(TrainingSource, "dataset", "sources"),
}


def from_dict(data: Mapping[str, Any]) -> TrainConfig:
    """Build a configuration from plain data.

    Raises:
        ConfigError: unknown keys, wrong types or impossible values.
    """
    return build(TrainConfig, data, _LISTS)
