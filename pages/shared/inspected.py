"""What the Errors page shows: one or two runs on the same images, read once a server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from emotion_core.compare import Entry
from emotion_core.errors import CheckpointError
from emotion_core.inspection.attributes import cut_attributes
from emotion_core.inspection.filters import Flags
from emotion_core.inspection.table import inspect_runs
from emotion_core.results.attributes import attributes_path, read_attributes
from emotion_core.results.audits import audit_path, read_audit
from emotion_core.results.run import Run
from emotion_core.results.summaries import read_predictions
from pages.shared.reviews import read_verdicts
from pages.shared.sentence import sentence

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """Images with the answers of the chosen runs. Shared by all visitors: never change the table in place.

    Attributes:
        entries: one or two evaluations, in the order of the table's columns.
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        flags: what audits and reviewers say about the images.
        key: names files and their times: the same key means the same table.
    """

    entries: tuple[Entry, ...]
    table: pd.DataFrame
    flags: Flags
    key: tuple[object, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the runs."""
        return tuple(entry.name for entry in self.entries)

    @property
    def dataset(self) -> str:
        """Whose pictures they are."""
        return self.entries[0].dataset

    def ids(self, rows: Rows) -> list[str]:
        """Of the images at these positions."""
        return [str(sample) for sample in self.table["sample_id"].to_numpy()[rows]]


def inspect_entries(entries: Sequence[Entry], flags: Flags) -> Inspected:
    """Read the predictions of one or two entries.

    Raises:
        CheckpointError: predictions are missing or damaged.
    """
    runs = [entry.run for entry in entries if entry.run is not None]
    evaluation = entries[0].evaluation
    key = (evaluation, *((str(run.path), run.evaluation(evaluation).stamp()) for run in runs))
    return Inspected(entries=tuple(entries), table=_load(key, runs), flags=flags, key=key)


def read_flags(dataset: str, split: str) -> Flags:
    """What reviewers, a stored audit and stored attributes say; what cannot be read is named, and nothing is known from it."""
    try:
        modified = audit_path(dataset).stat().st_mtime_ns
        flags = _read_audit(dataset, str(audit_path(dataset)), modified)
    except OSError:
        flags = Flags()
    except CheckpointError as error:
        st.warning(sentence(error), icon=":material/warning:")
        flags = Flags()
    return replace(flags, verdicts=read_verdicts(dataset), slices=_slices(dataset, split))


def _slices(dataset: str, split: str) -> pd.DataFrame:
    try:
        path = attributes_path(dataset, split)
        return _cut(dataset, split, str(path), path.stat().st_mtime_ns)
    except OSError:
        return pd.DataFrame()
    except CheckpointError as error:
        st.warning(sentence(error), icon=":material/warning:")
        return pd.DataFrame()


# At 40,000 images one table takes 11 MB.
@st.cache_resource(show_spinner="Reading predictions …", max_entries=6)
def _load(key: tuple[object, ...], _runs: Sequence[Run]) -> pd.DataFrame:
    return inspect_runs([read_predictions(run, str(key[0])) for run in _runs])


@st.cache_resource(show_spinner=False, max_entries=8)
def _read_audit(dataset: str, path: str, modified: int) -> Flags:
    found = read_audit(dataset)
    return Flags() if found is None else Flags(conflicts=found.conflicts, leaked=found.leaked)


# A byte an image and attribute.
@st.cache_resource(show_spinner=False, max_entries=8)
def _cut(dataset: str, split: str, path: str, modified: int) -> pd.DataFrame:
    found = read_attributes(dataset, split)
    return pd.DataFrame() if found is None else cut_attributes(found)
