"""Splits that can be made again from the table alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from emotion_core.data.table import FaceTable
from emotion_core.errors import DataError

SPLIT_WORDS: Mapping[str, str] = MappingProxyType(
    {
        **{word: "train" for word in ("train", "training")},
        **{word: "val" for word in ("val", "valid", "validation")},
        **{word: "test" for word in ("test", "testing")},
    }
)
"""What folders and columns call the splits, in small letters."""

log = logging.getLogger(__name__)


def stratified_split(
    table: FaceTable, *, seed: int = 42, share: float = 0.2, validation: bool = True, missing: bool = False
) -> FaceTable:
    """Assign ``train``, ``val`` and ``test`` so that every expression keeps its share.

    Ids are sorted as strings, then scikit-learn's ``StratifiedShuffleSplit`` draws the test split on the expression; the
    validation split is drawn from the rest in the same way. With ``seed=42`` on AffectNet's 3,999 images this is the split
    that results are published on: 3,199 / 800, and 2,559 / 640 inside the 3,199.

    Args:
        table: images of which each has an expression.
        seed: of the shuffle.
        share: of the test split, and of the validation split within the rest.
        validation: whether to take a validation split at all.
        missing: whether images may lack an expression; they are split like a further one.

    Returns:
        The table, sorted by id, with its ``split`` column set.

    Raises:
        DataError: an image has no expression, or an expression has fewer than two images.
    """
    order = np.argsort(np.array(table.sample_ids))
    ordered = replace(
        table,
        frame=table.frame.iloc[order].reset_index(drop=True),
        distributions=None if table.distributions is None else table.distributions[order],
    )
    labels = ordered.expression_indices
    if not missing and (labels < 0).any():
        raise DataError(f"'{table.name}' cannot be split by expression: {int((labels < 0).sum()):,} images have none.")
    everything = np.arange(len(ordered))
    rest, test = _draw(everything, labels, seed=seed, share=share, name=table.name)
    split = np.full(len(ordered), "train", dtype=object)
    split[test] = "test"
    if validation:
        _, val = _draw(rest, labels, seed=seed, share=share, name=table.name)
        split[val] = "val"
    return ordered.with_split(split)


def with_validation(table: FaceTable, *, seed: int = 42, share: float = 0.1) -> FaceTable:
    """Take a validation split out of the training split, in the way of :func:`stratified_split`.

    Args:
        table: of any dataset.
        seed: of the shuffle.
        share: of the training split.

    Returns:
        The same images in the same order. Nothing changes where there is a validation split already, no training split, or one
        too small to keep every expression in both; the last is logged.
    """
    splits = table.frame["split"].to_numpy(dtype=object, copy=True)
    if (splits == "val").any() or not (splits == "train").any():
        return table
    order = np.argsort(np.array(table.sample_ids))
    among = order[splits[order] == "train"]
    try:
        _, drawn = _draw(np.arange(len(among)), table.expression_indices[among], seed=seed, share=share, name=table.name)
    except DataError as error:
        log.warning("There is no validation split: %s", error)
        return table
    splits[among[drawn]] = "val"
    return table.with_split(splits)


def _draw(
    among: npt.NDArray[np.intp], labels: npt.NDArray[np.int64], *, seed: int, share: float, name: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    # Only whoever splits waits for this import; the command line's help does not.
    from sklearn.model_selection import StratifiedShuffleSplit

    # The splitter sees the images in ascending order of their sorted ids, whichever split they come from.
    among = np.sort(among)
    splitter = StratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    try:
        kept, drawn = next(splitter.split(among, labels[among]))
    except ValueError as error:
        raise DataError(f"'{name}' cannot be split by expression: {error}") from error
    return among[kept], among[drawn]
