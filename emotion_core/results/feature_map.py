"""A map of what a network sees: features of a split in two dimensions, kept with the evaluation in a file of its own.

``features.npz`` names the predictions and the weights that it was made with, and counts for no others. Beside the places on
the map it holds the principal components that these were made from, so that neighbours are found and further faces placed
without the network's features of all others.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import CheckpointError
from emotion_core.results.checked import open_arrays, parse_json
from emotion_core.results.explanations import weights_digest
from emotion_core.results.files import DAMAGED_ARCHIVE, strict_json, write_bytes
from emotion_core.results.run import Run

VERSION = 1
FILE = "features.npz"

METHODS = ("pacmap", "pca")
"""Ways to lay out features."""

MOST = {"components": 100, "features": 100_000}
"""Columns of the arrays."""

NEIGHBOURS = 10
"""Faces among which a further one is placed."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class FeatureMap:
    """``M`` faces of a split on a plane.

    Attributes:
        rows: their positions among the images of the evaluation, sorted by id; ascending, shape ``(M,)``.
        places: on the map, without a unit, shape ``(M, 2)``.
        components: principal components of their features, the largest first, shape ``(M, D)``.
        mean: of the features, shape ``(C,)``.
        axes: of the components, each of length 1, shape ``(D, C)``.
        method: ``"pacmap"`` or ``"pca"``, which takes the first two components.
        kept: share of the variance that the components hold, in [0, 1].
        seed: of the layout.
        faces: ``"given"`` or ``"found"``: whether pictures were read as they are.
        about: versions and seconds, for people.
    """

    rows: npt.NDArray[np.int64]
    places: Array
    components: Array
    mean: Array
    axes: Array
    method: str
    kept: float
    seed: int = 0
    faces: str = "given"
    about: dict[str, Any] = field(default_factory=dict)

    def project(self, features: npt.NDArray[np.floating[Any]]) -> Array:
        """Principal components of further features, shape ``(K, C)`` to ``(K, D)``.

        Raises:
            ValueError: they are not as many as the network's.
        """
        if features.ndim != 2 or features.shape[1] != len(self.mean):
            raise ValueError(f"features must be of shape (K, {len(self.mean)}), not {features.shape}.")
        return np.asarray((features.astype(np.float32) - self.mean) @ self.axes.T, dtype=np.float32)

    def nearest(self, components: Array, k: int) -> tuple[npt.NDArray[np.int64], Array]:
        """The faces that are nearest to a point among the principal components, by Euclidean distance.

        Args:
            components: of one face, shape ``(D,)``.
            k: how many; all where there are fewer.

        Returns:
            Positions in ``rows``, the nearest first, and their distances.
        """
        distance = np.linalg.norm(self.components - components, axis=1)
        order = np.argsort(distance, kind="stable")[:k]
        return order.astype(np.int64), distance[order]

    def place(self, features: npt.NDArray[np.floating[Any]]) -> tuple[Array, npt.NDArray[np.int64]]:
        """Where further faces belong on the map, and which of its faces are nearest to them.

        PCA has a place for every face. On a map by PaCMAP a face is placed at the mean of its ten nearest neighbours among
        the principal components, each weighted by one over its distance.

        Args:
            features: of the network that the map was made with, shape ``(K, C)``.

        Returns:
            Places, shape ``(K, 2)``, and positions of neighbours in ``rows``, the nearest first, shape ``(K, 10)``, or as many
            as there are.
        """
        components = self.project(features)
        found = [self.nearest(row, NEIGHBOURS) for row in components]
        near = np.stack([others for others, _ in found])
        if self.method == "pca":
            return components[:, :2].copy(), near
        places = []
        for others, distance in found:
            # A face that is on the map itself is put where it is.
            weights = 1 / np.maximum(distance, 1e-6 * max(1.0, float(distance.max())))
            places.append(np.average(self.places[others], axis=0, weights=weights))
        return np.array(places, dtype=np.float32), near


def write_feature_map(run: Run, evaluation: str, found: FeatureMap) -> Path:
    """Keep a map with its evaluation.

    Args:
        run: with the weights that it was made with.
        evaluation: ``<dataset>-<split>``.
        found: the map.

    Raises:
        CheckpointError: there are no such predictions, or the file cannot be written.
    """
    stored = run.evaluation(evaluation)
    about = {
        "version": VERSION, "predictions": stored.digest(), "weights": weights_digest(run), "method": found.method,
        "kept": found.kept, "seed": found.seed, "faces": found.faces, "about": found.about,
    }  # fmt: skip
    stream = io.BytesIO()
    np.savez(
        stream,
        about=np.array(strict_json(about)),
        rows=found.rows.astype(np.int32),
        places=found.places.astype(np.float32),
        components=found.components.astype(np.float32),
        mean=found.mean.astype(np.float32),
        axes=found.axes.astype(np.float32),
    )
    path = stored.folder / FILE
    try:
        write_bytes(path, stream.getvalue())
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be written ({error.strerror}). Make its folder writable.") from error
    return path


def read_feature_map(run: Run, evaluation: str, images: int) -> FeatureMap | None:
    """The stored map of one evaluation.

    Args:
        run: which run.
        evaluation: ``<dataset>-<split>``.
        images: of the evaluation.

    Returns:
        ``None`` where there is none, or it was made with other predictions or weights, or by another version of the program.

    Raises:
        CheckpointError: it is damaged.
    """
    stored = run.evaluation(evaluation)
    path = stored.folder / FILE
    if not path.exists():
        return None
    try:
        with open_arrays(path) as file:
            about = parse_json(str(file["about"]))
            if about["version"] != VERSION or about["predictions"] != stored.digest():
                return None
            if run.has_weights and about["weights"] != weights_digest(run):
                return None
            found = FeatureMap(
                rows=file["rows"].astype(np.int64),
                **{name: file[name].astype(np.float32) for name in ("places", "components", "mean", "axes")},
                method=str(about["method"]),
                kept=float(about["kept"]),
                seed=int(about["seed"]),
                faces="found" if about["faces"] == "found" else "given",
                about=dict(about["about"]),
            )
        _check(found, images)
    except DAMAGED_ARCHIVE as error:
        raise CheckpointError(f"'{path}' cannot be read ({error}). Make the map again, or delete the file.") from error
    return found


def _check(found: FeatureMap, images: int) -> None:
    many, size = len(found.rows), len(found.axes)
    shapes = {"places": (many, 2), "components": (many, size), "axes": (size, len(found.mean)), "mean": (len(found.mean),)}
    for name, shape in shapes.items():
        array = getattr(found, name)
        if array.shape != shape:
            raise ValueError(f"'{name}' is of shape {array.shape}, not {shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"'{name}' holds what is no number")
    if not (2 <= size <= MOST["components"] and len(found.mean) <= MOST["features"]):
        raise ValueError(f"it has {size} components of {len(found.mean)} features")
    if found.method not in METHODS or not 0 <= found.kept <= 1:
        raise ValueError(f"it is laid out by '{found.method}' and holds {found.kept} of the variance")
    rows = found.rows
    if rows.ndim != 1 or not many or rows[0] < 0 or rows[-1] >= images or (np.diff(rows) <= 0).any():
        raise ValueError(f"'rows' are no positions among {images:,} images")
