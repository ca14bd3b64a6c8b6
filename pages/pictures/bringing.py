"""From an archive or a folder to pictures that were looked through."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from emotion_core.data.brought import Brought, read_brought, write_archive
from emotion_core.data.identity import safe_name
from emotion_core.errors import EmotionCoreError
from emotion_core.images import ENDINGS
from pages.shared.sentence import sentence

KEY = "brought"
FOLDERS = "faces.zip\n├── happy/1.jpg\n├── happy/2.jpg\n└── sad/3.jpg"
LIST = "image,expression\nfaces/1.jpg,happy\nfaces/2.jpg,sad"
EXAMPLES = 40


@dataclass(frozen=True, kw_only=True)
class Looked:
    """What came of one upload.

    Attributes:
        files: the upload, by the numbers that Streamlit gives its files.
        title: what it came as, fit for a name.
        brought: the pictures; ``None`` where they cannot be used.
        error: why they cannot; empty where they can.
    """

    files: tuple[str, ...]
    title: str
    brought: Brought | None = None
    error: str = ""


def ask_pictures() -> Looked | None:
    """The upload, and how pictures have to be packed; the pictures once they were looked through."""
    left, right = st.columns([1.2, 1], gap="large")
    with left:
        kind = st.segmented_control(
            "Pictures with their expressions",
            ["ZIP archive", "Folder"],
            default="ZIP archive",
            required=True,
            key="pictures-kind",
            bind="query-params",
        )
        files = _upload(str(kind))
    if not files:
        with right:
            _say_how()
        st.session_state.pop(KEY, None)
        return None
    looked = _look(files)
    if looked.error:
        st.error(looked.error)
        with right:
            _say_how()
        return None
    return looked


def forget_upload() -> None:
    """Empty the fields, so that the next pictures can come."""
    st.session_state.pop(KEY, None)
    st.session_state["pictures-round"] = st.session_state.get("pictures-round", 0) + 1


def _upload(kind: str) -> Sequence[Any]:
    number = st.session_state.get("pictures-round", 0)
    if kind == "Folder":
        return st.file_uploader(
            "A folder",
            type=[ending.removeprefix(".") for ending in (*ENDINGS, ".csv")],
            accept_multiple_files="directory",
            label_visibility="collapsed",
            key=f"pictures-folder-{number}",
        )
    file = st.file_uploader("A ZIP archive", type=["zip"], label_visibility="collapsed", key=f"pictures-zip-{number}")
    return [] if file is None else [file]


def _say_how() -> None:
    st.markdown("**How they are packed**")
    one, other = st.columns(2)
    one.caption("In folders called by the expression, …")
    one.code(FOLDERS, language=None)
    other.caption("… or with a list, `labels.csv`:")
    other.code(LIST, language=None)
    st.caption(
        "Further columns: `valence` and `arousal` from -1 to 1, `split`, and any of your own, such as an age group. Folders "
        "`train`, `val` and `test` around the others are splits."
    )
    st.download_button(
        "An example: 40 drawn faces", _example, "drawn-faces.zip", "application/zip", key="pictures-example", type="tertiary",
        icon=":material/download:", on_click="ignore",
    )  # fmt: skip


def _example() -> bytes:
    from emotion_core.data.schematic import load_schematic

    stream = io.BytesIO()
    write_archive(load_schematic(count=EXAMPLES).with_split(["test"] * EXAMPLES), stream)
    return stream.getvalue()


def _look(files: Sequence[Any]) -> Looked:
    """Look through an upload once; whoever takes it away stops that."""
    known = tuple(file.file_id for file in files)
    before: Looked | None = st.session_state.get(KEY)
    if before is not None and before.files == known:
        return before
    first = files[0].name.replace("\\", "/")
    title = safe_name(first if len(files) == 1 and "/" not in first else first.split("/")[0] if "/" in first else "faces")
    bar, started, shown = st.progress(0.0, text="Unpacking …"), time.monotonic(), 0.0

    def progress(done: int, total: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - shown > 0.2 or done == total:
            shown = now
            left = (now - started) / done * (total - done)
            bar.progress(done / total, text=f"{done:,} of {total:,} pictures looked at, about {left:.0f} s left")

    try:
        brought = read_brought([(file.name, file.getvalue()) for file in files], progress=progress)
        looked = Looked(files=known, title=title, brought=brought)
    except EmotionCoreError as error:
        looked = Looked(files=known, title=title, error=sentence(error))
    bar.empty()
    st.session_state[KEY] = looked
    return looked
