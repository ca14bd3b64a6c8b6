"""Accuracy by slice, with intervals and a corrected test: for which images is a run worse?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from emotion_core.errors import CheckpointError
from emotion_core.inspection.affect import QUARTERS, quarter_of
from emotion_core.metrics.columns import expression_columns
from emotion_core.metrics.intervals import wilson_interval
from emotion_core.metrics.significance import holm
from emotion_core.metrics.stratified import mantel_haenszel
from emotion_core.results.slices import Slice

FEWEST = 10
"""Slices with fewer images are shown, not tested."""

EXPRESSION = "true expression"
"""The one attribute that is not tested within expressions, because its slices are these."""

REGION = "region of the plane"


def accuracy_by_slice(predictions: pd.DataFrame, slices: pd.DataFrame) -> tuple[Slice, ...]:
    """Accuracy of every slice, beside what its expressions let expect.

    A slice may do worse because it holds more of the expressions that are hard. So it is tested within expressions
    (:func:`~emotion_core.metrics.stratified.mantel_haenszel`), with Holm's correction over all slices tested. Slices of
    :data:`EXPRESSION` themselves are tested against all other images.

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
    one_stratum = np.zeros_like(columns.target)
    right = columns.preds == columns.target
    found: list[Slice] = []
    p_values: dict[int, float] = {}
    for attribute in names.columns:
        for name in names[attribute].cat.categories:
            member = (names[attribute] == name).to_numpy(dtype=bool)
            if not (images := int(member.sum())):
                continue
            tested = mantel_haenszel(member, right, one_stratum if attribute == EXPRESSION else columns.target)
            if FEWEST <= images < len(member):
                p_values[len(found)] = tested.p_value
            share = float(right[member].mean())
            low, high = wilson_interval(share, images)
            found.append(
                Slice(
                    attribute=str(attribute), name=str(name), images=images, accuracy=share, low=low, high=high,
                    expected=tested.expected, p_holm=None,
                    difference=None if np.isnan(tested.difference) else tested.difference,
                )
            )  # fmt: skip
    if not found:
        raise CheckpointError("None of the images that were predicted belongs to a slice.")
    corrected = dict(zip(p_values, holm(np.array(list(p_values.values()))).tolist(), strict=True))
    return tuple(replace(each, p_holm=corrected.get(number)) for number, each in enumerate(found))


def known_slices(table: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Slices of all images by what is known without a picture, and those that were measured.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        measured: from :func:`~emotion_core.inspection.attributes.cut_attributes`; may be empty.

    Returns:
        A row an image with its id as index: :data:`EXPRESSION`, :data:`REGION` where it is annotated, and what was measured.
    """
    ids = table["sample_id"].to_numpy()
    place = table[["valence", "arousal"]].to_numpy(dtype=np.float64)
    there = np.isfinite(place).all(axis=1)
    region = [QUARTERS[at] if said else None for at, said in zip(quarter_of(*place.T), there, strict=True)]
    known: dict[str, object] = {EXPRESSION: pd.Categorical(table["expression"]), REGION: pd.Categorical(region, list(QUARTERS))}
    known |= {str(name): measured[name].reindex(ids).array for name in measured.columns if name not in known}
    return pd.DataFrame(known, index=ids)


def what_first(slices: Sequence[Slice]) -> tuple[str, str, str]:
    """What to look at first, from the figures: the largest loss, the largest by another attribute, and what makes none.

    Args:
        slices: from :func:`accuracy_by_slice`.

    Returns:
        Three sentences.

    Example:
        >>> dark = Slice(attribute="brightness", name="up to 0.3", images=200, accuracy=0.4, low=0.33, high=0.47, expected=0.5,
        ...              p_holm=0.001, difference=-0.15)
        >>> what_first([dark])[0].split(", ")[0]
        'Look first at brightness “up to 0.3”: 0.400 of 200 images right'
    """
    worst_first = sorted((each for each in slices if each.worse and each.lost > 0), key=lambda each: -each.lost)
    tested = list(dict.fromkeys(each.attribute for each in slices if each.p_holm is not None))
    if not worst_first:
        largest = max(slices, key=lambda each: each.lost, default=None)
        return (
            f"No slice is significantly worse than the rest, among {len(tested)} attributes tested.",
            "" if largest is None or largest.lost < 1 else f"The largest loss, which may be chance: {_loss(largest)}.",
            "So look at single images, the largest loss first, or at slices by a column of your own.",
        )
    first = worst_first[0]
    others = [each for each in worst_first if each.attribute != first.attribute]
    second = (
        f"Then at {_loss(others[0])}." if others
        else f"After it comes {_loss(worst_first[1])}." if len(worst_first) > 1
        else "No other slice is significantly worse."
    )  # fmt: skip
    idle = [name for name in tested if not any(each.differs for each in slices if each.attribute == name)]
    third = (
        f"No significant difference by {_listed(idle)}." if idle else "Every attribute tested makes a significant difference."
    )
    return f"Look first at {_loss(first)}.", second, third


def _loss(each: Slice) -> str:
    name = each.name if each.attribute == EXPRESSION else f"{each.attribute} “{each.name}”"
    rest = "the rest" if each.attribute == EXPRESSION else "the rest of the same expressions"
    chance = "" if each.p_holm is None else " (p < 0.01)" if each.p_holm < 0.01 else f" (p = {each.p_holm:.2f})"
    return (
        f"{name}: {each.accuracy:.3f} of {each.images:,} images right, {-(each.difference or 0):.3f} less than {rest}{chance}; "
        f"it loses {each.lost:.0f} images"
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
