"""Trained networks for other programs: a folder that needs nothing of ours."""

from __future__ import annotations

from emotion_core.exporting.bundle import TARGETS, export_run

__all__ = ["TARGETS", "export_run"]
