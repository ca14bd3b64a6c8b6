"""Open tables and their answers, kept for all visitors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from emotion_core.scoring.query import ScoredTable, Selection


def open_table(folder: Path) -> ScoredTable:
    """A table, opened again when its folder says something new.

    Raises:
        ScoringError: it cannot be read.
    """
    return _opened(str(folder), (folder / "manifest.json").stat().st_mtime_ns)


@st.cache_resource(show_spinner="Opening the table …", max_entries=4)
def _opened(folder: str, stamp: int) -> ScoredTable:
    return ScoredTable(Path(folder))


def answer(table: ScoredTable, question: str, *said: Any, **more: Any) -> Any:
    """What a method of the table gives, asked once.

    Args:
        table: which one.
        question: name of the method.
        *said: its arguments.
        **more: likewise.
    """
    return _answered(table, (str(table.folder), len(table.files), table.rows), question, said, more)


@st.cache_data(show_spinner="Going through the table …", max_entries=256, hash_funcs={Selection: repr})
def _answered(_table: ScoredTable, which: tuple[Any, ...], question: str, said: tuple[Any, ...], more: dict[str, Any]) -> Any:
    return getattr(_table, question)(*said, **more)
