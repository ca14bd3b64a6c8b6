"""Scored tables with known content."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emotion_core.labels import EXPRESSIONS
from emotion_core.scoring.store import Manifest, shard_name
from emotion_core.scoring.table import FIELDS, PROBS, schema


def faces(rows: int, seed: int = 0, source: str = "photos/{0:06d}.jpg") -> pd.DataFrame:
    """Rows of faces with every column of a table but heat maps."""
    generator = np.random.default_rng(seed)
    probs = generator.dirichlet(np.full(8, 0.5), rows).astype(np.float32)
    frame = pd.DataFrame({name: probs[:, number] for number, name in enumerate(PROBS)})
    frame["expression"] = np.array(EXPRESSIONS)[probs.argmax(1)]
    frame["prob"] = probs.max(1)
    frame["stands"] = probs.max(1) > 0.6
    frame["set"] = [[name] for name in frame["expression"]]
    for name in ("valence", "arousal"):
        frame[name] = generator.uniform(-1, 1, rows).astype(np.float32)
    frame["source"] = [source.format(number) for number in range(rows)]
    frame["key"], frame["face"] = "", 0
    for name, value in {"left": 0, "top": 0, "width": 64, "height": 64}.items():
        frame[name] = value
    frame["face_width"] = frame["face_height"] = generator.integers(20, 200, rows)
    return frame.reindex(columns=[name for name, _ in FIELDS])


def write_table(folder: Path, *shards: pd.DataFrame, finished: bool = True) -> Path:
    """A scored folder."""
    (folder / "table").mkdir(parents=True)
    for number, frame in enumerate(shards):
        table = pa.Table.from_pandas(frame, schema=schema(maps=False), preserve_index=False)
        pq.write_table(table, folder / "table" / shard_name(number))
    settings = {"prior": "everyday", "flip": False, "coverage": 0.9, "maps": False}
    manifest = Manifest(settings, {"name": "joint/custom_cnn", "digest": "0"}, {}, ["photos"], None, finished=finished)
    (folder / "manifest.json").write_text(json.dumps(asdict(manifest)))
    return folder
