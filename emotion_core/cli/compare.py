"""``compare``: which run is better, and is the difference real."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from emotion_core.cli.options import AddCommand
from emotion_core.errors import ConfigError

if TYPE_CHECKING:
    from emotion_core.compare import Store

MEASURES_HERE = "measures"
"""Stands for the list of measures until help is printed: their table takes longer to import than most commands do."""


class _Help(argparse.RawDescriptionHelpFormatter):
    def add_text(self, text: str | None) -> None:
        super().add_text(_list_measures() if text == MEASURES_HERE else text)


def _list_measures() -> str:
    from emotion_core.metrics.table import METRICS

    width = max(map(len, METRICS))
    lines = [f"  {key:<{width}}  {metric.header}: {metric.meaning}" for key, metric in METRICS.items()]
    return "\n".join(["measures (↑ higher is better, ↓ lower is better):", *lines])


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    compare = command("compare", _compare, "compare runs on the same images, with intervals and paired tests")
    compare.formatter_class, compare.epilog = _Help, MEASURES_HERE
    compare.add_argument("runs", nargs="*", metavar="RUN", help="names of evaluated runs; with --matrix, none means all")
    compare.add_argument(
        "--matrix", action="store_true", help="runs by datasets in one measure (default: balanced accuracy), see --measures"
    )
    compare.add_argument("--baseline", metavar="RUN", help="show differences from this run")
    compare.add_argument(
        "--margin", type=float, metavar="M",
        help="with --baseline: differences that are shown to be smaller count as practically the same (default: 0.01)",
    )  # fmt: skip
    compare.add_argument("--on", metavar="DATASET-SPLIT", help="which evaluation (default: the first run's test split)")
    compare.add_argument("--measures", nargs="+", metavar="KEY", help="which measures, see below (default: the usual ones)")
    compare.add_argument("--reported", action="store_true", help="show what others reported on this dataset beside them")
    compare.add_argument(
        "--format", choices=("text", "csv", "json", "markdown", "latex"), default="text",
        help="markdown and latex: a table with a caption, as it goes into a paper",
    )  # fmt: skip
    compare.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")


def _compare(arguments: argparse.Namespace) -> int:
    from emotion_core.compare import (
        MARGIN,
        USUAL,
        compare,
        comparison_table,
        find_entries,
        load_store,
        on_shared_images,
        render_text,
        reported_entries,
    )  # fmt: skip
    from emotion_core.compare.paper import PAPER_MEASURES, paper_table
    from emotion_core.results.tables import export_table

    store = load_store()
    for problem in store.problems:
        print(f"Left out: {problem}", file=sys.stderr)
    if arguments.matrix:
        return _matrix(arguments, store)
    if not arguments.runs:
        raise ConfigError("Which runs? Name at least one; 'python -m emotion_core runs' lists them.")
    names = list(dict.fromkeys([*arguments.runs, *([arguments.baseline] if arguments.baseline else [])]))
    entries, words = on_shared_images(find_entries(store, names, evaluation=arguments.on))
    if words:
        print(words, file=sys.stdout if arguments.format == "text" else sys.stderr)
    if arguments.reported:
        entries += reported_entries(entries[0].dataset)
    paper = arguments.format in ("markdown", "latex")
    usual = PAPER_MEASURES if paper else USUAL
    measures = arguments.measures or [key for key in usual if any(key in entry.measures for entry in entries)]
    margin = MARGIN if arguments.margin is None else arguments.margin
    comparison = compare(entries, measures, baseline=arguments.baseline, margin=margin)
    if arguments.format == "text":
        print(render_text(comparison, measures), end="")
    elif paper:
        print(paper_table(comparison, measures, arguments.format), end="")
    else:
        print(export_table(comparison_table(comparison, measures), arguments.format), end="")
    return 0


def _matrix(arguments: argparse.Namespace, store: Store) -> int:
    from emotion_core.compare.matrix import (
        MATRIX_MEASURE,
        generalisation_matrix,
        matrix_table,
        readable_matrix,
        render_matrix,
    )
    from emotion_core.results.tables import export_table

    for option, given in (("--baseline", arguments.baseline), ("--on", arguments.on), ("--reported", arguments.reported)):
        if given:
            raise ConfigError(f"--matrix shows runs on all of their datasets, so {option} says nothing to it. Leave it out.")
    measures = arguments.measures or [MATRIX_MEASURE]
    if len(measures) > 1:
        raise ConfigError(f"A matrix shows one measure, and {len(measures)} are named. Choose one.")
    matrix = generalisation_matrix(store.entries, names=arguments.runs, measure=measures[0])
    if arguments.format == "text":
        print(render_matrix(matrix), end="")
    else:
        table = matrix_table(matrix) if arguments.format in ("csv", "json") else readable_matrix(matrix)
        print(export_table(table, arguments.format), end="")
    return 0
