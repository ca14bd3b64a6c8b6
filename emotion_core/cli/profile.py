"""``profile``: what a run costs."""

from __future__ import annotations

import argparse

from emotion_core.cli.options import AddCommand, device_option
from emotion_core.results.find import find_run


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    added = command(
        "profile", _profile, "measure milliseconds a face, multiply-adds and size of runs; store them with the runs"
    )
    added.add_argument("runs", nargs="+", metavar="RUN", help="names of runs with weights")
    device_option(added)


def _profile(arguments: argparse.Namespace) -> int:
    from emotion_core.profile import profile

    runs = [find_run(name) for name in arguments.runs]
    print("run                                 ms a face  in 32s     M mult-adds  M params      MB")
    for run in runs:
        cost = profile(run, device=arguments.device).info.timings
        print(
            f"{run.name:<36}{cost['ms_per_face']:>8.2f}{cost['ms_per_face_batch_32']:>8.2f}"
            f"{cost['multiply_adds_millions']:>16.1f}{cost['num_params_millions']:>10.2f}{cost['size_mb']:>8.2f}"
        )
    print(f"on {cost['measured_on']}")
    return 0
