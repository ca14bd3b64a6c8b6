"""Questions to a scored table of any length: DuckDB reads the columns that a question needs from the table's files.

Tables come from outside. Their files are checked before the first question; DuckDB may read these files and nothing else, in
bounded memory; text is cut, numbers that are none are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from emotion_core.errors import ConfigError, ScoringError
from emotion_core.labels import EXPRESSIONS
from emotion_core.scoring.places import Place
from emotion_core.scoring.store import MANIFEST, TABLE, Manifest, read_manifest
from emotion_core.scoring.table import FIELDS

MEMORY = "1GB"
LONGEST = 400
"""Characters of a name or a reason that are shown."""

BINS = 50
"""Cells of the plane of valence and arousal a side."""

MOST_EXPORTED = 1_000_000
"""Rows of an exported selection."""

ORDERS = {
    "surest first": "prob DESC",
    "least sure first": "prob ASC",
    "largest first": "face_width * face_height DESC",
    "most pleasant first": "valence DESC",
    "least pleasant first": "valence ASC",
    "most active first": "arousal DESC",
    "calmest first": "arousal ASC",
    "as listed": "file_row_number ASC",
}
"""Orders of examples, and what they sort by; ties are in the order of the list."""

_NAME = re.compile(r"faces-\d{5,}\.parquet")


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which faces a question is about; all by default.

    Attributes:
        expressions: the most probable one is one of these.
        stands: whether the verdict stands; ``None`` for both.
        confidence: probability of the most probable expression, from and to.
        valence: from and to.
        arousal: from and to.
        smallest: longer side of the face, px.
        words: that the picture's name contains.
    """

    expressions: tuple[str, ...] = ()
    stands: bool | None = None
    confidence: tuple[float, float] = (0.0, 1.0)
    valence: tuple[float, float] = (-1.0, 1.0)
    arousal: tuple[float, float] = (-1.0, 1.0)
    smallest: int = 0
    words: str = ""

    def condition(self) -> tuple[str, list[Any]]:
        """As SQL with its parameters."""
        said, values = ["face IS NOT NULL"], list[Any]()
        if self.expressions:
            said.append(f"expression IN ({', '.join('?' * len(self.expressions))})")
            values += self.expressions
        if self.stands is not None:
            said.append("stands = ?")
            values.append(self.stands)
        for column, chosen, least in (
            ("prob", self.confidence, 0.0),
            ("valence", self.valence, -1.0),
            ("arousal", self.arousal, -1.0),
        ):
            if chosen != (least, 1.0):
                said.append(f"{column} BETWEEN ? AND ?")
                values += chosen
        if self.smallest > 0:
            said.append("greatest(face_width, face_height) >= ?")
            values.append(self.smallest)
        if self.words:
            said.append("(contains(lower(source), lower(?)) OR contains(lower(key), lower(?)))")
            values += [self.words, self.words]
        return " AND ".join(said), values


