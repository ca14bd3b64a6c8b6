"""How long do the questions of the page of scored pictures take on a table of ten million rows?

Run with ``python -m benchmarks.scored --rows 10000000``. The table is one file of drawn numbers under many names. A click
asks four questions. Printed are seconds by the clock and of all processors together, the latter for machines that do other
things as well. Exits with status 1 where a click takes more than 2 s by the clock, or more than 2 s a core.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from emotion_core.scoring.pool import cores
from emotion_core.scoring.query import ScoredTable, Selection
from emotion_core.scoring.store import shard_name
from tests.scoring.tables import faces, write_table

FILE = 125_000
SELECTIONS = {
    "all": Selection(),
    "fear, unsure": Selection(expressions=("fear",), stands=False),
    "a name": Selection(words="00042"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scored", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000, help="(default %(default)s)")
    rows = parser.parse_args(argv).rows
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name:
        folder = write_table(Path(name) / "table", faces(FILE))
        for number in range(1, -(-rows // FILE)):
            os.link(folder / "table" / shard_name(0), folder / "table" / shard_name(number))
        table = ScoredTable(folder)
        print(f"{table.rows:,} rows, {cores()} cores; s by the clock (s of all processors)")
        for words, selection in SELECTIONS.items():
            clock, processors, said = 0.0, 0.0, []
            for question, more in (("counts", ()), ("expressions", ()), ("plane", ()), ("examples", ("surest first",))):
                begun = time.perf_counter(), time.process_time()
                getattr(table, question)(selection, *more)
                spent = time.perf_counter() - begun[0], time.process_time() - begun[1]
                clock, processors = clock + spent[0], processors + spent[1]
                said.append(f"{question} {spent[0]:.2f} ({spent[1]:.2f})")
            print(f"{words}: {clock:.2f} ({processors:.2f}): {', '.join(said)}")
            slowest = max(slowest, min(clock, processors / cores()))
    return int(slowest > 2)


if __name__ == "__main__":
    sys.exit(main())
