"""Two ways to run an epoch behind one interface: whole images through the network, or stored features through the heads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from accelerate import Accelerator
from torch import nn

from emotion_core.data.transforms import augment
from emotion_core.models.folding import can_pack, fold_batch_norm, pack_convolutions
from emotion_core.models.inference import images_a_pass, network_input, to_input
from emotion_core.models.network import EmotionNetwork
from emotion_core.training.config import Phase, TrainConfig
from emotion_core.training.data import Pictures, Split, epoch_seed, make_loader
from emotion_core.training.mixing import mix


class Batch(NamedTuple):
    """One step's worth.

    Attributes:
        indices: positions in the training split, shape ``(B,)``.
        inputs: normalised images ``(B, C, S, S)``, or pooled features ``(B, F)``.
        targets: label distributions, shape ``(B, 8)``.
        affect: valence and arousal, shape ``(B, 2)``, NaN where there is none.
        priors: class mix of the source of each image, shape ``(B, 8)``.
    """

    indices: torch.Tensor
    inputs: torch.Tensor
    targets: torch.Tensor
    affect: torch.Tensor
    priors: torch.Tensor


class Learner(Protocol):
    """One way to run an epoch."""

    steps: int
    """Batches an epoch."""

    images_a_step: int
    """How many images a step takes for each one in its batch: as many as processes share it."""

    def batches(self, epoch: int) -> Iterator[Batch]:
        """All batches of an epoch; they follow from the seed and the epoch alone."""
        ...

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits and affect, to learn from."""
        ...

    def evaluate(self, network: EmotionNetwork) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Logits ``(N, 8)`` and affect ``(N, 2)`` of the validation split, every image exactly once."""
        ...


def count_steps(images: int, batch_size: int) -> int:
    """Batches an epoch; a last one of a single image is left out, because it would give batch normalisation nothing."""
    return images // batch_size + (images % batch_size > 1)


class Labels:
    """Labels of the training split on the training device."""

    def __init__(self, split: Split, device: torch.device) -> None:
        self.targets = torch.from_numpy(split.table.targets).to(device)
        self.affect = torch.from_numpy(split.table.affect).to(device)
        self.priors = torch.from_numpy(split.priors).to(device)
        self.source = torch.from_numpy(np.repeat(np.arange(len(split.counts)), split.counts)).to(device)

    def of(self, indices: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Label distributions, valence and arousal, and class mixes of the sources of some images."""
        return self.targets[indices], self.affect[indices], self.priors[self.source[indices]]