class ScoredTable:
    """A scored folder, opened to read.

    Args:
        folder: with ``manifest.json`` and ``table/``.

    Raises:
        ScoringError: it is no scored folder, or a file of its table is not what it should be.
        ConfigError: DuckDB is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import duckdb
        except ImportError as error:
            raise ConfigError("Scored tables are read by a further package: pip install duckdb.") from error
        self.folder = folder
        self.manifest: Manifest = read_manifest(Place(str(folder)))
        self.files = [path for path in sorted((folder / TABLE).glob("faces-*.parquet")) if _NAME.fullmatch(path.name)]
        if not self.files:
            raise ScoringError(f"'{folder}' holds no finished part of a table yet: wait for the first, or let 'score' go on.")
        self.rows = sum(_check(path, folder) for path in self.files)
        self._raised: type[Exception] = duckdb.Error
        self._connection: Any = duckdb.connect(":memory:")
        for setting in (
            f"memory_limit = '{MEMORY}'",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            f"allowed_paths = [{', '.join(_quoted(path) for path in self.files)}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET {setting}")
        paths = ", ".join(_quoted(path) for path in self.files)
        self._connection.execute(
            f"CREATE VIEW faces AS SELECT * FROM read_parquet([{paths}], file_row_number = true, filename = true)"
        )

    def counts(self, selection: Selection) -> tuple[int, int]:
        """How many faces there are, and of how many the verdict stands."""
        where, values = selection.condition()
        found = self._ask(f"SELECT count(*), count(*) FILTER (stands) FROM faces WHERE {where}", values)
        one, two = found.to_numpy(dtype=np.int64)[0]
        return int(one), int(two)

    def expressions(self, selection: Selection) -> dict[str, int]:
        """Faces by their most probable expression."""
        where, values = selection.condition()
        found = self._ask(f"SELECT expression, count(*) FROM faces WHERE {where} GROUP BY expression", values)
        counts = dict(zip(map(str, found.iloc[:, 0]), map(int, found.iloc[:, 1]), strict=True))
        return {name: counts.get(name, 0) for name in EXPRESSIONS}

    def plane(self, selection: Selection) -> npt.NDArray[np.float64]:
        """Faces in each cell of the plane, ``(BINS, BINS)``: arousal by row from below, valence by column."""
        where, values = selection.condition()
        density = np.zeros(BINS * BINS, dtype=np.int64)
        question = f"SELECT valence, arousal FROM faces WHERE {where} AND isfinite(valence) AND isfinite(arousal)"
        # Counting in NumPy takes a tenth of the time that grouping by cells does.
        for some in self._batches(question, values):
            valence, arousal = (
                (np.asarray(some.column(axis)).clip(-1, 1) + 1) * np.float32(BINS / 2) for axis in ("valence", "arousal")
            )
            cells = arousal.astype(np.int16).clip(max=BINS - 1) * BINS + valence.astype(np.int16).clip(max=BINS - 1)
            density += np.bincount(cells, minlength=BINS * BINS)
        return density.reshape(BINS, BINS).astype(np.float64)

    def examples(self, selection: Selection, order: str, *, start: int = 0, count: int = 24) -> pd.DataFrame:
        """Rows of some faces.

        Args:
            selection: of which faces.
            order: a key of :data:`ORDERS`.
            start: how many to leave out.
            count: how many.

        Returns:
            ``source``, ``key``, ``frame``, ``time``, ``face``, the box, ``expression``, ``prob``, ``stands``, ``valence``,
            ``arousal``.
        """
        where, values = selection.condition()
        column, _, way = ORDERS[order].rpartition(" ")
        place = "filename, file_row_number"
        first, more = "", ""
        if column != "file_row_number":
            # Sorting one column to find where the page ends, and then what lies above, costs a fraction of sorting all of them.
            end = self._ask(
                f"SELECT {column} AS by FROM faces WHERE {where} AND {column} IS NOT NULL ORDER BY 1 {way} LIMIT 1 OFFSET ?",
                [*values, start + count - 1],
            )
            first = f"{column} {way} NULLS LAST, "
            if len(end):
                kind = "DOUBLE" if "*" in column else "FLOAT"
                more = f" AND {column} {'>=' if way == 'DESC' else '<='} ?::{kind}"
                values = [*values, float(end["by"].to_numpy(dtype=np.float64)[0])]
        return self._ask(
            f'SELECT left(source, 4096) AS source, left("key", 4096) AS "key", frame, time, face, "left", top, face_width, '
            "face_height, left(expression, 40) AS expression, prob, stands, valence, arousal "
            f"FROM faces WHERE {where}{more} ORDER BY {first}{place} LIMIT {int(count)} OFFSET {int(start)}",
            values,
        )

    def unread(self, *, most: int = 200) -> pd.DataFrame:
        """What could not be read and why, the first so many: ``source``, ``key`` and ``error``."""
        return self._ask(
            f'SELECT left(source, {LONGEST}) AS source, left("key", {LONGEST}) AS "key", left(error, {LONGEST}) AS error '
            f"FROM faces WHERE error IS NOT NULL ORDER BY filename, file_row_number LIMIT {int(most)}",
            [],
        )

    def outcome(self) -> tuple[int, int]:
        """How many pictures have no face, and how many could not be read."""
        [row] = self._ask("SELECT count(*) FILTER (face IS NULL AND error IS NULL), count(error) FROM faces", []).itertuples(
            index=False
        )
        return int(row[0]), int(row[1])

    def export(self, selection: Selection, columns: Sequence[str] | None = None) -> pa.Table:
        """The selected faces, :data:`MOST_EXPORTED` at most, in the order of the list.

        Args:
            selection: of which faces.
            columns: names of columns; all but heat maps by default.
        """
        where, values = selection.condition()
        names = ", ".join(f'"{name}"' for name, _ in FIELDS if columns is None or name in columns)
        question = f"SELECT {names} FROM faces WHERE {where} ORDER BY filename, file_row_number LIMIT {MOST_EXPORTED}"
        try:
            return self._connection.cursor().sql(question, params=values).to_arrow_table()
        except self._raised as error:
            raise self._failed(error) from error

    def _ask(self, question: str, values: Sequence[Any]) -> pd.DataFrame:
        try:
            # A cursor of its own: visitors share the table.
            found: pd.DataFrame = self._connection.cursor().execute(question, list(values)).df()
        except self._raised as error:
            raise self._failed(error) from error
        return found

    def _batches(self, question: str, values: Sequence[Any]) -> Iterator[pa.RecordBatch]:
        """An answer of any length, in parts."""
        try:
            yield from self._connection.cursor().sql(question, params=list(values)).to_arrow_reader(1_000_000)
        except self._raised as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> ScoringError:
        reason = (str(error).splitlines() or ["?"])[0][:LONGEST]
        return ScoringError(f"The table in '{self.folder}' cannot be read ({reason}). 'score' makes damaged files again.")


def _check(path: Path, folder: Path) -> int:
    """Rows of a file of a table, whose columns have the names and types that they should."""
    try:
        if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
            raise ValueError("it is a link, or no file")
        with pq.ParquetFile(path) as file:
            form, rows = file.schema_arrow, int(file.metadata.num_rows)
        for name, kind in FIELDS:
            if name not in form.names:
                raise ValueError(f"it has no column '{name}'")
            if form.field(name).type != kind and not _is_text(form.field(name).type, kind):
                raise ValueError(f"its column '{name}' is of type {form.field(name).type}")
    except (OSError, ValueError, pa.ArrowException) as error:
        reason = (str(error).splitlines() or ["?"])[0][:LONGEST].rstrip(".")
        raise ScoringError(f"'{path}' is no part of a scored table ({reason}). 'score' makes damaged files again.") from error
    return rows


def _is_text(kind: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether words are stored as plain text where a dictionary is usual."""
    return bool(pa.types.is_dictionary(wanted) and pa.types.is_string(kind))


def _quoted(path: Path) -> str:
    return "'" + str(path.absolute()).replace("'", "''") + "'"


def find_tables(root: Path, *, most: int = 200) -> list[Path]:
    """Scored folders in a folder, and in the folders in it, by name.

    Args:
        root: where to look.
        most: that are given.
    """
    try:
        found = {path.parent for pattern in (MANIFEST, f"*/{MANIFEST}", f"*/*/{MANIFEST}") for path in root.glob(pattern)}
        return sorted(path for path in found if (path / TABLE).is_dir())[:most]
    except OSError:
        return []
