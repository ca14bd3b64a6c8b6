"""A right, B wrong: four piles of images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.metrics.significance import mcnemar_exact

PILES = ("both right", "only first", "only second", "neither")
"""What two runs can do with an image."""


@dataclass(frozen=True, kw_only=True)
class Piles:
    """How many images lie in each pile.

    Attributes:
        counts: by name, in the order of :data:`PILES`.
        unjudged: images of which nothing can be said, because a label or an answer is missing.
        p_value: of McNemar's exact test: two-sided, 1 where the runs are right on the same images.
    """

    counts: Mapping[str, int]
    unjudged: int
    p_value: float


def pile_numbers(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Position in :data:`PILES` of each image, shape ``(N,)``; -1 where nothing can be said.

    Args:
        table: of two runs, from :func:`~emotion_core.inspection.table.inspect_runs`.
    """
    first, second = (table[f"correct_{number}"].to_numpy(dtype=np.float64) for number in (0, 1))
    known = ~np.isnan(first) & ~np.isnan(second)
    numbers: npt.NDArray[np.int64] = np.where(known, 2 * (first == 0) + (second == 0), -1).astype(np.int64)
    return numbers


def count_piles(table: pd.DataFrame) -> Piles:
    """Count the piles, and test whether the two runs differ.

    Args:
        table: of two runs, from :func:`~emotion_core.inspection.table.inspect_runs`.
    """
    numbers = pile_numbers(table)
    known = numbers >= 0
    counts = np.bincount(numbers[known], minlength=len(PILES))
    right = [np.isin(numbers[known], mine) for mine in ([0, 1], [0, 2])]
    return Piles(
        counts=dict(zip(PILES, counts.tolist(), strict=True)),
        unjudged=int((~known).sum()),
        p_value=mcnemar_exact(*right).p_value,
    )
