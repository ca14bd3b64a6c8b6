"""``map``: which faces look alike to a network?"""

from __future__ import annotations

import argparse
import sys

from emotion_core.cli.options import AddCommand, data_options, dataset_help, device_option, named_data_root
from emotion_core.results.find import find_run


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    added = command("map", _map, "a map of what a run sees: features of a split in two dimensions, for the page 'Feature map'")
    added.add_argument("run", metavar="RUN", help="run folder, or name of a run; evaluated on this split before")
    added.add_argument("--dataset", required=True, help=dataset_help())
    added.add_argument("--split", default="test", choices=("train", "val", "test"))
    added.add_argument("--method", choices=("pacmap", "pca"), help="how it is laid out (pacmap where it is installed)")
    added.add_argument("--seed", type=int, default=0, metavar="N", help="of the layout (0)")
    data_options(added)
    device_option(added)


def _map(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from emotion_core.explain.feature_map import map_split

    run = find_run(arguments.run)
    with tqdm(unit="image", disable=not sys.stderr.isatty()) as bar:

        def progress(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        found = map_split(
            run, arguments.dataset, named_data_root(arguments), split=arguments.split, method=arguments.method,
            device=arguments.device, seed=arguments.seed, progress=progress,
        )  # fmt: skip
    print(
        f"{run.name} on {arguments.dataset}, {arguments.split} split: {len(found.rows):,} faces by {found.method}, from "
        f"{len(found.axes)} principal components that hold {found.kept:.3f} of the variance; {found.about['seconds']} s"
    )
    return 0
