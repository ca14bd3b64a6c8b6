"""What ``metrics.json`` says of stored predictions: every measure with its interval, on all images and without some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from emotion_core.data.audit import leaked_ids
from emotion_core.data.audit_tables import add_unlabelled
from emotion_core.data.table import FaceTable
from emotion_core.results.run import Run
from emotion_core.results.summaries import Summary, summarise_predictions
from emotion_core.results.verdicts import corrected_labels, reviewed_out


def measure_predictions(
    predictions: pd.DataFrame, *, leaked: frozenset[str] = frozenset(), verdicts: pd.DataFrame | None = None
) -> tuple[dict[str, Any], Summary]:
    """Everything in ``metrics.json`` that follows from the predictions.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        leaked: ids of images that also stand in the training split, from :func:`leaked_images`.
        verdicts: what reviewers say about images of this dataset, from
            :meth:`~emotion_core.results.reviews.ReviewStore.verdicts`.

    Returns:
        ``collapse`` and ``measures``; ``without_leaked`` where images leaked, as :func:`measures_without` gives it and with
        their ``ids``; with ``verdicts``, what :func:`reviewed_measures` gives. Beside it the summary of all images.

    Raises:
        ValueError: as in :func:`~emotion_core.metrics.summary.summarize`.
    """
    summary = summarise_predictions(predictions)
    blocks: dict[str, Any] = {"collapse": list(summary.collapse), "measures": summary.with_intervals()}
    if (rest := measures_without(predictions, leaked)) is not None:
        ids = predictions["sample_id"][predictions["sample_id"].isin(leaked)]
        blocks["without_leaked"] = {**rest, "ids": sorted(ids)}
    if verdicts is not None:
        blocks |= reviewed_measures(predictions, verdicts)
    return blocks, summary


def leaked_images(run: Run, whole: FaceTable, split: str, digests: Mapping[str, bytes] | None = None) -> frozenset[str]:
    """Images of a split that a run was trained on, pixel for pixel.

    Args:
        run: one that was trained on the dataset, if it was.
        whole: the dataset with all of its splits.
        split: which one; nothing is held out from the training split.
        digests: hashes of pictures that were decoded before, by id.
    """
    if split == "train":
        return frozenset()
    everything = add_unlabelled(_as_trained(whole, run))
    judged = whole.split(split).sample_ids if digests is None else digests
    # A run may have been trained on pictures that the protocol gives no label as well.
    needed = (everything.frame["split"] == "train") | everything.frame["sample_id"].isin(list(judged))
    return leaked_ids(everything.where(needed), splits=(split,), digests=digests)


def _as_trained(whole: FaceTable, run: Run) -> FaceTable:
    """The dataset with the images that this run was trained on as its training split."""
    if "val" not in run.info.training_splits:
        return whole
    return whole.with_split(whole.frame["split"].replace("val", "train").to_numpy())


def measures_without(predictions: pd.DataFrame, ids: frozenset[str]) -> dict[str, Any] | None:
    """Measures over the images that are left.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        ids: of images to leave out; others than those in ``predictions`` do not count.

    Returns:
        ``images`` that are left, how many were ``left_out``, and their ``measures`` (none when no image is left); ``None`` when
        there is nothing to leave out.
    """
    rest = predictions[~predictions["sample_id"].isin(ids)].reset_index(drop=True)
    if len(rest) == len(predictions):
        return None
    return {
        "images": len(rest),
        "left_out": len(predictions) - len(rest),
        "measures": summarise_predictions(rest).with_intervals() if len(rest) else {},
    }


def reviewed_measures(predictions: pd.DataFrame, verdicts: pd.DataFrame) -> dict[str, Any]:
    """Measures as they would be if the reviewers had their way.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.
        verdicts: a row a reviewed image with the columns of :func:`~emotion_core.results.verdicts.combine_reviews`.

    Returns:
        ``reviewed``: how many of the images have a review, and in how many no verdict has more than half of the reviewers.
        ``without_reviewed_out``, as :func:`measures_without` gives it, where images have a verdict that excludes them.
        ``with_corrected_labels``, where reviewers agree on another expression: ``images``, how many were ``corrected``, and
        their ``measures``.
    """
    mine = verdicts[verdicts["sample_id"].isin(predictions["sample_id"])]
    found: dict[str, Any] = {"reviewed": {"images": len(mine), "undecided": int(mine["verdict"].isna().sum())}}
    if (rest := measures_without(predictions, reviewed_out(mine))) is not None:
        found["without_reviewed_out"] = rest
    given = predictions["expression"].tolist()
    right = corrected_labels(mine)
    labels = [right.get(sample_id, label) for sample_id, label in zip(predictions["sample_id"], given, strict=True)]
    # Two labels that are both missing are not different ones.
    changed = sum(new != old for new, old in zip(labels, given, strict=True) if isinstance(new, str))
    if changed:
        measures = summarise_predictions(predictions.assign(expression=labels)).with_intervals()
        found["with_corrected_labels"] = {"images": len(predictions), "corrected": changed, "measures": measures}
    return found
