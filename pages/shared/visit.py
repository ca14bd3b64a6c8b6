"""Runs that a visitor brings along and keeps for this visit only: in a folder that goes with it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

import streamlit as st

from emotion_core.compare import Store, load_store
from emotion_core.results.find import stamp_runs

EXPERIMENT = "visit"
"""That these runs belong to."""


class _Visit:
    """A folder of checkpoints that is removed when nobody holds it any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="emotion-visit-"))
        self._remove = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


def visit_folder() -> Path:
    """Where runs of this visit lie; made when it is first asked for."""
    if "visit" not in st.session_state:
        st.session_state["visit"] = _Visit()
    folder: Path = st.session_state["visit"].folder
    return folder


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
