"""Which table, and which of its faces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from emotion_core.labels import EXPRESSIONS
from emotion_core.scoring.query import Selection
from emotion_core.texts import shorten
from pages.shared.address import ask_option

VERDICTS = {"all": None, "certain": True, "unsure": False}
"""What is asked about verdicts, and what that means."""


def ask_table(root: Path, folders: Sequence[Path]) -> Path:
    """The table that the address names, or the first; a list where there are several."""
    names = {path.relative_to(root).as_posix() if path != root else root.name or ".": path for path in folders}
    chosen = ask_option(st.container(width=420), "Table", list(names), "table", what="table", words=shorten)
    return names[chosen]


def ask_selection(folder: Path) -> Selection:
    """Filters; those that few need on demand."""
    key = folder.name
    first, second, third, last = st.columns([3, 2, 2.4, 1.6], vertical_alignment="bottom")
    expressions = first.multiselect("Expression", EXPRESSIONS, key=f"{key}-expressions", placeholder="All")
    verdict = second.segmented_control(
        "Verdict",
        list(VERDICTS),
        default="all",
        required=True,
        key=f"{key}-verdict",
        help="Certain: the verdict stands. Unsure: the network cannot tell one expression from others.",
    )
    confidence = third.slider(
        "Probability", 0.0, 1.0, (0.0, 1.0), 0.05, key=f"{key}-confidence", help="Of the most probable one."
    )
    with last.popover("More filters", width="stretch"):
        valence = st.slider("Valence", -1.0, 1.0, (-1.0, 1.0), 0.1, key=f"{key}-valence")
        arousal = st.slider("Arousal", -1.0, 1.0, (-1.0, 1.0), 0.1, key=f"{key}-arousal")
        smallest = st.number_input("Face of at least, px", 0, 10_000, 0, 10, key=f"{key}-smallest")
        words = st.text_input("The picture's name contains", key=f"{key}-words", max_chars=200)
    return Selection(
        expressions=tuple(expressions),
        stands=VERDICTS[verdict or "all"],
        confidence=confidence,
        valence=valence,
        arousal=arousal,
        smallest=int(smallest),
        words=words.strip(),
    )
