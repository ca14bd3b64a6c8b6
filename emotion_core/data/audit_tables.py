"""Every picture of a dataset, also those that its protocol leaves out."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import pandas as pd

from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.ferplus import FOLDERS, load_fer2013, load_ferplus
from emotion_core.data.source import open_source
from emotion_core.data.table import FaceTable, build_frame
from emotion_core.errors import ConfigError

DATASETS: Mapping[str, Callable[..., FaceTable]] = MappingProxyType(
    {"affectnet-3999": load_affectnet, "ferplus": load_ferplus, "fer2013": load_fer2013}
)
"""Datasets that can be audited, and their loaders."""


def read_dataset(dataset: str, data_root: str | Path) -> FaceTable:
    """Every picture of a dataset, with broken samples left out and listed, and unlabelled pictures kept.

    Args:
        dataset: a key of :data:`DATASETS`.
        data_root: where datasets lie.

    Raises:
        ConfigError: unknown dataset.
        DataError: it is not there, or nothing in it is usable.
    """
    if dataset not in DATASETS:
        near = difflib.get_close_matches(dataset.lower(), DATASETS, n=1, cutoff=0.5)
        guess = f" Did you mean '{near[0]}'?" if near else ""
        raise ConfigError(f"There is no dataset '{dataset}'.{guess} Known: {', '.join(DATASETS)}.")
    return add_unlabelled(DATASETS[dataset](data_root, on_error="skip"), data_root)


def add_unlabelled(table: FaceTable, data_root: str | Path) -> FaceTable:
    """The table with the pictures that its dataset's protocol leaves out, without expression, in their published split.

    For FER+ and FER-2013 these are pictures on which the votes do not agree, or whose label is not known. Other tables are
    returned as they are: AffectNet's already holds such pictures.
    """
    if table.name not in ("ferplus", "fer2013"):
        return table
    source = open_source("ferplus", data_root)
    known = set(table.sample_ids)
    rest = {
        entry: "test" if table.name == "fer2013" and split == "val" else split
        for folder, split in FOLDERS.values()
        for entry in source.folder(folder)
        if entry.lower().endswith(".png") and entry not in known
    }
    if not rest:
        return table
    frame = pd.concat([table.frame, build_frame(rest, [None] * len(rest), split=rest.values())], ignore_index=True)
    frame = frame.sort_values("sample_id", ignore_index=True)
    return FaceTable(name=table.name, frame=frame, read_bytes=table.read_bytes, problems=table.problems)
