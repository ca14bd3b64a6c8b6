"""``reviews``: what people say about images."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from emotion_core.cli.options import AddCommand
from emotion_core.data.identity import same_dataset
from emotion_core.errors import ConfigError


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    reviews = command("reviews", _reviews, "sum up what people say about images, or write it out as CSV")
    reviews.add_argument("--dataset", help="only this dataset")
    reviews.add_argument("--csv", metavar="FILE", help="write every review into this file, '-' for the terminal")


def _reviews(arguments: argparse.Namespace) -> int:
    from emotion_core.results.reviews import ReviewStore

    with ReviewStore() as store:
        if arguments.csv is not None:
            _write(store.to_csv(arguments.dataset), arguments.csv)
            return 0
        known = store.datasets()
        if arguments.dataset is not None:
            known = [name for name in known if same_dataset(name, arguments.dataset)]
        if not known:
            which = f" of '{arguments.dataset}'" if arguments.dataset else ""
            print(f"No reviews{which} in {store.place}. The Errors page is where they are given.")
        for name in known:
            latest, verdicts = store.latest(name), store.verdicts(name)
            print(
                f"{name}: {len(verdicts):,} images reviewed by {latest['reviewer'].nunique():,} people; "
                f"reviewers of {int(verdicts['conflict'].sum()):,} images differ"
            )
            for verdict, number in verdicts["verdict"].value_counts().items():
                print(f"  {verdict:<12} {number:>7,}")
            if undecided := int(verdicts["verdict"].isna().sum()):
                print(f"  {'undecided':<12} {undecided:>7,}")
    return 0


def _write(text: str, place: str) -> None:
    if place == "-":
        sys.stdout.write(text)
        return
    try:
        # Spreadsheets take a file for UTF-8 only when it says so, and for CSV whichever way its lines end.
        Path(place).write_text(text, encoding="utf-8-sig", newline="")
    except OSError as error:
        raise ConfigError(f"'{place}' cannot be written ({error.strerror}). Name another file with --csv.") from error
    print(f"{place}: written", file=sys.stderr)
