"""``runs``: what there is."""

from __future__ import annotations

import argparse
from typing import Any

from emotion_core.cli.options import AddCommand
from emotion_core.results.files import strict_json
from emotion_core.results.find import checkpoints_folders, list_experiments, list_runs
from emotion_core.results.run import DamagedRun, Run


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    command("runs", _runs, "list the runs there are, by experiment").add_argument("--json", action="store_true")


def _runs(arguments: argparse.Namespace) -> int:
    runs = list_runs()
    if arguments.json:
        print(strict_json([_record(run) for run in runs], indent=2))
        return 0
    if not runs:
        folders = " or ".join(f"'{folder}'" for folder in checkpoints_folders())
        print(f"No runs in {folders}. Train one with 'python -m emotion_core train'.")
        return 0
    titles = {experiment.name: f"{experiment.title}. {experiment.question}".strip() for experiment in list_experiments()}
    width = max(len(run.name) for run in runs)
    above: str | None = None
    for run in runs:
        if run.experiment != above:
            print("" if above is None else "\n", end="")
            print(f"{run.experiment}: {titles.get(run.experiment, 'see below')}" if run.experiment else "Runs of no experiment")
            above = run.experiment
        for line in _lines(run):
            print(f"  {run.name:<{width}}  {line}")
    return 0


def _lines(run: Run | DamagedRun) -> list[str]:
    """What there is to say of a run, and of each evaluation that cannot be used."""
    if isinstance(run, DamagedRun):
        return [f"damaged. {run.reason}"]
    evaluations, unusable = run.read_evaluations()
    state = "" if run.info.finished else "unfinished, "
    weights = "with weights" if run.has_weights else "results only"
    results = ", ".join(f"{key} (collapsed)" if metrics.get("collapse") else key for key, metrics in evaluations.items())
    changed = f", {run.info.changed}" if run.info.changed else ""
    size = f", {run.info.input_size} px" if run.info.input_size else ""
    about = f"{run.info.role}{changed}; {run.info.backbone}{size}, {state}{weights}"
    return [f"{about}; {results or 'not evaluated'}", *(f"evaluation damaged. {reason}" for reason in unusable.values())]


def _record(run: Run | DamagedRun) -> dict[str, Any]:
    if isinstance(run, DamagedRun):
        return {"run": run.name, "experiment": run.experiment, "error": run.reason}
    evaluations, unusable = run.read_evaluations()
    info = run.info
    return {
        "run": run.name,
        "experiment": run.experiment,
        "role": info.role,
        "variant_of": info.variant_of,
        "changed": info.changed,
        "backbone": info.backbone,
        "weights": run.has_weights,
        "finished": info.finished,
        "evaluations": sorted(evaluations),
        "unusable": unusable,
    }
