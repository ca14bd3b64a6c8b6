"""What people say about images, and where it is kept: one store a server."""

from __future__ import annotations

import os
from collections.abc import Mapping

import streamlit as st

from emotion_core.errors import EmotionCoreError, ReviewError
from emotion_core.results.database import ADDRESS
from emotion_core.results.find import checkpoints_folder
from emotion_core.results.reviews import ReviewStore
from pages.shared.roles import may, visitor
from pages.shared.sentence import sentence

DISAGREE = "reviewers disagree"

FRESH = 5
"""How long what others say may be old, s; one's own words are there at once."""


@st.cache_resource(show_spinner=False, max_entries=4)
def _open(address: str, folder: str) -> ReviewStore:
    return ReviewStore()


def review_store() -> ReviewStore:
    """One store a server.

    Raises:
        ReviewStoreError: its address is none.
    """
    return _open(os.environ.get(ADDRESS, ""), str(checkpoints_folder()))


@st.cache_data(show_spinner=False, ttl=FRESH, max_entries=16)
def _verdicts(place: str, dataset: str, _store: ReviewStore) -> dict[str, str]:
    said = _store.verdicts(dataset)
    return {
        str(sample): str(verdict) if verdict is not None else DISAGREE
        for sample, verdict in zip(said["sample_id"], said["verdict"], strict=True)
    }


def read_verdicts(dataset: str) -> Mapping[str, str]:
    """What reviewers say together, by image; nothing, and why, when the place cannot be reached."""
    try:
        store = review_store()
        return _verdicts(store.place, dataset, store)
    except EmotionCoreError as error:
        st.warning(sentence(error), icon=":material/rate_review:")
        return {}


def reviewing_as(typed: str) -> str:
    """What this visitor's reviews are kept under: the login's name, else the one that was typed.

    Raises:
        ReviewError: the visitor may not review.
    """
    if not may("review"):
        raise ReviewError("You may not review images here. Log in, or ask whoever runs this server.")
    return visitor().reviewer or typed


def forget_verdicts() -> None:
    """What one says oneself is there at once."""
    _verdicts.clear()
