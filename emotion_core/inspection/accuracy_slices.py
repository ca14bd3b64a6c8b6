"""Accuracy by slice, with intervals and a corrected test: for which images is a run worse?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from emotion_core.errors import CheckpointError
from emotion_core.metrics.columns import expression_columns
from emotion_core.metrics.intervals import wilson_interval
from emotion_core.metrics.significance import holm
from emotion_core.metrics.stratified import mantel_haenszel
from emotion_core.results.slices import Slice

FEWEST = 10
"""Slices with fewer images are shown, not tested."""


def accuracy_by_slice(predictions: pd.DataFrame, slices: pd.DataFrame) -> tuple[Slice, ...]:
    """Accuracy of every slice, beside what its expressions let expect.

    A slice may do worse because it holds more of the expressions that are hard. So it is tested within expressions
    (:func:`~emotion_core.metrics.stratified.mantel_haenszel`), with Holm's correction over all slices tested.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        slices: from :func:`~emotion_core.inspection.attributes.cut_attributes`; images without a prediction do not count.

    Raises:
        CheckpointError: the run predicts no expression, or none of the images is labelled or sliced.
    """
    columns = expression_columns(predictions)
    if columns is None:
        raise CheckpointError("Accuracy by slice needs a run that predicts expressions, and images that show labelled ones.")
    names = slices.reindex(predictions["sample_id"].to_numpy()[columns.rows])
    right = columns.preds == columns.target
    found: list[Slice] = []
    p_values: dict[int, float] = {}
    for attribute in names.columns:
        for name in names[attribute].cat.categories:
            member = (names[attribute] == name).to_numpy(dtype=bool)
            if not (images := int(member.sum())):
                continue
            tested = mantel_haenszel(member, right, columns.target)
            if FEWEST <= images < len(member):
                p_values[len(found)] = tested.p_value
            share = float(right[member].mean())
            low, high = wilson_interval(share, images)
            found.append(
                Slice(
                    attribute=str(attribute), name=str(name), images=images, accuracy=share, low=low, high=high,
                    expected=tested.expected, p_holm=None,
                )
            )  # fmt: skip
    if not found:
        raise CheckpointError("None of the images that were predicted belongs to a slice.")
    corrected = dict(zip(p_values, holm(np.array(list(p_values.values()))).tolist(), strict=True))
    return tuple(replace(each, p_holm=corrected.get(number)) for number, each in enumerate(found))
