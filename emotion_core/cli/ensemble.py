"""``ensemble``: several runs as one."""

from __future__ import annotations

import argparse

from emotion_core.cli.options import AddCommand, out_option
from emotion_core.results.find import find_run, out_folder


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    ensemble = command(
        "ensemble", _ensemble, "store the mean of evaluated runs as a run of its own; a classifier and a regressor become one"
    )
    ensemble.add_argument("runs", nargs="+", metavar="RUN", help="names of runs that were evaluated on the same split")
    out_option(ensemble)


def _ensemble(arguments: argparse.Namespace) -> int:
    from emotion_core.ensemble import combine
    from emotion_core.results.card import write_card

    run = combine([find_run(name) for name in arguments.runs], out_folder(arguments.out))
    write_card(run)
    print(f"{run.path}: mean of {len(run.info.training['members'])} runs on {', '.join(run.evaluations)}")
    return 0
