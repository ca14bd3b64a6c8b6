"""``runs``: what there is."""

from __future__ import annotations

import argparse
import json

from emotion_core.cli.options import AddCommand
from emotion_core.results.find import checkpoints_folder, list_runs
from emotion_core.results.run import DamagedRun


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    command("runs", _runs, "list the runs there are").add_argument("--json", action="store_true")


def _runs(arguments: argparse.Namespace) -> int:
    runs = list_runs()
    if arguments.json:
        rows = [
            {"run": run.name, "error": run.reason}
            if isinstance(run, DamagedRun)
            else {"run": run.name, "backbone": run.info.backbone, "weights": run.has_weights, "finished": run.info.finished,
                  "evaluations": sorted(run.evaluations)}
            for run in runs
        ]  # fmt: skip
        print(json.dumps(rows, indent=2))
        return 0
    if not runs:
        print(f"No runs in '{checkpoints_folder()}'. Train one with 'python -m emotion_core train'.")
    for run in runs:
        if isinstance(run, DamagedRun):
            print(f"{run.name}: damaged. {run.reason}")
            continue
        state = "finished" if run.info.finished else "unfinished"
        weights = "with weights" if run.has_weights else "results only"
        results = ", ".join(
            f"{key} (collapsed)" if metrics.get("collapse") else key for key, metrics in run.evaluations.items()
        )
        results = results or "not evaluated"
        print(f"{run.name}: {run.info.backbone}, {run.info.input_size} px, {state}, {weights}, {results}")
    return 0
