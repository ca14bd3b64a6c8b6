"""What distinguishes the images of a dataset beside their labels: what the picture itself shows, and columns of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.data.table import FaceTable
from emotion_core.errors import ConfigError, ImageError, did_you_mean
from emotion_core.faces.face import FaceDetector
from emotion_core.faces.quality import head_pose, sharpness
from emotion_core.images import read_image

OF_PICTURE = ("face size", "sharpness", "brightness", "colour", "yaw", "roll")
"""Attributes that are computed from the picture. Size is the longer side of the detected face, px; sharpness as in
:func:`~emotion_core.faces.quality.sharpness`; brightness the mean grey value in [0, 1]; yaw and roll the head's, in degrees
either way, roughly."""

MOST_VALUES = 20
"""A column with more different values, that are no numbers, makes no slices."""

UNKNOWN = {"face size": "no face found", "yaw": None, "roll": None}
"""What images without a value are called, where that is not "no value"; ``None``: they belong to no slice."""

_EDGES = {"yaw": (10.0, 25.0), "roll": (5.0, 10.0)}
_UNITS = {"face size": " px", "yaw": "°", "roll": "°"}
_GREY = 3.0
"""Mean distance of the largest and the smallest channel, in grey levels, below which a picture is grey."""


def measure_attributes(
    table: FaceTable,
    detector: FaceDetector | None,
    *,
    by: Sequence[str] = (),
    workers: int = 4,
    progress: Callable[[int], object] | None = None,
) -> pd.DataFrame:
    """Attributes of every image of a table.

    Args:
        table: images of one split.
        detector: finds the face for its size and the pose of the head; ``None`` leaves these out.
        by: names of attributes or of the table's own columns; by default all that can make slices.
        workers: threads that decode.
        progress: called with 1 after every picture.

    Returns:
        A row an image with its id as index, a column an attribute: numbers, NaN where there is none, or text.

    Raises:
        ConfigError: ``by`` names neither an attribute nor a column, or a column with too many values.
    """
    own = [str(name) for name in table.attributes.columns]
    known = [*OF_PICTURE, *own]
    for name in by:
        if name not in known:
            raise ConfigError(
                f"'{table.name}' has no column '{name}'.{did_you_mean(name, known)} Slices are made by {', '.join(known)}."
            )
    columns = {name: _own_column(table, name) for name in own if not by or name in by}
    for name, values in columns.items():
        if name in by and not _makes_slices(values):
            raise ConfigError(
                f"The column '{name}' has {values.nunique():,} different values, which are no numbers. Group them into "
                f"{MOST_VALUES} at most."
            )
    found = pd.DataFrame({name: values for name, values in columns.items() if _makes_slices(values)}, index=table.sample_ids)
    wanted = [name for name in OF_PICTURE if not by or name in by]
    if wanted:
        pictures = _look_at_pictures(table, detector, workers, progress)
        found = pd.concat([pictures[[name for name in wanted if name in pictures]], found], axis=1)
    return found


def _own_column(table: FaceTable, name: str) -> pd.Series:
    texts = table.attributes[name].reindex(table.sample_ids).replace("", np.nan)
    numbers = pd.to_numeric(texts, errors="coerce")
    return numbers if numbers.notna().any() and (numbers.notna() == texts.notna()).all() else texts


def _makes_slices(values: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(values)) or values.nunique() <= MOST_VALUES


def _look_at_pictures(
    table: FaceTable, detector: FaceDetector | None, workers: int, progress: Callable[[int], object] | None
) -> pd.DataFrame:
    def look(sample_id: str) -> dict[str, float | str]:
        try:
            image = read_image(table.read_bytes(sample_id))
        except (ImageError, OSError):
            return {}
        spread = (image.max(axis=2).astype(np.float64) - image.min(axis=2)).mean()
        seen: dict[str, float | str] = {
            "sharpness": sharpness(image),
            "brightness": float(image.mean()) / 255,
            "colour": "grey" if spread < _GREY else "colour",
        }
        return seen | (_face_of(image, detector) if detector is not None else {})

    rows = []
    with ThreadPoolExecutor(workers) as pool:
        for row in pool.map(look, table.sample_ids):
            rows.append(row)
            if progress is not None:
                progress(1)
    names = [name for name in OF_PICTURE if any(name in row for row in rows)]
    return pd.DataFrame(rows, index=table.sample_ids, columns=names)


def _face_of(image: npt.NDArray[np.uint8], detector: FaceDetector) -> dict[str, float | str]:
    faces = detector.detect(image).faces
    if not faces:
        return {}
    seen: dict[str, float | str] = {"face size": float(max(faces[0].box[2:]))}
    if faces[0].landmarks is not None:
        yaw, roll = head_pose(faces[0].landmarks)
        seen |= {"yaw": abs(yaw), "roll": abs(roll)}
    return seen


def cut_attributes(attributes: pd.DataFrame) -> pd.DataFrame:
    """Attributes as slices: numbers in three parts, text as it is.

    Yaw and roll are cut at fixed angles, other numbers so that each part holds about a third of the images. An attribute that
    all images share makes no slices and is left out.

    Args:
        attributes: from :func:`measure_attributes`.

    Returns:
        The same rows; ordered categories, from low to high or by name.

    Example:
        >>> cut_attributes(pd.DataFrame({"age": [20.0, 30.0, 40.0]}))["age"].tolist()
        ['up to 26.7', '26.7 to 33.3', 'above 33.3']
    """
    cut = {str(name): _cut(str(name), attributes[name]) for name in attributes.columns}
    return pd.DataFrame({name: values for name, values in cut.items() if values.nunique() > 1}, index=attributes.index)


def _cut(name: str, values: pd.Series) -> pd.Series:
    missing = UNKNOWN.get(name, "no value")
    if not pd.api.types.is_numeric_dtype(values):
        texts = values.fillna(missing).astype(str)
        order = sorted(texts.unique(), key=lambda text: (text == missing, text))
        return texts.astype(pd.CategoricalDtype(order, ordered=True))
    numbers = values.to_numpy(dtype=np.float64)
    edges = _EDGES.get(name) or _thirds(numbers)
    names = _name_parts(edges, _UNITS.get(name, ""))
    places = np.searchsorted(np.asarray(edges), numbers, side="left")
    labels = [missing if np.isnan(number) else names[place] for number, place in zip(numbers, places, strict=True)]
    order = [*names, *([missing] if missing else [])]
    return pd.Series(labels, index=values.index, dtype=object).astype(pd.CategoricalDtype(order, ordered=True))


def _thirds(numbers: npt.NDArray[np.float64]) -> tuple[float, ...]:
    known = numbers[np.isfinite(numbers)]
    return tuple(np.unique(np.quantile(known, [1 / 3, 2 / 3])).tolist()) if len(known) else ()


def _name_parts(edges: Sequence[float], unit: str) -> list[str]:
    shown = [f"{edge:.3g}" for edge in edges]
    if not shown:
        return ["any"]
    return [f"up to {shown[0]}{unit}", *(f"{low} to {high}{unit}" for low, high in pairwise(shown)), f"above {shown[-1]}{unit}"]
