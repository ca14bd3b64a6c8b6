"""Images that look alike to a network. Loads the networks' library, so import it only when asked."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import streamlit as st

from emotion_core.explain.neighbours import nearest
from emotion_core.predict import Predictor
from pages.shared.inspected import Inspected
from pages.shared.pictures import pictures_root, read_picture

BATCH = 64

MOST_BYTES = 256_000_000
"""Features that a server keeps; those asked for least recently go first."""


@dataclass(frozen=True, kw_only=True)
class SplitFeatures:
    """Features of all readable images of a split.

    Attributes:
        rows: their positions in the table, shape ``(N,)``.
        pooled: shape ``(N, C)``.
    """

    rows: npt.NDArray[np.int64]
    pooled: npt.NDArray[np.float16]


class _Kept:
    """Features by run and split, bounded by their bytes. Threads may share it."""

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[object, ...], SplitFeatures] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...]) -> SplitFeatures | None:
        with self._lock:
            if key in self._entries:
                self._entries.move_to_end(key)
            return self._entries.get(key)

    def put(self, key: tuple[object, ...], features: SplitFeatures) -> None:
        with self._lock:
            self._entries[key] = features
            while len(self._entries) > 1 and sum(entry.pooled.nbytes for entry in self._entries.values()) > MOST_BYTES:
                self._entries.popitem(last=False)


@st.cache_resource(show_spinner=False)
def _kept() -> _Kept:
    return _Kept()


def nearest_images(inspected: Inspected, predictor: Predictor, row: int, k: int) -> list[tuple[int, float]]:
    """Positions of the nearest images, and their cosines; none when the picture itself cannot be read.

    Args:
        inspected: the images of the split.
        predictor: whose features count.
        row: position of the image.
        k: how many.
    """
    run, root = predictor.run, pictures_root(inspected.dataset)
    key = (str(run.path), run.weights.stat().st_mtime_ns, root, inspected.key)
    features = _kept().get(key)
    if features is None:
        features = _read_features(inspected, predictor, root)
        _kept().put(key, features)
    at = np.flatnonzero(features.rows == row)
    if not len(at) or len(features.rows) < 2:
        return []
    found, cosines = nearest(features.pooled, int(at[0]), k)
    return list(zip(features.rows[found].tolist(), cosines.tolist(), strict=True))


def _read_features(inspected: Inspected, predictor: Predictor, root: str) -> SplitFeatures:
    """One pass over the split, a batch of pictures in memory at a time."""
    ids = inspected.ids(np.arange(len(inspected.table)))
    rows: list[int] = []
    parts: list[npt.NDArray[np.float16]] = []
    bar, started = st.progress(0.0, text=f"Reading {len(ids):,} images, once a run …"), time.monotonic()
    for start in range(0, len(ids), BATCH):
        read = [(start + i, read_picture(inspected.dataset, root, name)) for i, name in enumerate(ids[start : start + BATCH])]
        known = [(row, picture) for row, picture in read if picture is not None]
        if known:
            rows += [row for row, _ in known]
            parts.append(predictor.features([picture for _, picture in known]))
        done = min(start + BATCH, len(ids))
        left = (time.monotonic() - started) / done * (len(ids) - done)
        bar.progress(done / len(ids), text=f"{done:,} of {len(ids):,} images read, about {left:.0f} s left")
    bar.empty()
    pooled = np.concatenate(parts) if parts else np.zeros((0, 1), dtype=np.float16)
    return SplitFeatures(rows=np.array(rows, dtype=np.int64), pooled=pooled)
