"""Features of a whole split on a plane: which faces look alike to the network?"""

from __future__ import annotations

import importlib.util
import logging
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import numpy.typing as npt

from emotion_core.data.datasets import dataset_spec, load_dataset
from emotion_core.data.table import FaceTable
from emotion_core.data.transforms import decode_table
from emotion_core.errors import ConfigError, DataError
from emotion_core.explain.neighbours import features_of
from emotion_core.faces.crop import crop_main_face
from emotion_core.faces.loading import load_detector
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.results.explanations import evaluation_folder
from emotion_core.results.feature_map import METHODS, FeatureMap, write_feature_map
from emotion_core.results.run import Run

COMPONENTS = 50
"""Principal components that are laid out; the usual number, which holds nearly all there is to know of a face."""

FEWEST = 100
"""Faces that PaCMAP needs to find near, mid-near and further pairs; fewer are laid out by PCA."""

BATCH = 256
"""Pictures in memory at a time."""

Array = npt.NDArray[np.float32]


def map_split(
    run: Run,
    dataset: str,
    data_root: str | Path | None,
    *,
    split: str = "test",
    method: str | None = None,
    device: str = "auto",
    seed: int = 0,
    progress: Callable[[int, int], object] | None = None,
) -> FeatureMap:
    """Read a split, lay out the pooled features of its pictures, and keep the map with the evaluation.

    Pictures are read as for the evaluation; those that cannot be read, or were not evaluated, are left out.

    Args:
        run: with weights, and evaluated on this split.
        dataset: a name that :func:`~emotion_core.data.datasets.load_dataset` knows.
        data_root: where datasets lie; ``None`` will do for one that needs none.
        split: ``"train"``, ``"val"`` or ``"test"``.
        method: one of :data:`~emotion_core.results.feature_map.METHODS`; PaCMAP where it is installed by default.
        device: as in :func:`~emotion_core.models.device.resolve_device`.
        seed: of the layout.
        progress: called with how many pictures are read, and of how many.

    Raises:
        ConfigError: unknown dataset or method, or one that is not installed.
        DataError: the dataset is not there, or fewer than three of its pictures can be read.
        CheckpointError: the run has no usable weights, or was not evaluated on this split.
    """
    check_method(method)
    table = load_dataset(dataset, data_root, on_error="skip").split(split)
    evaluation_folder(run, table.name, split)
    stored = run.evaluation(f"{table.name}-{split}")
    ids = np.sort(stored.predictions(["sample_id"])["sample_id"].to_numpy(dtype=object))
    faces = str(stored.metrics().get("faces") or ("given" if dataset_spec(dataset).cut else "found"))
    table = table.where(np.isin(table.frame["sample_id"].to_numpy(dtype=object), ids))
    started = time.perf_counter()
    read, features = _read(run, table, faces, device, progress)
    rows = np.searchsorted(ids, np.array(read, dtype=object)).astype(np.int64)
    order = np.argsort(rows)
    found = lay_out(features[order], rows[order], method=method, seed=seed, faces=faces)
    found.about["seconds"] = round(time.perf_counter() - started, 1)
    write_feature_map(run, stored.key, found)
    return found


def check_method(method: str | None) -> str:
    """The method that is used: the one asked for, or the best that is installed.

    Raises:
        ConfigError: there is no such method, or it is not installed.
    """
    there = importlib.util.find_spec("pacmap") is not None
    if method is None:
        return "pacmap" if there else "pca"
    if method not in METHODS:
        raise ConfigError(f"There is no way '{method}' to lay out features. Known: {', '.join(METHODS)}.")
    if method == "pacmap" and not there:
        raise ConfigError("PaCMAP is not installed. Install it with: pip install 'emotion-core[maps]', or use --method pca.")
    return method


def _read(
    run: Run, table: FaceTable, faces: str, device: str, progress: Callable[[int, int], object] | None
) -> tuple[list[str], npt.NDArray[np.float16]]:
    """Ids and features of the readable pictures."""
    network = load_network(run.info.network, run.weights).to(resolve_device(device)).eval()
    frame = partial(crop_main_face, detector=load_detector()) if faces == "found" else None
    ids: list[str] = []
    parts: list[npt.NDArray[np.float16]] = []
    for start in range(0, len(table), BATCH):
        some = table.where(np.arange(len(table)) // BATCH == start // BATCH)
        try:
            some, pixels = decode_table(some, run.info.input_size, on_error="skip", frame=frame)
        except DataError:  # none of these can be read
            continue
        ids += list(some.sample_ids)
        parts.append(features_of(network, pixels).pooled)
        if progress is not None:
            progress(min(start + BATCH, len(table)), len(table))
    if len(ids) < 3:
        raise DataError(f"A map needs at least three pictures; {len(ids)} of '{table.name}' can be read.")
    return ids, np.concatenate(parts)


def lay_out(
    features: npt.NDArray[np.floating],
    rows: npt.NDArray[np.int64],
    *,
    method: str | None = None,
    seed: int = 0,
    faces: str = "given",
) -> FeatureMap:
    """Place ``M`` faces on a plane by their features.

    The features are reduced to their first 50 principal components. PaCMAP then keeps near pairs near and further ones apart;
    PCA takes the first two components as they are.

    Args:
        features: shape ``(M, C)``, at least three.
        rows: positions of the faces, kept with the map.
        method: as in :func:`map_split`.
        seed: of the layout: the same features, seed and versions give the same map.
        faces: kept with the map.

    References:
        Y. Wang, H. Huang, C. Rudin, Y. Shaposhnik (2021), Understanding How Dimension Reduction Tools Work, JMLR 22(201).
    """
    chosen = check_method(method)
    values = features.astype(np.float64)
    mean = values.mean(axis=0)
    covariance = np.cov(values - mean, rowvar=False, bias=True).reshape(len(mean), len(mean))
    powers, vectors = np.linalg.eigh(covariance)
    size = max(2, min(COMPONENTS, len(values) - 1, len(mean)))
    axes = vectors[:, ::-1][:, :size].T
    # An axis may point either way: its largest entry is positive.
    axes = axes * np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)])[:, None]
    components = ((values - mean) @ axes.T).astype(np.float32)
    if chosen == "pacmap" and len(values) < FEWEST:
        chosen = "pca"
    places = _pacmap(components, seed) if chosen == "pacmap" else components[:, :2].copy()
    total = float(powers.sum())
    return FeatureMap(
        rows=rows,
        places=places,
        components=components,
        mean=mean.astype(np.float32),
        axes=axes.astype(np.float32),
        method=chosen,
        kept=min(1.0, float(powers[::-1][:size].sum()) / total) if total > 0 else 1.0,
        seed=seed,
        faces=faces,
        about={"pacmap": version("pacmap")} if chosen == "pacmap" else {},
    )


def _pacmap(components: Array, seed: int) -> Array:
    import pacmap

    # It warns that a seed was set.
    logging.getLogger("pacmap").setLevel(logging.ERROR)
    layout = pacmap.PaCMAP(n_components=2, random_state=seed, apply_pca=False)
    return np.asarray(layout.fit_transform(components, init="pca"), dtype=np.float32)
