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
from emotion_core.data.table import FaceTable, OnError
from emotion_core.errors import DataError
from emotion_core.training.config import TrainConfig, TrainingSource
from emotion_core.training.sources import SourceData, agreeing, judging_thumbnails, load_source, load_tables

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Split:
    """Decoded pictures with their labels: those of one split, or of the training splits of several sources.

    Attributes:
        table: ``N`` rows, source by source.
        pixels: uint8, shape ``(N, 1 or 3, S, S)``, in memory or memory-mapped.
        counts: how many rows each source has; those of the dataset that judges come first.
        drawn: how many images of each source an epoch takes.
        left_out: how many pictures of each source are left out, because they judge or another source contradicts them.
    """

    table: FaceTable
    pixels: npt.NDArray[np.uint8]
    counts: tuple[int, ...] = ()
    drawn: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not self.counts:
            object.__setattr__(self, "counts", (len(self.table),))
            object.__setattr__(self, "drawn", (len(self.table),))

    @property
    def own(self) -> FaceTable:
        """The rows of the dataset that judges."""
        return self.sources[0]

    @cached_property
    def sources(self) -> list[FaceTable]:
        """The rows of each source."""
        if len(self.counts) == 1:
            return [self.table]
        source = self.source_of(np.arange(len(self.table)))
        return [self.table.where(source == number) for number in range(len(self.counts))]

    @cached_property
    def priors(self) -> npt.NDArray[np.float32]:
        """Class mix of each source, shape ``(sources, 8)``; equal shares where nothing shows an expression."""
        sums = np.array([source.targets.sum(axis=0, dtype=np.float64) for source in self.sources])
        sums[sums.sum(axis=1) == 0] = 1
        priors: npt.NDArray[np.float32] = (sums / sums.sum(axis=1, keepdims=True)).astype(np.float32)
        return priors

    @property
    def images_an_epoch(self) -> int:
        """How many images an epoch takes."""
        return sum(self.drawn)

    def source_of(self, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Which source each row belongs to."""
        return np.searchsorted(np.cumsum(self.counts), positions, side="right")

    def sampler(self, seed: int) -> EpochSampler:
        """The order of its images in every epoch."""
        return EpochSampler(self.counts, seed, drawn=self.drawn)


def load_splits(
    config: TrainConfig,
    data_root: str | Path | None,
    *,
    on_error: OnError = "raise",
    cache: Path | None = None,
    progress: bool = True,
) -> tuple[Split, Split]:
    """Training and validation split of a configuration, decoded. Test images are not touched.

    The validation split is empty where its images are trained on. With several sources, no picture is trained on that shows
    the same photograph as one that validates or tests in any of them, or in a set that only measures.

    Args:
        config: which datasets and input size.
        data_root: where datasets lie.
        on_error: what to do with broken samples.
        cache: folder for decoded pictures, memory-mapped from there where there is one source; in memory by default.
        progress: whether to draw a bar on standard error.

    Raises:
        ConfigError: a source lacks the labels that it promises, or only measures.
        DataError: a dataset is not there or broken, or two sources contradict each other.
    """
    size = config.network.input_size
    tables = load_tables(config.sources, data_root, on_error=on_error)
    own, learnt = tables[0], ("train", "val") if config.learn_from == "train + val" else ("train",)
    judging = judging_thumbnails(tables, learnt, data_root, on_error=on_error) if len(tables) > 1 else []
    with tqdm(desc="Decoding", unit="img", disable=not progress) as bar:

        def load(source: TrainingSource, table: FaceTable) -> SourceData:
            return load_source(source, table, size, judging=judging, on_error=on_error, cache=cache, progress=bar.update)

        sources = [load(source, table.split("train")) for source, table in zip(config.sources, tables, strict=True)]
        if "val" in learnt:
            sources[0] = _both(sources[0], load(config.sources[0], own.split("val")))
            judged = Split(table=own.where(np.zeros(len(own), dtype=bool)), pixels=sources[0].pixels[:0])
        else:
            # Annotators' votes train, their majority judges, where a dataset has both.
            log.info("val, %s", own.split("val").describe())
            table, pixels = decode_cached(own.split("val"), size, folder=cache, on_error=on_error, progress=bar.update)
            judged = Split(table=table, pixels=pixels)
    return join_sources(agreeing(sources, on_error), [source.share for source in config.sources]), judged


def _both(first: SourceData, second: SourceData) -> SourceData:
    """The pictures of two splits of one dataset."""
    frame = pd.concat([first.table.frame, second.table.frame], ignore_index=True)
    votes = [data.table.distributions for data in (first, second)]
    distributions = None if votes[0] is None or votes[1] is None else np.concatenate([votes[0], votes[1]])
    return SourceData(
        table=replace(first.table, frame=frame, distributions=distributions),
        pixels=_stacked([first.pixels, second.pixels]),
        left_out=first.left_out + second.left_out,
    )


def join_sources(sources: list[SourceData], shares: Sequence[float]) -> Split:
    """One training split of several sources; an epoch takes all images of the first, and of the others as their shares say.

    Args:
        sources: what to train on; the dataset that judges first.
        shares: of an epoch's images that come from each, summing to 1.

    Raises:
        DataError: a source has no pictures left.
    """
    for data in sources:
        if not len(data.table):
            raise DataError(f"No training picture of '{data.table.name}' is left: each one judges or is contradicted.")
    first = sources[0]
    if len(sources) == 1:
        return Split(table=first.table, pixels=first.pixels, left_out=(first.left_out,) if first.left_out else ())
    # Names may be the same in two sources.
    frames = [first.table.frame] + [
        data.table.frame.assign(sample_id=[f"{data.table.name}/{sample_id}" for sample_id in data.table.sample_ids])
        for data in sources[1:]
    ]
    whole = len(first.table) / shares[0]
    return Split(
        table=replace(
            first.table,
            frame=pd.concat(frames, ignore_index=True),
            distributions=np.concatenate([data.table.targets for data in sources]),
        ),
        pixels=_stacked([data.pixels for data in sources]),
        counts=tuple(len(data.table) for data in sources),
        drawn=(len(first.table), *(max(1, round(whole * share)) for share in shares[1:])),
        left_out=tuple(data.left_out for data in sources),
    )


def _stacked(pixels: list[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """All pictures, with as many channels as the richest have."""
    channels = max(found.shape[1] for found in pixels)
    return np.concatenate([np.repeat(found, channels // found.shape[1], axis=1) for found in pixels])


def epoch_seed(seed: int, epoch: int) -> int:
    """Everything random in an epoch follows from this number, so that a resumed one is the same."""
    return seed * 100_003 + epoch


class EpochSampler(Sampler[int]):
    """Positions of an epoch's images, in an order that the seed and the epoch alone decide.

    Each source is gone through again and again, shuffled anew for every pass; an epoch takes the next ``drawn`` of each, so
    that no image of a source comes twice before all others have come.

    Args:
        counts: images of each source; their positions follow one another.
        seed: of the order.
        drawn: how many of each an epoch takes; all by default.
    """

    def __init__(self, counts: Sequence[int], seed: int, *, drawn: Sequence[int] | None = None) -> None:
        self.counts, self.seed, self.epoch = tuple(counts), seed, 0
        self.drawn = self.counts if drawn is None else tuple(drawn)

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next."""
        self.epoch = epoch

    def __len__(self) -> int:
        return sum(self.drawn)

    def __iter__(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(epoch_seed(self.seed, self.epoch))
        order = torch.randperm(len(self), generator=generator)
        starts = np.cumsum([0, *self.counts[:-1]])
        chosen = [
            int(start) + self._next(number, count, drawn)
            for number, (start, count, drawn) in enumerate(zip(starts, self.counts, self.drawn, strict=True))
        ]
        return iter(torch.cat(chosen)[order].tolist())

    def _next(self, source: int, count: int, drawn: int) -> torch.Tensor:
        """Positions within one source that this epoch takes."""
        if drawn == count:
            return torch.arange(count)
        begin, end = self.epoch * drawn, (self.epoch + 1) * drawn
        passes = range(begin // count, -(-end // count))
        generators = [torch.Generator().manual_seed(epoch_seed(self.seed, number) + 2**40 * source) for number in passes]
        stream = torch.cat([torch.randperm(count, generator=generator) for generator in generators])
        return stream[begin - passes[0] * count :][:drawn]


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
