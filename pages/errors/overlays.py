"""Where a network looks: heat maps over pictures of a dataset. Loads the networks' library, so import it only when asked."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import streamlit as st
from PIL import Image

from emotion_core.compare import Entry
from emotion_core.explain import colour_scale, overlay
from emotion_core.images import read_image
from emotion_core.predict import Predictor
from emotion_core.results.run import Run
from pages.errors.heat import PREDICTED, TRUE
from pages.shared.inspected import Inspected, Rows
from pages.shared.networks import load_predictors
from pages.shared.pictures import pictures_root, read_picture, thumbnail

Picture = npt.NDArray[np.uint8]
Maps = Mapping[str, npt.NDArray[np.float32]]

OPACITY = 0.5


def predictors_of(entries: Sequence[Entry]) -> dict[str, Predictor]:
    """Networks by name; runs that hold results only, or cannot be loaded, say so and are left out."""
    runs = [entry.run for entry in entries if entry.run is not None]
    for run in runs:
        if not run.has_weights:
            st.caption(f"{run.name} holds results only: without weights there are no heat maps.")
    return load_predictors([run for run in runs if run.has_weights])


def read_maps(predictor: Predictor, dataset: str, sample_ids: Sequence[str]) -> tuple[Maps | None, ...]:
    """Grad-CAM of every output for each image, all from one pass; ``None`` for pictures that cannot be read."""
    run: Run = predictor.run
    root = pictures_root(dataset)
    return _maps(str(run.path), run.weights.stat().st_mtime_ns, dataset, root, tuple(sample_ids), predictor)


# The ten maps of 24 pictures take some 50 kB.
@st.cache_resource(show_spinner="Looking where it looks …", max_entries=256)
def _maps(
    path: str, written: int, dataset: str, root: str, sample_ids: tuple[str, ...], _predictor: Predictor
) -> tuple[Maps | None, ...]:
    pictures = [read_picture(dataset, root, sample_id) for sample_id in sample_ids]
    readings = iter(_predictor.read([picture for picture in pictures if picture is not None]))
    return tuple(None if picture is None else next(readings).maps for picture in pictures)


def overlaid(picture: Picture, heat_map: npt.NDArray[np.float32]) -> Picture:
    """The picture under its heat map, with the colour scale for 0 to 1 along the lower edge."""
    width = picture.shape[1]
    gap = np.full((max(1, width // 56), width, 3), 128, dtype=np.uint8)
    return np.vstack([overlay(picture, heat_map, opacity=OPACITY), gap, colour_scale(width, max(2, width // 18))])


def heat_thumbnails(inspected: Inspected, rows: Rows, output: str) -> list[bytes | None] | None:
    """Thumbnails under heat maps of the first run, all from one pass; ``None`` when it has no network.

    Args:
        inspected: where the images come from.
        rows: their positions.
        output: one of :data:`~emotion_core.labels.OUTPUTS`, or which expression of each image.
    """
    predictor = predictors_of(inspected.entries[:1]).get(inspected.names[0])
    if predictor is None:
        return None
    sample_ids, root = inspected.ids(rows), pictures_root(inspected.dataset)
    column = {PREDICTED: "predicted_0", TRUE: "expression"}.get(output)
    outputs = [output] * len(rows) if column is None else inspected.table[column].astype(object).to_numpy()[rows].tolist()
    found: list[bytes | None] = []
    for sample_id, wanted, maps in zip(sample_ids, outputs, read_maps(predictor, inspected.dataset, sample_ids), strict=True):
        content = thumbnail(inspected.dataset, root, sample_id)
        if content is not None and maps is not None and wanted in maps:
            content = _heated(content, maps[wanted])
        found.append(content)
    return found


def _heated(content: bytes, heat_map: npt.NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(overlay(read_image(content), heat_map, opacity=OPACITY)).save(stream, format="JPEG", quality=88)
    return stream.getvalue()
