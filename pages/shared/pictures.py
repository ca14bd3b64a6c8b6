"""Pictures of a dataset, by the ids that predictions carry."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from emotion_core.apart import read_apart
from emotion_core.data.datasets import load_dataset
from emotion_core.data.identity import fingerprint_in, title_of
from emotion_core.data.source import Source, open_source
from emotion_core.data.table import FaceTable
from emotion_core.errors import DataError, DatasetNotFoundError, ImageError
from emotion_core.texts import shorten
from pages.shared.sentence import readable
from pages.shared.visit import visit_datasets
from pages.shared.words import count, escape

SIDE = 104
"""Longest side of a thumbnail, px: three fit side by side on a phone's 390."""

_FER2013 = "'fer2013_labels.csv' with 'ferplus/' or 'ferplus.zip', or 'fer2013.csv', 'fer2013/' or 'fer2013.zip'"

ELSEWHERE = MappingProxyType(
    {
        "ferplus": "'ferplus/' or 'ferplus.zip'",
        "fer2013": _FER2013,
        "fer2013-4": _FER2013,
    }
)
"""Datasets whose pictures may be rows of a CSV file, or lie in another one's archive; and what has to lie there."""

PAGE = 24
"""Pictures a page."""


@st.cache_resource(show_spinner=False, max_entries=8)
def _open(dataset: str, root: str) -> Source:
    return open_source(dataset, root)


def _read_table(dataset: str, root: str) -> FaceTable:
    if not fingerprint_in(dataset):
        return load_dataset(dataset, root, on_error="skip")
    looked = [Path(root) / f"{title_of(dataset)}{ending}" for ending in (".csv", ".zip")]
    found = [load_dataset(path.name, root, on_error="skip") for path in looked if path.is_file()]
    if not found:
        raise DatasetNotFoundError(dataset, looked)
    for table in found:
        # Any file may have been given this name since.
        if fingerprint_in(table.name) == fingerprint_in(dataset):
            return table
    raise DataError(f"'{title_of(dataset)}' in '{root}' has other pictures or labels than those that were evaluated.")


# What is kept for a visit goes with it.
_read_shared = st.cache_resource(show_spinner="Reading the list of pictures …", max_entries=4)(_read_table)
_read_mine = st.cache_resource(show_spinner="Reading the list of pictures …", max_entries=4, scope="session")(_read_table)


def _table(dataset: str, root: str) -> FaceTable:
    return (_read_mine if dataset in visit_datasets() else _read_shared)(dataset, root)


def _listed(dataset: str) -> bool:
    """Whether its list has to be read to know where its pictures are."""
    return dataset in ELSEWHERE or bool(fingerprint_in(dataset))


def _read(dataset: str, root: str, sample_id: str) -> bytes:
    if fingerprint_in(dataset):
        return _table(dataset, root).read_bytes(sample_id)
    if dataset not in ELSEWHERE:
        return _open(dataset, root).read(sample_id)
    try:
        source = _open(dataset, root)
    except DatasetNotFoundError:
        source = None
    if source is not None and source.has(sample_id):
        return source.read(sample_id)
    return _table(dataset, root).read_bytes(sample_id)


def read_picture(dataset: str, root: str, sample_id: str) -> npt.NDArray[np.uint8] | None:
    """A picture in full, RGB of shape ``(H, W, 3)``; ``None`` when it cannot be read."""
    name = PurePosixPath(sample_id)
    if name.is_absolute() or ".." in name.parts:
        return None
    try:
        return read_apart(_read(dataset, root, sample_id))
    except (OSError, KeyError, ImageError, DataError):
        return None


def thumbnail(dataset: str, root: str, sample_id: str) -> bytes | None:
    """A picture at most :data:`SIDE` px a side as JPEG, made once; ``None`` when it cannot be read."""
    return (_mine if dataset in visit_datasets() else _shared)(dataset, root, sample_id)


def _make_thumbnail(dataset: str, root: str, sample_id: str) -> bytes | None:
    pixels = read_picture(dataset, root, sample_id)
    return None if pixels is None else small(pixels)


_shared = st.cache_data(show_spinner=False, max_entries=4_000)(_make_thumbnail)
_mine = st.cache_data(show_spinner=False, max_entries=1_000, scope="session")(_make_thumbnail)


def small(pixels: npt.NDArray[np.uint8]) -> bytes:
    """RGB of shape ``(H, W, 3)`` as a JPEG of at most :data:`SIDE` px a side."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    picture.save(stream, format="JPEG", quality=88)
    return stream.getvalue()


def pictures_root(dataset: str) -> str:
    """Folder that holds a dataset, for :func:`thumbnail`; empty when none is set, and for drawn faces, which need none."""
    if (mine := visit_datasets().get(dataset)) is not None:
        return str(mine.parent)
    return "" if dataset == "schematic" else os.environ.get("EMOTION_DATA", "")


def why_no_pictures(dataset: str) -> str | None:
    """One sentence that says what is missing and where it was looked for; ``None`` when the dataset is at hand."""
    if dataset == "schematic":  # drawn, from no folder
        return None
    root = pictures_root(dataset)
    title = title_of(dataset)
    own = f"'{title}.csv' or '{title}.zip'" if fingerprint_in(dataset) else f"'{dataset}/' or '{dataset}.zip'"
    remedy = f"the folder that holds {ELSEWHERE.get(dataset, own)}"
    if not root:
        return f"No pictures: EMOTION_DATA is not set. Set it to {remedy}, then start the app again."
    try:
        # Whether they can be read depends on more than a folder of that name where they lie elsewhere.
        (_table if _listed(dataset) else _open)(dataset, root)
    except DataError as error:
        if isinstance(error, FileNotFoundError):
            return readable(
                f"No pictures: '{dataset}' is not in '{Path(root)}', where EMOTION_DATA points. Set it to {remedy}."
            )
        return readable(f"No pictures: {error}")
    return None


def at_hand(dataset: str) -> bool:
    """Whether pictures of a dataset can be shown."""
    return why_no_pictures(dataset) is None


def show_pictures(dataset: str, faces: Sequence[tuple[str, str]], *, key: str) -> None:
    """Thumbnails with a line of words below each, 24 a page.

    Args:
        dataset: name of the dataset.
        faces: id of the image, and what stands below it.
        key: unique on the page.
    """
    missing = why_no_pictures(dataset)
    if missing:
        st.text(missing)
        return
    pages = -(-len(faces) // PAGE)
    page = st.pagination(pages, key=f"{key}-page-{pages}") if pages > 1 else 1
    unreadable = 0
    with st.container(horizontal=True, gap="small", key=f"{key}-pictures"):
        for sample_id, words in faces[(page - 1) * PAGE : page * PAGE]:
            content = thumbnail(dataset, pictures_root(dataset), sample_id)
            if content is None:
                unreadable += 1
                continue
            with st.container(width=SIDE, gap="xxsmall"):
                st.image(content, width=SIDE, alt=f"{shorten(sample_id)}: {words}")
                st.caption(escape(words))
    if unreadable:
        st.caption(f"{count(unreadable, 'picture', 'pictures')} could not be read.")
