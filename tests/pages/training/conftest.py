"""Trainings for their page."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from emotion_core.results.run import RunInfo, append_history, write_info
from tests.pages.training.driving import Train, line


@pytest.fixture
def trained(checkpoints: Path) -> Train:
    """Writes a run of some epochs, without weights; its files are as old as asked for."""

    def write(name: str, epochs: int = 4, *, finished: bool = True, age: float = 0.0, phases: Any = None, **known: Any) -> Path:
        folder = checkpoints / name
        folder.mkdir()
        training = {"dataset": "affectnet-3999", "lr": 0.001, **({"phases": phases} if phases else {"epochs": 8})}
        info: dict[str, Any] = {
            "network": {"backbone": "resnet50", "input_size": 48},
            "training": training,
            "dataset": {"name": "affectnet-3999", "train": {"images": 2559}, "val": {"images": 640}},
            "selection": {"measure": "accuracy + ccc", "split": "val", "epoch": epochs, "value": 0.2} if epochs else {},
            "init": "imagenet",
            "seed": 7,
            "finished": finished,
        }
        write_info(folder, RunInfo(**info | known))
        for epoch in range(1, epochs + 1):
            append_history(folder, line(epoch, phases=phases))
        for path in folder.iterdir():
            os.utime(path, (time.time() - age, time.time() - age))
        return folder

    return write
