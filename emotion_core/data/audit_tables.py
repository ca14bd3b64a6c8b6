"""Every picture of a dataset, also those that its protocol leaves out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd

from emotion_core.data.datasets import load_dataset
from emotion_core.data.table import FaceTable, build_frame


def read_dataset(dataset: str, data_root: str | Path | None) -> FaceTable:
    """Every picture of a dataset, with broken samples left out and listed, and unlabelled pictures kept.

    Args:
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows.
        data_root: where datasets lie.

    Raises:
        ConfigError: unknown dataset.
        DataError: it is not there, or nothing in it is usable.
    """
    return add_unlabelled(load_dataset(dataset, data_root, on_error="skip"))


def add_unlabelled(table: FaceTable) -> FaceTable:
    """The table with the pictures that its dataset's protocol leaves out, without expression, in the split where each stands.

    For FER+ these are pictures on which the votes do not agree, for FER-2013 those whose label is not known, for its four
    classes those of the other three as well. Other tables are returned as they are: AffectNet's already holds such pictures.
    """
    rest = table.unlabelled
    if not rest:
        return table
    frame = pd.concat([table.frame, build_frame(rest, [None] * len(rest), split=rest.values())], ignore_index=True)
    frame = frame.sort_values("sample_id", ignore_index=True)
    return replace(table, frame=frame, distributions=None, unlabelled={})
