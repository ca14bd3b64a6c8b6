"""What a training reads: decoded pictures with labels, in an order that the seed and the epoch alone decide."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import DataLoader, Dataset, Sampler
from tqdm import tqdm

from emotion_core.data.cache import decode_cached
from emotion_core.data.datasets import load_dataset
from emotion_core.data.table import FaceTable, OnError
from emotion_core.training.config import TrainConfig

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Decoded pictures of one split with their labels.

    Attributes:
        table: ``N`` rows.
        pixels: uint8, shape ``(N, 1 or 3, S, S)``, in memory or memory-mapped.
    """

    table: FaceTable
    pixels: npt.NDArray[np.uint8]


def load_parts(
    config: TrainConfig,
    data_root: str | Path | None,
    *,
    on_error: OnError = "raise",
    cache: Path | None = None,
    progress: bool = True,
) -> tuple[Part, Part]:
    """Training and validation part of a configuration's dataset, decoded. Test images are not touched.

    Args:
        config: which dataset and input size.
        data_root: where datasets lie.
        on_error: what to do with broken samples.
        cache: folder for decoded pictures, memory-mapped from there; in memory by default.
        progress: whether to draw a bar on standard error.
    """
    # Annotators' votes teach, their majority judges, where a dataset has both.
    whole = load_dataset(config.dataset, data_root, labels="distribution", on_error=on_error)
    tables = (whole.part("train"), whole.part("val"))
    for split, table in zip(("train", "val"), tables, strict=True):
        log.info("%s, %s", split, table.describe())
    with tqdm(total=sum(map(len, tables)), desc="Decoding", unit="img", disable=not progress) as bar:
        decoded = [
            decode_cached(table, config.network.input_size, folder=cache, on_error=on_error, progress=bar.update)
            for table in tables
        ]
    first, second = (Part(table=table, pixels=pixels) for table, pixels in decoded)
    return first, second


def epoch_seed(seed: int, epoch: int) -> int:
    """Everything random in an epoch follows from this number, so that a resumed one is the same."""
    return seed * 100_003 + epoch


class EpochSampler(Sampler[int]):
    """Positions ``0`` to ``count - 1``, shuffled anew for every epoch, from the seed alone."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        return iter(torch.randperm(self.count, generator=generator).tolist())


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
