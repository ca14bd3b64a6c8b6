"""What is asked before pictures are measured: their name, the networks, and where they are kept."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from emotion_core.data.brought import Brought, keep_brought
from emotion_core.errors import EmotionCoreError
from emotion_core.results.find import DEFAULT_RUN, list_runs
from emotion_core.results.run import Run
from pages.pictures.measuring import BROUGHT, Job, start
from pages.shared.roles import may
from pages.shared.sentence import sentence
from pages.shared.visit import check_room, datasets_folder, visit_datasets

STORE = "EMOTION_STORE_PICTURES"
"""Set to ``yes`` by a server's owner who lets visitors with the role ``upload`` store pictures in the data folder."""

MOST_NETWORKS = 6
FOR_VISIT, IN_FOLDER = "For this visit", "In the data folder"


def can_store() -> bool:
    """Whether this visitor may store pictures in the data folder."""
    wanted = os.environ.get(STORE, "").strip().lower() in ("1", "yes", "true", "on")
    return wanted and bool(os.environ.get("EMOTION_DATA")) and may("upload")


def ask_measuring(title: str, brought: Brought) -> None:
    """How a new upload is called, which networks read it, and where it is kept.

    Args:
        title: what it came as.
        brought: the pictures.
    """
    columns = st.columns([1.3, 1, 1.2], vertical_alignment="bottom")
    runs, faces = _ask_networks("new", columns)
    name = columns[1].text_input("Name of these pictures", title, max_chars=80, key=f"pictures-name-{title}").strip()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        splits = brought.has_splits and _ask_splits(brought)
        store = can_store() and _ask_where() == IN_FOLDER
    images = int(brought.table.frame["split"].eq("test").sum()) if splits else len(brought.table)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        clicked = st.button(
            _measure(images), type="primary", icon=":material/play_arrow:", disabled=not runs, key="pictures-measure"
        )
        if not store:
            st.caption("They are kept for this visit: nobody else sees them, and they go when you close or reload the page.")
    if clicked:
        folder = Path(os.environ["EMOTION_DATA"]) if store else datasets_folder()
        try:
            if not store:
                check_room(sum(len(brought.table.read_bytes(sample_id)) for sample_id in brought.table.sample_ids))
            dataset = keep_brought(brought, folder, name, splits=splits)
        except (EmotionCoreError, OSError) as error:
            st.error(sentence(error))
            return
        archive = folder / f"{name}.zip"
        if not store:
            visit_datasets()[dataset] = archive
        start(Job(archive=archive, dataset=dataset, images=images, runs=runs, faces=faces, shared=store))


def _ask_splits(brought: Brought) -> bool:
    """Whether the splits that are given count; without a test split there is nothing to choose."""
    if not brought.table.frame["split"].eq("test").any():
        return False
    options = ["All of them", "Their test split"]
    chosen = st.segmented_control(
        "What is measured",
        options,
        default=options[1],
        required=True,
        key="pictures-splits",
        help="All of them: every picture counts as a test picture, whatever its split.",
    )
    return chosen == options[1]


def _ask_where() -> str:
    return st.segmented_control(
        "Where they are kept",
        [FOR_VISIT, IN_FOLDER],
        default=FOR_VISIT,
        required=True,
        key="pictures-where",
        help="In the data folder everybody sees them, and what was measured on them.",
    )


def measure_again(archive: Path, dataset: str, images: int, *, shared: bool) -> None:
    """Which networks read pictures that are here already."""
    runs, faces = _ask_networks("again", st.columns([1.3, 1, 1.2], vertical_alignment="bottom"))
    if st.button(_measure(images), icon=":material/play_arrow:", disabled=not runs, key="pictures-again"):
        start(Job(archive=archive, dataset=dataset, images=images, runs=runs, faces=faces, shared=shared))


def _measure(images: int) -> str:
    return f"Measure on {'this 1 picture' if images == 1 else f'these {images:,} pictures'}"


def _ask_networks(key: str, where: Sequence[DeltaGenerator]) -> tuple[tuple[str, ...], Literal["given", "found"]]:
    """Networks, and how a picture is read.

    Args:
        key: unique on the page.
        where: columns, of which the first and the last are used.
    """
    names = [run.name for run in list_runs() if isinstance(run, Run) and run.has_weights and run.experiment != BROUGHT]
    if not names:
        where[0].info("There is no network with weights here: train one, then reload this page.")
        return (), "found"
    runs = where[0].multiselect(
        "Networks",
        sorted(names, key=lambda name: name != DEFAULT_RUN),
        default=[DEFAULT_RUN if DEFAULT_RUN in names else names[0]],
        max_selections=MOST_NETWORKS,
        key=f"pictures-networks-{key}",
        placeholder="Choose at least one",
    )
    found = where[-1].toggle(
        "Look for the face in each picture",
        value=True,
        key=f"pictures-found-{key}",
        help="As in a photo. Switch it off where the pictures are cut around the face already, as AffectNet's are.",
    )
    return tuple(runs), "found" if found else "given"
