"""Stored runs and predictions with known content, for tests of all that reads them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.summary import summarize
from emotion_core.results.run import RunInfo, write_evaluation, write_info

NETWORK = {"backbone": "custom_cnn", "input_size": 48}
SELECTION = {"measure": "accuracy", "split": "val", "epoch": 3, "value": 0.5}
PROBS = [f"prob_{name}" for name in EXPRESSIONS]


def predictions(right: npt.ArrayLike, noise: float = 0.3, seed: int = 0) -> pd.DataFrame:
    """Right where ``right`` (boolean, one an image) says so, else the next expression; valence and arousal with some noise."""
    right = np.asarray(right, dtype=bool)
    rng = np.random.default_rng(100)
    images = len(right)
    labels = np.arange(images) % 8
    table = pd.DataFrame(
        {"sample_id": [f"{number:05}.jpg" for number in range(images)], "expression": np.array(EXPRESSIONS)[labels]}
    )
    probs = np.full((images, 8), 0.05, dtype=np.float32)
    probs[np.arange(images), np.where(right, labels, (labels + 1) % 8)] = 0.65
    own = np.random.default_rng(seed)
    for index, name in enumerate(PROBS):
        table[name] = probs[:, index]
    for name in AFFECT:
        table[name] = rng.uniform(-0.9, 0.9, images)
        table[f"pred_{name}"] = np.clip(table[name] + noise * own.normal(size=images), -1, 1)
    return table


def random_predictions(seed: int = 0, images: int = 60) -> pd.DataFrame:
    """Random probabilities, and valence and arousal near half of the true ones; these are the same for every seed."""
    truth, generator = np.random.default_rng(99), np.random.default_rng(seed)
    columns: dict[str, Any] = {
        "sample_id": [f"images/{number}.jpg" for number in range(images)],
        "expression": [EXPRESSIONS[number % 8] for number in range(images)],
        **{name: truth.uniform(-1, 1, images) for name in AFFECT},
    }
    probs = generator.dirichlet(np.ones(8), images)
    columns |= {name: probs[:, index] for index, name in enumerate(PROBS)}
    for name in AFFECT:
        columns[f"pred_{name}"] = np.clip(columns[name] * 0.5 + generator.normal(0, 0.2, images), -1, 1)
    return pd.DataFrame(columns)


def first_right(number: int, images: int) -> npt.NDArray[np.bool_]:
    """So many images are right, and they come first."""
    return np.arange(images) < number


def predicted(table: pd.DataFrame) -> npt.NDArray[np.object_]:
    """The predicted expression of each image."""
    return np.array(EXPRESSIONS, dtype=object)[table[PROBS].to_numpy().argmax(axis=1)]


def measures(table: pd.DataFrame, around: float = 0.0) -> dict[str, dict[str, float]]:
    """The measures of predictions as an evaluation stores them, with intervals of ``around`` to both sides."""
    found = summarize(table)
    return {key: {"value": value, "low": value - around, "high": value + around} for key, value in found.items()}


def write_run(path: Path, **info: Any) -> Path:
    """A finished run without weights."""
    write_info(path, RunInfo(**{"network": dict(NETWORK), "finished": True, **info}))
    return path


def write_network(path: Path, *, seed: int = 0, network: Mapping[str, Any] = NETWORK, **info: Any) -> Path:
    """A finished run with random weights."""
    # Most tests need no network, and importing torch takes seconds.
    import torch

    from emotion_core.models.checkpoint import save_weights
    from emotion_core.models.network import EmotionNetwork, NetworkConfig

    config = NetworkConfig(**network)
    torch.manual_seed(seed)
    built = EmotionNetwork(config)
    path.mkdir(parents=True)
    save_weights(built, path / "model.safetensors")
    return write_run(path, network=config.to_dict(), num_params=sum(weight.numel() for weight in built.parameters()), **info)


def store(path: Path, table: pd.DataFrame, dataset: str = "faces", split: str = "test", **changes: Any) -> Path:
    """Stores predictions as the evaluation of a run; ``changes`` replace what ``metrics.json`` says.

    Returns:
        The evaluation's folder.
    """
    about = {"dataset": dataset, "split": split, "images": len(table), "fingerprint": "abc", "seed": 0, "chosen_by": SELECTION}
    known = {} if "measures" in changes else {"measures": measures(table)}
    metrics = {**about, **known, **changes}
    return write_evaluation(path, dataset, split, metrics, table)
