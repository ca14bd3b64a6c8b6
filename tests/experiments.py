"""Experiments for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from emotion_core.results.find import DEFAULT_RUN


def write_experiment(folder: Path, name: str = DEFAULT_RUN.split("/")[0], **settings: Any) -> Path:
    """Makes a folder of runs an experiment; without a name that of the default run, so that this one can be written.

    Args:
        folder: of checkpoints.
        name: of the experiment.
        settings: content of ``experiment.toml``.
    """
    path = folder / name
    path.mkdir(parents=True, exist_ok=True)
    # Text, numbers and lists of text are written in TOML as in JSON.
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"title": name.capitalize(), **settings}.items()]
    (path / "experiment.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
