"""``compare``: which run is better, and is the difference real."""

from __future__ import annotations

import argparse
import sys

from emotion_core.cli.options import AddCommand

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
    compare.add_argument("runs", nargs="+", metavar="RUN", help="names of evaluated runs")
    compare.add_argument("--baseline", metavar="RUN", help="show differences from this run")
    compare.add_argument("--on", metavar="DATASET-SPLIT", help="which evaluation (default: the first run's test split)")
    compare.add_argument("--measures", nargs="+", metavar="KEY", help="which measures, see below (default: the usual ones)")
    compare.add_argument("--reported", action="store_true", help="show what others reported on this dataset beside them")
    compare.add_argument("--format", choices=("text", "csv", "json", "markdown", "latex"), default="text")
    compare.add_argument("--json", action="store_const", const="json", dest="format", help="the same as --format json")


def _compare(arguments: argparse.Namespace) -> int:
    from emotion_core.compare import (
        USUAL,
        compare,
        comparison_table,
        find_entries,
        load_store,
        render_text,
        reported_entries,
    )  # fmt: skip
    from emotion_core.results.tables import export_table

    store = load_store()
    for problem in store.problems:
        print(f"Left out: {problem}", file=sys.stderr)
    names = list(dict.fromkeys([*arguments.runs, *([arguments.baseline] if arguments.baseline else [])]))
    entries = find_entries(store, names, evaluation=arguments.on)
    if arguments.reported:
        entries += reported_entries(entries[0].dataset)
    measures = arguments.measures or [key for key in USUAL if any(key in entry.measures for entry in entries)]
    comparison = compare(entries, measures, baseline=arguments.baseline)
    if arguments.format == "text":
        print(render_text(comparison, measures), end="")
    else:
        print(export_table(comparison_table(comparison, measures), arguments.format), end="")
    return 0
