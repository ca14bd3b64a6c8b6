"""Pictures that were brought along before: measured by another network, or removed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from emotion_core.data.datasets import DATASETS, load_dataset
from emotion_core.data.identity import title_of
from emotion_core.errors import EmotionCoreError
from pages.pictures.asking import can_store, measure_again
from pages.shared.visit import forget_dataset, visit_datasets
from pages.shared.words import count, escape


@dataclass(frozen=True, kw_only=True)
class Known:
    """Pictures that are here.

    Attributes:
        dataset: their name.
        archive: where they lie.
        images: of the split that is measured.
        shared: whether they lie in the data folder.
    """

    dataset: str
    archive: Path
    images: int
    shared: bool


def show_known() -> None:
    """A line for each, and what can be done with it."""
    found = {each.dataset: each for each in _known()}
    if not found:
        return
    with st.expander(
        f"{count(len(found), 'set', 'sets')} of pictures here already", key="pictures-known", icon=":material/folder:"
    ):
        name = st.selectbox(
            "Pictures",
            list(found),
            format_func=lambda name: _words(found[name]),
            key="pictures-known-name",
            label_visibility="collapsed",
        )
        chosen = found[name]
        measure_again(chosen.archive, chosen.dataset, chosen.images, shared=chosen.shared)
        if not chosen.shared:
            st.button(
                "Remove these pictures",
                key="pictures-remove",
                type="tertiary",
                icon=":material/delete:",
                on_click=forget_dataset,
                args=(chosen.dataset,),
                help="And what was measured on them. Reviews stay, and are there again with the pictures.",
            )


def _words(known: Known) -> str:
    where = "in the data folder" if known.shared else "for this visit"
    return f"{escape(title_of(known.dataset))}: {count(known.images, 'picture', 'pictures')}, kept {where}"


def _known() -> list[Known]:
    mine = [
        Known(dataset=name, archive=path, images=_read(str(path), *_stamp(path))[1], shared=False)
        for name, path in visit_datasets().items()
    ]
    if not can_store():
        return mine
    stored = []
    for path in sorted(Path(os.environ["EMOTION_DATA"]).glob("*.zip")):
        if path.stem not in DATASETS:
            name, images = _read(str(path), *_stamp(path))
            stored += [Known(dataset=name, archive=path, images=images, shared=True)] if images else []
    return [*mine, *stored]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


# A name and a number.
@st.cache_data(show_spinner=False, max_entries=200)
def _read(path: str, modified: int, size: int) -> tuple[str, int]:
    """Name of the dataset in an archive, and its test pictures; none where it is no dataset."""
    file = Path(path)
    try:
        table = load_dataset(file.name, file.parent, on_error="skip")
    except (EmotionCoreError, OSError):
        return "", 0
    return table.name, int(table.frame["split"].eq("test").sum())
