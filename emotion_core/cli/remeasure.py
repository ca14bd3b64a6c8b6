"""``remeasure``: the measures of stored evaluations, computed again."""

from __future__ import annotations

import argparse
import sys
from functools import cache
from typing import TYPE_CHECKING

from emotion_core.cli.options import AddCommand, named_data_root
from emotion_core.errors import ConfigError, EmotionCoreError
from emotion_core.results.find import find_run, list_runs
from emotion_core.results.run import Run

if TYPE_CHECKING:
    from emotion_core.remeasure import FindLeaked, Remeasured

SHOWN = 10
"""Changed numbers of an evaluation that are printed."""


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    remeasure = command(
        "remeasure", _remeasure, "compute the measures of stored evaluations again from their predictions, weights or not"
    )
    remeasure.add_argument("runs", nargs="*", metavar="RUN", help="run folders, or names of runs")
    remeasure.add_argument("--all", action="store_true", help="every run there is")
    remeasure.add_argument(
        "--data-root",
        metavar="DIR",
        help="look again for images that also stand in the training split, in the datasets of this folder (default: "
        "EMOTION_DATA; without either, those that an evaluation names)",
    )
    remeasure.add_argument("--dry-run", action="store_true", help="compare only, write nothing")


def _remeasure(arguments: argparse.Namespace) -> int:
    from emotion_core.remeasure import remeasure
    from emotion_core.results.card import write_card

    if bool(arguments.runs) == arguments.all:
        raise ConfigError("Which runs? Name some, or pass --all.")
    root = named_data_root(arguments)
    find_leaked = None if root is None else _finder(root)
    done: list[Remeasured] = []
    failed = 0
    runs = [found for found in list_runs() if isinstance(found, Run)] if arguments.all else map(find_run, arguments.runs)
    for run in tuple(runs):
        before = len(done)
        for evaluation in [stored.key for stored in run.stored_evaluations()]:
            try:
                done.append(remeasure(run, evaluation, find_leaked=find_leaked, store=not arguments.dry_run))
                _print(done[-1])
            except EmotionCoreError as error:
                failed += 1
                print(f"Error: {error}", file=sys.stderr)
        if len(done) > before and not arguments.dry_run:
            write_card(run)
    _print_sum(done)
    return 1 if failed else 0


def _finder(data_root: str) -> FindLeaked:
    """Looks for images that a run was trained on, once for all runs that were trained on the same splits."""
    from emotion_core.data.datasets import load_dataset
    from emotion_core.data.table import FaceTable
    from emotion_core.results.measured import leaked_images

    @cache
    def read(dataset: str) -> FaceTable | None:
        try:
            return load_dataset(dataset, data_root, on_error="skip")
        except EmotionCoreError as error:
            print(f"Leaked images of '{dataset}' are not looked for: {error}", file=sys.stderr)
            return None

    found: dict[tuple[str, str, tuple[str, ...]], frozenset[str]] = {}

    def find(run: Run, dataset: str, split: str) -> frozenset[str] | None:
        key = dataset, split, run.info.training_splits
        if key not in found:
            whole = read(dataset)
            if whole is None:
                return None
            found[key] = leaked_images(run, whole, split)
        return found[key]

    return find


def _print(found: Remeasured) -> None:
    new = f", {len(found.new)} new" if found.new else ""
    gone = f", gone: {', '.join(found.gone)}" if found.gone else ""
    print(f"{found.run} on {found.evaluation}: {found.same} the same, {len(found.changed)} changed{new}{gone}")
    for change in found.changed[:SHOWN]:
        print(f"  {change.place}: {_number(change.before)} was stored, {_number(change.after)} is computed")
    if len(found.changed) > SHOWN:
        print(f"  and {len(found.changed) - SHOWN} more")
    if found.leaks_unknown:
        print("  figures without leaked images stay as they are: which images these are is found with --data-root")


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:.6f}"


def _print_sum(done: list[Remeasured]) -> None:
    from emotion_core.metrics.table import METRICS

    same, changed = sum(found.same for found in done), sum(len(found.changed) for found in done)
    new = dict.fromkeys(METRICS[name].title for found in done for name in found.new)
    print(
        f"{len(done):,} evaluation{'' if len(done) == 1 else 's'}: of {same + changed:,} stored numbers {same:,} are the same, "
        f"{changed:,} changed" + (f"; new: {', '.join(new)}" if new else "")
    )
