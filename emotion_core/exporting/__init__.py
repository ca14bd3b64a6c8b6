"""Trained networks for other programs: a folder that needs nothing of ours."""

from __future__ import annotations

from emotion_core.exporting.bundle import TARGETS, export_run
from emotion_core.exporting.tracking import export_to_mlflow

__all__ = ["TARGETS", "export_run", "export_to_mlflow"]
