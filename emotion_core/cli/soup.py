"""``soup``: the mean of the weights of several trainings."""

from __future__ import annotations

import argparse

from emotion_core.cli.options import AddCommand, out_option
from emotion_core.results.find import find_run, out_folder


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    soup = command("soup", _soup, "average the weights of trainings from one start, such as other seeds, into a single network")
    soup.add_argument("runs", nargs="+", metavar="RUN", help="names of runs with weights, trained from the same start")
    out_option(soup)


def _soup(arguments: argparse.Namespace) -> int:
    from emotion_core.results.card import write_card
    from emotion_core.soup import average_weights

    run = average_weights([find_run(name) for name in arguments.runs], out_folder(arguments.out))
    write_card(run)
    print(f"{run.path}: mean of the weights of {len(run.info.training['averaged'])} runs")
    options = f"{arguments.out} --dataset {run.info.dataset.get('name', 'DATASET')}"
    first = "" if "val" in run.info.training_splits else f"calibrate {options}; then "
    print(f"next: {first}evaluate {options}")
    return 0
