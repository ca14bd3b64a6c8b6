"""Splits that can be made again from the table alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedShuffleSplit

from emotion_core.data.table import FaceTable
from emotion_core.errors import DataError


def stratified_split(table: FaceTable, *, seed: int = 42, share: float = 0.2, validation: bool = True) -> FaceTable:
    """Assign ``train``, ``val`` and ``test`` so that every expression keeps its share.

    Ids are sorted as strings, then scikit-learn's ``StratifiedShuffleSplit`` draws the test part on the expression; the
    validation part is drawn from the rest in the same way. With ``seed=42`` on AffectNet's 3,999 images this is the split
    that results are published on: 3,199 / 800, and 2,559 / 640 inside the 3,199.

    Args:
        table: images of which each has an expression.
        seed: of the shuffle.
        share: of the test part, and of the validation part within the rest.
        validation: whether to take a validation part at all.

    Returns:
        The table, sorted by id, with its ``split`` column set.

    Raises:
        DataError: an image has no expression, or an expression has fewer than two images.
    """
    ordered = table.where(np.ones(len(table), dtype=bool))
    order = np.argsort(np.array(ordered.sample_ids))
    ordered = FaceTable(
        name=table.name,
        frame=table.frame.iloc[order].reset_index(drop=True),
        distributions=None if table.distributions is None else table.distributions[order],
        read_bytes=table.read_bytes,
        problems=table.problems,
    )
    labels = ordered.expression_indices
    if (labels < 0).any():
        raise DataError(f"'{table.name}' cannot be split by expression: {int((labels < 0).sum()):,} images have none.")
    everything = np.arange(len(ordered))
    rest, test = _draw(everything, labels, seed=seed, share=share, name=table.name)
    split = np.full(len(ordered), "train", dtype=object)
    split[test] = "test"
    if validation:
        _, val = _draw(rest, labels, seed=seed, share=share, name=table.name)
        split[val] = "val"
    return ordered.with_split(split)


def _draw(
    among: npt.NDArray[np.intp], labels: npt.NDArray[np.int64], *, seed: int, share: float, name: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    # The splitter sees the images in ascending order of their sorted ids, whichever part they come from.
    among = np.sort(among)
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    try:
        kept, drawn = next(splitter.split(among, labels[among]))
    except ValueError as error:
        raise DataError(f"'{name}' cannot be split by expression: {error}") from error
    return among[kept], among[drawn]
