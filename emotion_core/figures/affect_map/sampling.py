"""Which faces are drawn, and how densely all of them lie."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

MOST_POINTS = 2_000
"""So many faces are drawn as single points; more of them are sampled."""


def sample_rows(images: int, most: int = MOST_POINTS, seed: int = 0) -> npt.NDArray[np.int64]:
    """Rows to draw, in order: all of them, or ``most`` drawn without replacement; the same for the same numbers.

    Example:
        >>> sample_rows(3).tolist(), len(sample_rows(10_000, most=5))
        ([0, 1, 2], 5)
    """
    if images <= most:
        return np.arange(images, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(images, most, replace=False)).astype(np.int64)


def plane_density(valence: npt.ArrayLike, arousal: npt.ArrayLike, *, cells: int = 32) -> Array:
    """Faces in each cell of the plane, shape ``(cells, cells)``: arousal by row from below, valence by column."""
    edges = np.linspace(-1, 1, cells + 1)
    counts, _, _ = np.histogram2d(np.asarray(arousal), np.asarray(valence), bins=(edges, edges))
    return np.asarray(counts, dtype=np.float64)
