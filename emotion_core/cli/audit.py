"""``audit``: what is wrong with a dataset."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from emotion_core.cli.options import AddCommand, data_root, dataset_help, named_data_root
from emotion_core.results.files import strict_json

if TYPE_CHECKING:
    from emotion_core.data.between import Between
    from emotion_core.data.table import FaceTable


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    audit = command("audit", _audit, "look for broken, repeated and contradictory images in a dataset")
    audit.add_argument("dataset", metavar="DATASET", help=dataset_help())
    audit.add_argument("--data-root", metavar="DIR", help="folder that holds the datasets (default: EMOTION_DATA)")
    audit.add_argument(
        "--against",
        nargs="+",
        default=[],
        metavar="DATASET",
        help="say as well which photographs stand in these datasets too, however they were cut, lit or mirrored",
    )
    audit.add_argument("--json", action="store_true", help="print everything that was found, with all ids, as JSON")
    audit.add_argument("--store", action="store_true", help="keep it beside the runs, for the filters of the Errors page")


def _audit(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from emotion_core.data.audit import audit
    from emotion_core.data.audit_report import describe_audit
    from emotion_core.data.audit_tables import read_dataset
    from emotion_core.results.audits import write_audit

    table = read_dataset(arguments.dataset, named_data_root(arguments))
    others = [read_dataset(name, named_data_root(arguments)) for name in arguments.against]
    with tqdm(total=len(table), unit="image", disable=not sys.stderr.isatty()) as bar:
        found = audit(table, progress=bar.update)
    twins = _look_between(table, others) if others else []
    if arguments.store:
        print(f"stored in '{write_audit(found)}'", file=sys.stderr)
    human = _human_line(data_root(arguments)) if arguments.dataset == "ferplus" else None
    if arguments.json:
        print(
            strict_json(
                {**found.to_dict(), "human_agreement": human, "against": [each.to_dict() for each in twins]},
                indent=2,
                ensure_ascii=False,
            )
        )
        return 0
    print(describe_audit(found))
    if twins:
        from emotion_core.data.between import describe_between

        for each in twins:
            print(f"\n{describe_between(each)}")
    if human is not None:
        print(
            f"human agreement on the {human['images']:,} test images with a majority: one annotator against the others "
            f"{human['accuracy']:.3f}; Krippendorff's alpha over all ten {human['krippendorff_alpha']:.3f}"
        )
    return 0


def _look_between(table: FaceTable, others: list[FaceTable]) -> list[Between]:
    """Photographs that stand in other datasets too; only who asks for these waits for torch."""
    from tqdm import tqdm

    from emotion_core.data.between import audit_between

    total = sum(len(table) + len(other) for other in others)
    with tqdm(total=total, unit="image", disable=not sys.stderr.isatty()) as bar:
        return [audit_between(table, other, progress=bar.update) for other in others]


def _human_line(data_root: str) -> dict[str, float]:
    """How far the annotators of FER+ agree, on the images that networks are tested on."""
    from emotion_core.data.ferplus_votes import find_votes, vote_majority
    from emotion_core.metrics.human import human_line

    votes, _ = find_votes(data_root, on_error="skip")
    tested = [split == "test" and winner >= 0 for split, winner in zip(votes.split, vote_majority(votes.votes), strict=True)]
    return human_line(votes.votes[tested])