class ImageLearner:
    """Whole images through the whole network, augmented and mixed in batches on the training device."""

    def __init__(
        self,
        config: TrainConfig,
        network: EmotionNetwork,
        model: nn.Module,
        splits: tuple[Split, Split],
        accelerator: Accelerator,
        *,
        workers: int = 0,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.config, self.network, self.model, self.accelerator = config, network, model, accelerator
        self.beat = beat
        self.labels = Labels(splits[0], accelerator.device)
        self.pixels = _on_device(splits[0].pixels, accelerator.device)
        pin = accelerator.device.type == "cuda" and self.pixels is None
        count = splits[0].images_an_epoch
        pictures = Pictures(splits[0].pixels if self.pixels is None else None, len(splits[0].table))
        loader = make_loader(pictures, config.batch_size, sampler=splits[0].sampler(config.seed), workers=workers, pin=pin)
        self.loader = accelerator.prepare_data_loader(loader)
        self.judged = judged_loader(splits[1], accelerator)
        alone = accelerator.num_processes == 1
        self.steps = count_steps(count, config.batch_size) if alone else len(self.loader)
        self.images_a_step = accelerator.num_processes

    def batches(self, epoch: int) -> Iterator[Batch]:
        # Accelerate's loader would set the sampler's epoch to the number of its own passes.
        self.loader.set_epoch(epoch)
        seed = epoch_seed(self.config.seed, epoch)
        # Every process augments its own share of a batch.
        own = seed + 2**40 * self.accelerator.process_index
        generator, mixing = torch.Generator().manual_seed(own), np.random.default_rng(own)
        for indices, *rest in self.loader:
            pixels = rest[0] if self.pixels is None else self.pixels[indices]
            # A last batch of one image would give batch normalisation nothing to normalise by.
            if len(indices) > 1:
                yield self._batch(indices, pixels, generator, mixing)

    def _batch(
        self, indices: torch.Tensor, pixels: torch.Tensor, generator: torch.Generator, mixing: np.random.Generator
    ) -> Batch:
        config = self.config
        images = augment(pixels.float().div_(255), config.augmentation, generator)
        images, *labels = mix(images, *self.labels.of(indices), config.mixing, mixing)
        return Batch(indices, network_input(self.network, images), *labels)

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        outputs = self.model(inputs)
        return outputs.logits.float(), outputs.affect.float()

    def evaluate(self, network: EmotionNetwork) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        return evaluate_images(network, self.judged, self.accelerator, beat=self.beat)


class FeatureLearner:
    """Stored features of a frozen backbone through the heads: an image's features never change, so they are computed once.

    Every process holds all features and does the same steps on them; that costs less than to keep them together.
    """

    def __init__(
        self,
        config: TrainConfig,
        network: EmotionNetwork,
        phase: Phase,
        splits: tuple[Split, Split],
        accelerator: Accelerator,
        *,
        epoch: int,
        beat: Callable[[], None] = lambda: None,
    ) -> None:
        self.config, self.network, self.accelerator, self.beat = config, network, accelerator, beat
        self.labels = Labels(splits[0], accelerator.device)
        self.sampler = splits[0].sampler(config.seed)
        self.steps = count_steps(splits[0].images_an_epoch, config.batch_size)
        self.images_a_step = 1
        backbone = self._fast_backbone()
        views = range(1 if not config.augmentation.active else phase.views)
        first = epoch_seed(config.seed, epoch)
        self.views = [self._features(backbone, splits[0], first + 7919 * (view + 1)) for view in views]
        self.judged = self._features(backbone, splits[1], None) if len(splits[1].table) else None

    def _fast_backbone(self) -> nn.Module:
        device, settings = self.accelerator.device, self.network.config
        backbone = fold_batch_norm(self.network.backbone)
        backbone.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        if can_pack(device) and self.accelerator.mixed_precision == "no":
            example = torch.zeros(images_a_pass(device), settings.in_chans, settings.input_size, settings.input_size)
            pack_convolutions(backbone, example.contiguous(memory_format=torch.channels_last))
        return backbone

    def _features(self, backbone: nn.Module, split: Split, seed: int | None) -> torch.Tensor:
        """Pooled features, shape ``(N, F)``; augmented when there is a seed."""
        # Every process augments its own share of the images.
        own = None if seed is None else seed + 2**40 * self.accelerator.process_index
        generator = None if own is None else torch.Generator().manual_seed(own)
        loader = judged_loader(split, self.accelerator)
        found, order = [], []
        with torch.inference_mode(), self.accelerator.autocast():
            for indices, pixels in loader:
                images = pixels.float().div_(255)
                if generator is not None:
                    images = augment(images, self.config.augmentation, generator)
                pooled = backbone(network_input(self.network, images)).mean(dim=(2, 3)).float()
                found.append(self.accelerator.gather_for_metrics(pooled))
                order.append(self.accelerator.gather_for_metrics(indices))
                self.beat()
        features, positions = torch.cat(found), torch.cat(order)
        return features[positions.argsort()].clone()

    def batches(self, epoch: int) -> Iterator[Batch]:
        self.sampler.set_epoch(epoch)
        features = self.views[epoch % len(self.views)]
        order = torch.tensor(list(self.sampler), device=features.device)
        for indices in torch.split(order, self.config.batch_size):
            if len(indices) > 1:
                yield Batch(indices, features[indices], *self.labels.of(indices))

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.network.expression(inputs), self.network.affect(inputs)

    @torch.inference_mode()
    def evaluate(self, network: EmotionNetwork) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        logits, affect = network.expression(self.judged), network.affect(self.judged)
        return logits.cpu().numpy(), affect.cpu().numpy()


@torch.inference_mode()
def evaluate_images(
    network: EmotionNetwork, loader: Any, accelerator: Accelerator, *, beat: Callable[[], None] = lambda: None
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Outputs for every picture of a prepared loader, exactly once each and in table order, over all processes.

    Args:
        network: in evaluation mode, on the accelerator's device.
        loader: gives positions and pixels.
        accelerator: gathers what the processes found.
        beat: called after every pass.

    Returns:
        Logits ``(N, 8)`` and affect ``(N, 2)``.
    """
    rows = []
    for indices, pixels in loader:
        with accelerator.autocast():
            outputs = network(to_input(network, pixels))
        # Positions are exact in float32 up to 16 million.
        row = torch.cat([indices[:, None].float(), outputs.logits.float(), outputs.affect.float()], dim=1)
        rows.append(accelerator.gather_for_metrics(row).cpu())
        beat()
    table = torch.cat(rows)
    table = table[table[:, 0].argsort()]
    return table[:, 1:9].numpy(), table[:, 9:].numpy()


def judged_loader(split: Split, accelerator: Accelerator) -> Any:
    """Batches of a split in table order, for passes without gradients."""
    # The loader shares each batch between the processes.
    size = images_a_pass(accelerator.device) * accelerator.num_processes
    return accelerator.prepare_data_loader(make_loader(Pictures(split.pixels, len(split.table)), size))


def _on_device(pixels: npt.NDArray[np.uint8], device: torch.device) -> torch.Tensor | None:
    """All pictures on the GPU where they take less than a third of what is free; ``None`` elsewhere."""
    if device.type != "cuda" or pixels.nbytes > torch.cuda.mem_get_info(device)[0] / 3:
        return None
    return torch.from_numpy(np.ascontiguousarray(pixels)).to(device)
