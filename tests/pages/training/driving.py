"""Opens the page of trainings and reads it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

from emotion_core.results.progress import TrainingProgress
from tests.pages.opening import go_to, run

PHASES = [{"name": "heads", "epochs": 2}, {"name": "fine-tune", "epochs": 6}]

Train = Callable[..., Path]


def line(epoch: int, *, phases: Any = None) -> dict[str, Any]:
    named = {"phase": "heads" if epoch <= 2 else "fine-tune"} if phases else {}
    measures = {"val_accuracy": 0.1 + epoch / 100, "val_ccc_valence": 0.3, "val_ccc_arousal": 0.2, "score": 0.2 + epoch / 100}
    return {"epoch": epoch, **named, "loss": 3 - epoch / 10, "lr": 1e-3, **measures, "images_per_second": 90.0, "seconds": 30.0}


def progress(**changes: Any) -> TrainingProgress:
    values: dict[str, Any] = {
        "pid": 1, "host": "far", "updated": time.time(), "phase": "fine-tune", "phase_index": 1, "phases": 2, "epoch": 5,
        "epochs": 8, "step": 20, "steps": 80, "loss": 1.234, "lr": 1e-4, "images_per_second": 812.0, "eta_seconds": 312.0,
        "best": 0.24,
    }  # fmt: skip
    return TrainingProgress(**values | changes)


def open_training(app: AppTest, **query: Any) -> AppTest:
    app.query_params.update(query)
    return run(go_to(app, "training"))


def headline(app: AppTest) -> str:
    return str(app.header[0].value).replace("\\", "")


def titles(app: AppTest) -> list[str]:
    return [json.loads(chart.proto.spec)["layout"]["title"]["text"] for chart in app.get("plotly_chart")]


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label.replace("\\", ""): metric.value for metric in app.metric}


def facts(app: AppTest) -> str:
    return " ".join(caption.value for caption in app.caption).replace("\\", "")
