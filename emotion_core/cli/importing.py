"""``import``: predictions of any network as a run."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emotion_core.cli.options import AddCommand, named_data_root
from emotion_core.errors import ConfigError, ResultsError
from emotion_core.results.files import strict_json

if TYPE_CHECKING:
    from emotion_core.importing import Prepared, Truth
    from emotion_core.results.run import Run

EPILOG = """\
The file is CSV, JSON lines, Parquet or NPZ, a row an image: its name, and a column of probabilities for each expression
(prob_happiness, Happy, happy_prob, …), or p0, p1, … with --classes, or the named expression alone, or valence and arousal.
Where the names of columns do not say what they are, it is asked for; --columns answers.

The truth comes from any run that was measured on the benchmark. With a column 'truth' in it, the file can make a benchmark of
its own. A network that knows fewer expressions is measured on the images of those, and 'compare' compares it with others on
the images that all can answer.

  python -m emotion_core import theirs.csv --benchmark affectnet-3999 --name theirs --source "https://…, version 1.2"
  python -m emotion_core import theirs.npz --benchmark affectnet-3999 --classes fer2013 --logits --columns image=files
  python -m emotion_core compare imported/theirs joint/custom_cnn
"""


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    imported = command("import", _import, "store predictions of any network as a run that is compared like ours")
    imported.epilog = EPILOG
    imported.add_argument("file", metavar="FILE", type=Path, help="CSV, JSON lines, Parquet or NPZ, a row an image")
    imported.add_argument(
        "--benchmark",
        required=True,
        metavar="NAME",
        help="such as affectnet-3999 (its test split) or ferplus-val, or a name for the file's own",
    )
    imported.add_argument(
        "--experiment", default="imported", metavar="NAME", help="that the run belongs to (default: imported)"
    )
    imported.add_argument("--name", metavar="NAME", help="of the run (default: that of the file)")
    imported.add_argument(
        "--columns", nargs="+", default=[], metavar="ROLE=COLUMN", help="what columns mean, such as image=file happiness=p3"
    )
    imported.add_argument(
        "--classes", metavar="LIST", help="expressions in the order of the outputs: fer2013, affectnet, …, or a list"
    )
    imported.add_argument("--logits", action="store_true", default=None, help="the columns of expressions are logits")
    imported.add_argument(
        "--affect-range",
        nargs=2,
        type=float,
        default=(-1.0, 1.0),
        metavar=("LOW", "HIGH"),
        help="of valence and arousal (default: -1 1)",
    )
    imported.add_argument(
        "--min-share",
        type=float,
        default=1.0,
        metavar="SHARE",
        help="of the images it could answer that need a prediction (default: 1, all)",
    )
    imported.add_argument("--anyway", action="store_true", help="store although something looks like a mistake")
    imported.add_argument("--replace", action="store_true", help="replace results that the run has on this benchmark")
    imported.add_argument("--dry-run", action="store_true", help="check only, store nothing")
    about = origin_options(imported)
    about.add_argument("--command", default="", metavar="TEXT", help="what made the predictions")
    about.add_argument("--backbone", default="", metavar="NAME")
    about.add_argument("--input-size", type=int, default=0, metavar="PX")
    about.add_argument("--num-params", type=int, default=0, metavar="N")
    imported.add_argument(
        "--data-root", metavar="DIR", help="folder that holds the datasets (default: EMOTION_DATA); not needed for most"
    )


def origin_options(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """What can be said of where a network comes from."""
    about = command.add_argument_group("said on the model card")
    about.add_argument("--source", default="", metavar="TEXT", help="where the network comes from, and its version")
    about.add_argument("--licence", default="", metavar="TEXT")
    about.add_argument("--trained-on", default="", metavar="TEXT")
    return about


def _import(arguments: argparse.Namespace) -> int:
    from emotion_core.importing import (
        ORIGIN,
        guess_columns,
        prepare,
        read_classes,
        read_results,
        store_results,
    )  # fmt: skip
    from emotion_core.importing.joining import HOW
    from emotion_core.results.find import checkpoints_folder

    table = read_results(arguments.file)
    columns = guess_columns(
        table,
        given=_given(arguments.columns),
        classes=read_classes(arguments.classes) if arguments.classes else (),
        logits=arguments.logits,
    )
    print(f"columns: {', '.join(f'{role}={column}' for role, column in columns.roles().items()) or 'none'}")
    if columns.unsure:
        raise ResultsError(f"{' '.join(columns.unsure)} Say it with --columns ROLE=COLUMN or --classes.")
    truth = _truth(arguments, bool(columns.truth or columns.true_affect))
    prepared = prepare(
        table,
        columns,
        truth,
        own="" if truth is not None else arguments.benchmark,
        min_share=arguments.min_share,
        affect_range=tuple(arguments.affect_range),
    )
    found = ", ".join(f"{count:,} {HOW[how]}" for how, count in prepared.matched.items() if count)
    print(f"{prepared.rows:,} rows, found {found}; {len(prepared.predictions):,} images of {prepared.truth.key} count")
    print_findings(prepared, arguments.anyway)
    if arguments.dry_run:
        return 0
    run = store_results(
        prepared,
        checkpoints_folder(),
        name=arguments.name or re.sub(r"[^\w.\-]+", "-", arguments.file.stem).strip("-."),
        experiment=arguments.experiment,
        network={name: getattr(arguments, name) for name in ("backbone", "input_size", "num_params")},
        origin={name: getattr(arguments, name, "") for name in ORIGIN},
        replace_old=arguments.replace,
    )
    print_stored(run, prepared)
    return 0


def print_stored(run: Run, prepared: Prepared) -> None:
    """Where a run was stored, and its main measures."""
    print(f"{run.name}: {strict_json(str(run.path), ensure_ascii=False)}")
    measures = run.evaluations[prepared.truth.key]["measures"]
    for name in ("accuracy", "balanced_accuracy", "ccc_valence", "ccc_arousal"):
        if name in measures and measures[name]["value"] is not None:
            print(f"{name:<20} {measures[name]['value']:6.3f}   {measures[name]['low']:.3f} to {measures[name]['high']:.3f}")


def print_findings(prepared: Prepared, anyway: bool) -> None:
    """What was noticed.

    Raises:
        ResultsError: something looks like a mistake, and nobody said that it is meant.
    """
    for finding in prepared.findings:
        print(f"{'doubt' if finding.doubt else 'note'}: {finding.text}")
    if prepared.doubts and not anyway:
        raise ResultsError("Nothing is stored. Mend what is wrong, or pass --anyway if it is meant.")


def _given(pairs: list[str]) -> dict[str, str]:
    given = {}
    for pair in pairs:
        role, equals, column = pair.partition("=")
        if not equals:
            raise ConfigError(f"'{pair}' is not ROLE=COLUMN, such as image=file.")
        given[role.strip()] = column
    return given


def _truth(arguments: argparse.Namespace, has_truth: bool) -> Truth | None:
    """The benchmark that is named; ``None`` where the file makes one of that name."""
    from emotion_core.importing import find_truth

    try:
        return find_truth(arguments.benchmark, named_data_root(arguments))
    except ResultsError:
        if has_truth:
            print(f"no benchmark '{arguments.benchmark}' is known: the file makes it", file=sys.stderr)
            return None
        raise
