"""What a training reads: decoded pictures with labels, in an order that the seed and the epoch alone decide."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from tqdm import tqdm

from emotion_core.data.cache import decode_cached
from emotion_core.data.datasets import load_dataset
from emotion_core.data.table import FaceTable, OnError
from emotion_core.training.config import TrainConfig
from emotion_core.training.extra import load_extra

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Decoded pictures of one split with their labels.

    Attributes:
        table: ``N`` rows, those of the dataset itself first.
        pixels: uint8, shape ``(N, 1 or 3, S, S)``, in memory or memory-mapped.
        extra: how many rows at the end come from elsewhere.
        drawn: how many of these an epoch takes.
    """

    table: FaceTable
    pixels: npt.NDArray[np.uint8]
    extra: int = 0
    drawn: int = 0

    @cached_property
    def own(self) -> FaceTable:
        """The rows of the dataset itself."""
        return self.table if not self.extra else self.table.where(np.arange(len(self.table)) < len(self.table) - self.extra)

    @property
    def images_an_epoch(self) -> int:
        """How many images an epoch takes."""
        return len(self.table) - self.extra + self.drawn

    def sampler(self, seed: int) -> EpochSampler:
        """The order of its images in every epoch."""
        return EpochSampler(len(self.table) - self.extra, seed, extra=self.extra, drawn=self.drawn)


def load_parts(
    config: TrainConfig,
    data_root: str | Path | None,
    *,
    on_error: OnError = "raise",
    cache: Path | None = None,
    progress: bool = True,
) -> tuple[Part, Part]:
    """Training and validation part of a configuration's dataset, decoded. Test images are not touched.

    The validation part is empty where its images teach.

    Args:
        config: which dataset and input size.
        data_root: where datasets lie.
        on_error: what to do with broken samples.
        cache: folder for decoded pictures, memory-mapped from there; in memory by default.
        progress: whether to draw a bar on standard error.
    """
    # Annotators' votes teach, their majority judges, where a dataset has both.
    whole = load_dataset(config.dataset, data_root, labels="distribution", on_error=on_error)
    size = config.network.input_size
    if config.learn_from == "train":
        tables = {"train": whole.part("train"), "val": whole.part("val")}
    else:
        tables = {"train + val": whole.where(whole.frame["split"].isin(["train", "val"]))}
    for split, table in tables.items():
        log.info("%s, %s", split, table.describe())
    with tqdm(total=sum(map(len, tables.values())), desc="Decoding", unit="img", disable=not progress) as bar:
        decoded = [
            decode_cached(table, size, folder=cache, on_error=on_error, progress=bar.update) for table in tables.values()
        ]
    if len(decoded) < 2:
        decoded.append((whole.where(np.zeros(len(whole))), np.empty((0, 1, size, size), dtype=np.uint8)))
    first, second = (Part(table=table, pixels=pixels) for table, pixels in decoded)
    if config.extra.dataset:
        further = load_extra(config.extra, whole, size, data_root, on_error=on_error, cache=cache)
        first = join_extra(first, *further, share=config.extra.share)
    return first, second


def join_extra(part: Part, table: FaceTable, pixels: npt.NDArray[np.uint8], *, share: float) -> Part:
    """A training part with further pictures behind its own; all are held in memory.

    Args:
        part: the dataset's own.
        table: the further ones, with what they teach.
        pixels: of these, uint8, shape ``(N, 1 or 3, S, S)``.
        share: of an epoch's images that come from them, in (0, 1).
    """
    channels = max(part.pixels.shape[1], pixels.shape[1])
    both = [np.repeat(found, channels // found.shape[1], axis=1) for found in (part.pixels, pixels)]
    # Names may be the same in both.
    named = table.frame.assign(sample_id=[f"{table.name}/{sample_id}" for sample_id in table.sample_ids])
    joined = replace(
        part.table,
        frame=pd.concat([part.table.frame, named], ignore_index=True),
        distributions=np.concatenate([part.table.targets, table.targets]),
    )
    drawn = min(round(len(part.table) * share / (1 - share)), len(table))
    return Part(table=joined, pixels=np.concatenate(both), extra=len(table), drawn=drawn)


def epoch_seed(seed: int, epoch: int) -> int:
    """Everything random in an epoch follows from this number, so that a resumed one is the same."""
    return seed * 100_003 + epoch


class EpochSampler(Sampler[int]):
    """Positions ``0`` to ``count - 1``, shuffled anew for every epoch, from the seed alone.

    Among them come ``drawn`` of the ``extra`` positions behind, others in every epoch.
    """

    def __init__(self, count: int, seed: int, *, extra: int = 0, drawn: int = 0) -> None:
        self.count, self.seed, self.epoch = count, seed, 0
        self.extra, self.drawn = extra, drawn

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count + self.drawn

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(self.count + self.drawn, generator=generator)
        if self.drawn:
            chosen = self.count + torch.randperm(self.extra, generator=generator)[: self.drawn]
            order = torch.cat([torch.arange(self.count), chosen])[order]
        return iter(order.tolist())


class Pictures(Dataset[Any]):
    """Decoded pictures by position, a whole batch at once.

    Where the pictures lie on the training device already, a batch is its positions alone.
    """

    def __init__(self, pixels: npt.NDArray[np.uint8] | None, count: int) -> None:
        self.pixels, self.count = pixels, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> tuple[torch.Tensor, ...]:
        return self.__getitems__([index])

    def __getitems__(self, indices: Sequence[int]) -> tuple[torch.Tensor, ...]:
        """One batch: positions, and pixels unless they lie on the device."""
        chosen = np.asarray(indices)
        if self.pixels is None:
            return (torch.from_numpy(chosen),)
        return torch.from_numpy(chosen), torch.from_numpy(self.pixels[chosen])


def _as_it_is(batch: Any) -> Any:
    return batch


def make_loader(
    pictures: Pictures, batch_size: int, *, sampler: EpochSampler | None = None, workers: int = 0, pin: bool = False
) -> DataLoader[Any]:
    """Batches of :class:`Pictures`, in order or as the sampler says; the number of workers changes nothing but the speed."""
    return DataLoader(
        pictures,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=workers,
        collate_fn=_as_it_is,
        pin_memory=pin,
        persistent_workers=workers > 0,
        # The loader draws a seed for its workers; from the global generator it would shift dropout.
        generator=torch.Generator(),
    )
