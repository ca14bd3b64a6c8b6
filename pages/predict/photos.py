"""Where photos come from: the sample, files, a folder, the camera."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from emotion_core.images import ENDINGS
from pages.predict.films import ask_film
from pages.predict.live import LIVE, ask_kind, live_chosen
from pages.shared.words import count


@dataclass(frozen=True)
class Upload:
    """A photo in memory.

    Attributes:
        name: as it came, untrusted.
        digest: SHA-256 of its content.
        file: holds the content; see :attr:`content`.
    """

    name: str
    digest: str
    file: Any

    @property
    def content(self) -> bytes:
        """The bytes of the file."""
        content: bytes = self.file if isinstance(self.file, bytes) else self.file.getvalue()
        return content


def choose_photos() -> list[Upload]:
    """The sample button and the upload, side by side. Nothing that comes in is written to disk."""
    left, right = st.columns([1, 2], gap="large")
    with left:
        st.markdown("**See it work**")
        st.button(
            "Try a sample photo",
            type="primary",
            icon=":material/play_arrow:",
            on_click=_take_sample,
            help="Grace Hopper in 1984, an official photograph of the US Navy, in the public domain.",
        )
        st.caption("A portrait of Grace Hopper, in the public domain.")
    with right:
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**Use your own**", width="content")
            kind = st.segmented_control(
                "Where photos come from",
                ["Photos", "Folder", "Camera", "Film"],
                default="Photos",
                required=True,
                label_visibility="collapsed",
                key="source",
                bind="query-params",
            )
        files = _ask(str(kind))
        st.caption("Photos and films stay in memory and are forgotten when you close the page.")
    if kind == "Film" or live_chosen():
        return []
    if st.query_params.get("photo") == "sample":
        return [_sample()]
    if files:
        pictures = [file for file in files if not file.name.startswith("._")]
        if len(pictures) < len(files):
            st.caption(f"{count(len(files) - len(pictures), 'file', 'files')} of macOS beside the photos left out (._…).")
        st.session_state["uploads"] = _with_digests(pictures)
        return list(st.session_state["uploads"])
    return _from_before()


def _from_before() -> list[Upload]:
    """Photos from before a visit to another page, where the upload field forgets them."""
    uploads: list[Upload] = st.session_state.get("uploads", [])
    if uploads:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.text(f"{count(len(uploads), 'photo', 'photos')} from before")
            st.button("Remove", icon=":material/close:", on_click=_leave_photos, key="remove-photos")
    return uploads


def _ask(kind: str) -> Sequence[Any]:
    if kind == "Film":
        return ask_film()
    if kind == "Camera":
        if ask_kind() == LIVE:
            return []
        taken = st.camera_input("Take a photo", label_visibility="collapsed", on_change=_leave_photos, key="camera")
        return [taken] if taken is not None else []
    if kind == "Folder":
        return st.file_uploader(
            "A folder of photos",
            type=[ending.removeprefix(".") for ending in ENDINGS],
            accept_multiple_files="directory",
            label_visibility="collapsed",
            on_change=_leave_photos,
            key="folder",
        )
    return st.file_uploader(
        "Photos", accept_multiple_files=True, label_visibility="collapsed", on_change=_leave_photos, key="files"
    )


def _take_sample() -> None:
    st.session_state["source"] = "Photos"
    st.query_params["photo"] = "sample"


def _leave_photos() -> None:
    for name in ("photo", "card", "face"):
        st.query_params.pop(name, None)
    st.session_state.pop("uploads", None)


@st.cache_resource(show_spinner=False)
def _sample() -> Upload:
    from matplotlib.cbook import get_sample_data

    content = Path(str(get_sample_data("grace_hopper.jpg", asfileobj=False))).read_bytes()
    return Upload("grace_hopper.jpg", hashlib.sha256(content).hexdigest(), content)


def _with_digests(files: Sequence[Any]) -> list[Upload]:
    # Hundreds of photos are hashed once, not again with every click.
    known: dict[str, str] = st.session_state.get("digests", {})
    digests = {file.file_id: known.get(file.file_id) or hashlib.sha256(file.getbuffer()).hexdigest() for file in files}
    st.session_state["digests"] = digests
    return [Upload(file.name, digests[file.file_id], file) for file in files]
