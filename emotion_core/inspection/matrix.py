"""Who is taken for whom: counts of true against predicted, or of one run's answers against another's."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import EXPRESSIONS

TRUE, FIRST, SECOND = "expression", "predicted_0", "predicted_1"
"""Columns that can stand on an axis."""


def cross_counts(table: pd.DataFrame, rows: npt.NDArray[np.int64], down: str, across: str) -> npt.NDArray[np.int64]:
    """How many images have each pair of expressions.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        rows: positions of the images that count.
        down: :data:`TRUE`, :data:`FIRST` or :data:`SECOND`, one row of the result an expression.
        across: likewise, one column an expression.

    Returns:
        Shape ``(8, 8)``. Images that lack one of the two do not count.
    """
    size = len(EXPRESSIONS)
    one, two = (table[name].cat.codes.to_numpy()[rows].astype(np.int64) for name in (down, across))
    known = (one >= 0) & (two >= 0)
    return np.bincount(one[known] * size + two[known], minlength=size * size).reshape(size, size).astype(np.int64)


def occurring(table: pd.DataFrame, down: str, across: str) -> tuple[str, ...]:
    """Expressions that occur in either column, in the usual order: four where a dataset and its runs know four.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        down: as in :func:`cross_counts`.
        across: as in :func:`cross_counts`.
    """
    codes = np.concatenate([table[name].cat.codes.to_numpy() for name in (down, across)])
    return tuple(name for place, name in enumerate(EXPRESSIONS) if (codes == place).any())
