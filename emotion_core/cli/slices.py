"""``slices``: for which images is a run worse?"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

from emotion_core.cli.options import AddCommand, data_options, dataset_help, named_data_root
from emotion_core.errors import CheckpointError
from emotion_core.results.files import strict_json
from emotion_core.results.find import find_run

if TYPE_CHECKING:
    from emotion_core.faces.face import FaceDetector


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    slices = command("slices", _slices, "accuracy by size, sharpness, light and pose of the face, or by columns of your own")
    slices.add_argument("runs", metavar="RUN", nargs="+", help="names of runs that were evaluated on this split")
    slices.add_argument("--dataset", required=True, help=dataset_help())
    slices.add_argument("--split", default="test", choices=("train", "val", "test"))
    slices.add_argument(
        "--by",
        nargs="+",
        default=[],
        metavar="COLUMN",
        help="face size, sharpness, brightness, colour, yaw, roll, or further columns of labels.csv (default: all)",
    )
    slices.add_argument("--json", action="store_true", help="print every number as JSON")
    data_options(slices)


def _slices(arguments: argparse.Namespace) -> int:
    import pandas as pd
    from tqdm import tqdm

    from emotion_core.data.datasets import load_dataset
    from emotion_core.inspection.accuracy_slices import accuracy_by_slice
    from emotion_core.inspection.attributes import cut_attributes, measure_attributes
    from emotion_core.results.attributes import write_attributes
    from emotion_core.results.card import write_card
    from emotion_core.results.slices import LEGEND, slice_rows, write_slices
    from emotion_core.results.summaries import read_predictions

    whole = load_dataset(arguments.dataset, named_data_root(arguments), on_error="skip" if arguments.skip_broken else "raise")
    evaluation = f"{whole.name}-{arguments.split}"
    runs = [find_run(name) for name in dict.fromkeys(arguments.runs)]
    for run in runs:
        if evaluation not in run.evaluations:
            raise CheckpointError(
                f"'{run.name}' was not evaluated on {evaluation}. Do so first: python -m emotion_core evaluate {run.name} "
                f"--dataset {arguments.dataset} --split {arguments.split}"
            )
    table = whole.split(arguments.split)
    detector = _detector(arguments.by)
    with tqdm(total=len(table), unit="image", disable=not sys.stderr.isatty()) as bar:
        attributes = measure_attributes(table, detector, by=arguments.by, progress=bar.update)
    cut = cut_attributes(attributes)
    if cut.empty:
        raise CheckpointError(f"All images of {evaluation} are alike in {', '.join(attributes.columns) or 'everything'}.")
    if not arguments.by:
        write_attributes(whole.name, arguments.split, attributes)
    found = {run.name: accuracy_by_slice(read_predictions(run, evaluation), cut) for run in runs}
    for run in runs:
        write_slices(run, evaluation, found[run.name])
        write_card(run)
    if arguments.json:
        content = {name: [asdict(each) for each in slices] for name, slices in found.items()}
        print(strict_json(content, indent=2))
        return 0
    for name, slices in found.items():
        print(f"{name} on {evaluation}\n\n{pd.DataFrame(slice_rows(slices)).to_string(index=False)}\n")
    print(LEGEND)
    return 0


def _detector(by: list[str]) -> FaceDetector | None:
    """Only where the size of a face or the pose of a head is asked for."""
    if by and not {"face size", "yaw", "roll"} & set(by):
        return None
    from emotion_core.faces.loading import load_detector

    return load_detector()
