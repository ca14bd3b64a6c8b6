"""Which images are worth a reviewer's time, and in which order."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd

from emotion_core.inspection.sorting import sort_rows
from emotion_core.inspection.table import num_runs
from emotion_core.results.queue import SOURCES


def review_piles(table: pd.DataFrame, evaluation: str) -> Mapping[str, list[str]]:
    """Ids by pile, most wanted first; an image may lie in several.

    "doubtful label" holds what confident learning suggests another label for, least trusted first; "runs disagree" what two
    runs predict differently, farthest apart first, and nothing with one run; "random" every labelled image, in an order that is
    by chance and the same for everybody: by a hash of its id.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        evaluation: ``<dataset>-<split>``, which the order by chance is another for.

    Returns:
        A list for each of :data:`~emotion_core.results.queue.SOURCES`.
    """
    ids = table["sample_id"].to_numpy()
    doubtful = sort_rows(table, np.flatnonzero(table["suggested_0"].notna()), "wrong label?")
    apart = np.zeros(0, dtype=np.int64)
    if num_runs(table) == 2:
        first, second = (table[f"predicted_{number}"].cat.codes.to_numpy() for number in (0, 1))
        apart = sort_rows(table, np.flatnonzero((first >= 0) & (second >= 0) & (first != second)), "disagreement")
    labelled = [str(name) for name in ids[table["expression"].notna().to_numpy()]]
    by_chance = sorted(labelled, key=lambda name: hashlib.blake2b(f"{evaluation}\n{name}".encode(), digest_size=8).digest())
    return dict(
        zip(SOURCES, ([str(name) for name in ids[doubtful]], [str(name) for name in ids[apart]], by_chance), strict=True)
    )
