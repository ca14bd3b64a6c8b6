"""Faces that were read on the Predict page in this visit, placed on the map."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import streamlit as st

from emotion_core.figures.feature_map import Newcomer
from emotion_core.results.feature_map import FeatureMap
from emotion_core.texts import shorten
from pages.shared.inspected import Inspected


def count_newcomers() -> int:
    """How many faces there are."""
    return sum(1 for _ in _faces())


def place_newcomers(inspected: Inspected, found: FeatureMap) -> list[Newcomer]:
    """Read the faces by the map's network, once a visit, and place them; none where it cannot be loaded."""
    run = inspected.entries[0].run
    faces = list(_faces())
    if run is None or not run.has_weights or not faces:
        return []
    kept: dict[tuple[Any, ...], Any] = st.session_state.setdefault("newcomer-features", {})
    mine = (str(run.path), run.weights.stat().st_mtime_ns)
    missing = [(key, crop) for key, _, crop in faces if (mine, key) not in kept]
    if missing:
        with st.spinner("Placing faces from Predict …"):
            from pages.shared.networks import load_predictors

            predictor = load_predictors([run]).get(run.name)
            if predictor is None:
                return []
            for (key, _), features in zip(missing, predictor.features([crop for _, crop in missing]), strict=True):
                kept[mine, key] = features
    placed = []
    for key, name, _ in faces:
        [(x, y)], [near] = found.place(kept[mine, key][None])
        labels = inspected.table["expression"].iloc[found.rows[near]].dropna()
        said = ", ".join(f"{label} {number}" for label, number in labels.value_counts().items() if number)
        placed.append(Newcomer(name=name, x=float(x), y=float(y), hover=f"nearest faces: {said or 'without a label'}"))
    return placed


def _faces() -> Iterator[tuple[tuple[Any, ...], str, Any]]:
    """Key, name and pixels of each."""
    photos: Mapping[Any, Any] = st.session_state.get("photos", {})
    names = {upload.digest: upload.name for upload in st.session_state.get("uploads", [])}
    for (digest, whole), photo in photos.items():
        for number, face in enumerate(photo.faces):
            several = f", face {number + 1}" if len(photo.faces) > 1 else ""
            yield (digest, whole, number), f"{shorten(names.get(digest, photo.name), 24)}{several}", face.crop
