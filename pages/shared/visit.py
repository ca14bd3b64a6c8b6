"""Runs and pictures that a visitor brings along and keeps for this visit only: in a folder that goes with it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

import streamlit as st

from emotion_core.compare import Store, load_store
from emotion_core.errors import ConfigError
from emotion_core.results.find import stamp_runs
from pages.shared.quota import SERVER_BYTES, VISITOR_BYTES

EXPERIMENT = "visit"
"""That these runs belong to."""

DATASETS = ".datasets"
"""Folder of the pictures, beside the runs; its name says that it is no run."""


class _Visit:
    """A folder of checkpoints that is removed when nobody holds it any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="emotion-visit-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        _visits.add(self)

    def size(self) -> int:
        """Bytes of the pictures that are kept."""
        return sum(file.stat().st_size for file in (self.folder / DATASETS).glob("*.zip"))


_visits: weakref.WeakSet[_Visit] = weakref.WeakSet()


def visit_folder() -> Path:
    """Where runs of this visit lie; made when it is first asked for."""
    if "visit" not in st.session_state:
        st.session_state["visit"] = _Visit()
    folder: Path = st.session_state["visit"].folder
    return folder


def datasets_folder() -> Path:
    """Where pictures of this visit lie."""
    return visit_folder() / DATASETS


def visit_datasets() -> dict[str, Path]:
    """Archives of the pictures that are kept for this visit, by the name of the dataset."""
    found: dict[str, Path] = st.session_state.setdefault("visit-datasets", {})
    return found


def check_room(size: int) -> None:
    """See whether so many bytes more can be kept for a visit.

    Raises:
        ConfigError: they cannot; the message says why.
    """
    visit_folder()
    mine: _Visit = st.session_state["visit"]
    if mine.size() + size > VISITOR_BYTES:
        raise ConfigError(f"A visit keeps pictures of at most {VISITOR_BYTES >> 20} MB: remove some first.")
    if sum(visit.size() for visit in list(_visits)) + size > SERVER_BYTES:
        raise ConfigError("This server keeps as many pictures of its visitors as it can: try again later.")


def forget_dataset(dataset: str) -> None:
    """Remove pictures of this visit, and what was measured on them."""
    visit_datasets().pop(dataset).unlink(missing_ok=True)
    for folder in (visit_folder() / EXPERIMENT).glob(f"*/evaluations/{dataset}-*"):
        shutil.rmtree(folder, ignore_errors=True)


def add_visit(store: Store, signature: str) -> tuple[Store, str]:
    """What there is to compare, with the runs of this visit."""
    if "visit" not in st.session_state:
        return store, signature
    folder = visit_folder()
    stamp = str(stamp_runs(folder))
    before = st.session_state.get("visit-store")
    if before is None or before[0] != stamp:
        st.session_state["visit-store"] = before = stamp, load_store(folder)
    mine: Store = before[1]
    both = Store(
        entries=(*store.entries, *mine.entries),
        problems=(*store.problems, *mine.problems),
        experiments=(*store.experiments, *mine.experiments),
    )
    return both, f"{signature} {stamp}"
