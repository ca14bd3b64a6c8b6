"""How does a network do on data from elsewhere? Runs by datasets: the headline of a network is its row, not one figure."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from emotion_core.compare.entries import Entry, known_names
from emotion_core.data.datasets import DATASETS, same_pictures
from emotion_core.data.identity import same_dataset
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.metrics.table import METRICS
from emotion_core.results.find import find_run
from emotion_core.results.run import Run

MATRIX_MEASURE = "balanced_accuracy"
"""What a matrix shows when nobody asks for another measure: datasets have other classes, and other mixes of them."""

TRAINED = "†"
"""Marks cells of datasets that the run was trained on."""

SOME = "‡"
"""Marks cells of runs that can answer some of the images alone."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One run on one dataset.

    Attributes:
        entry: the evaluation.
        value: of the measure.
        low: lower end of its 95 % interval over images; NaN where it is not known.
        high: upper end.
        trained_on: whether the run, or one that it started from or consists of, was trained on other images of this dataset, or
            on another dataset of the same pictures.
    """

    entry: Entry
    value: float
    low: float
    high: float
    trained_on: bool

    @property
    def text(self) -> str:
        """Value, interval and mark as people read them."""
        interval = f" [{self.low:.3f}, {self.high:.3f}]" if math.isfinite(self.low) and math.isfinite(self.high) else ""
        return f"{self.value:.3f}{interval}{f' {TRAINED}' if self.trained_on else ''}{f' {SOME}' if self.on_some else ''}"

    @property
    def on_some(self) -> bool:
        """Whether it counts some of the benchmark's images alone: those of the expressions that the run knows."""
        return self.entry.benchmark is not None and self.entry.fingerprint != self.entry.benchmark


@dataclass(frozen=True, kw_only=True)
class GeneralisationMatrix:
    """Runs by evaluations.

    Attributes:
        measure: key of what is measured.
        evaluations: ``<dataset>-<split>``, in the order of the table of datasets, then by name.
        rows: cells by evaluation, by name of the run; a run need not have all of them.
    """

    measure: str
    evaluations: tuple[str, ...]
    rows: Mapping[str, Mapping[str, Cell]]

    def worst(self, name: str) -> Cell | None:
        """The cell of the dataset that a run does worst on; ``None`` where it has fewer than two."""
        cells = list(self.rows[name].values())
        if len(cells) < 2:
            return None
        sign = 1 if METRICS[self.measure].better == "higher" else -1
        return min(cells, key=lambda cell: sign * cell.value)


def generalisation_matrix(
    entries: Sequence[Entry], *, names: Sequence[str] = (), measure: str = MATRIX_MEASURE
) -> GeneralisationMatrix:
    """Every run on every dataset that it was measured on: the test split, or the validation split where there is none.

    Args:
        entries: of a store.
        names: of the runs that are shown, in this order; by default all that were measured on two datasets at least.
        measure: a key of the table of measures.

    Raises:
        ConfigError: the measure is unknown, or no evaluation has it.
        CheckpointError: a run has no evaluation, or none was measured on two datasets.
    """
    if measure not in METRICS:
        raise ConfigError(f"There is no measure '{measure}'. Known: {', '.join(METRICS)}.")
    chosen = _one_split(entries)
    by_run: dict[str, list[Entry]] = {}
    for entry in chosen:
        by_run.setdefault(entry.name, []).append(entry)
    shown = list(dict.fromkeys(known_names(names, by_run))) or [name for name, mine in by_run.items() if len(mine) > 1]
    if not shown:
        raise CheckpointError("No run was measured on two datasets. Evaluate one on another dataset.")
    runs = {entry.name: entry.run for entry in entries if entry.run is not None}
    rows = {name: _row(by_run[name], measure, runs) for name in shown}
    if not any(rows.values()):
        raise ConfigError(
            f"None of these evaluations has the measure '{measure}'. One that is newer than an evaluation is computed with "
            "'python -m emotion_core remeasure RUN'."
        )
    datasets = {evaluation: cell.entry.dataset for row in rows.values() for evaluation, cell in row.items()}
    order = [*DATASETS, *sorted(set(datasets.values()) - set(DATASETS))]
    evaluations = tuple(sorted(datasets, key=lambda name: order.index(datasets[name])))
    return GeneralisationMatrix(measure=measure, evaluations=evaluations, rows=rows)


def trained_on(run: Run, known: Mapping[str, Run] | None = None) -> frozenset[str]:
    """Names of the datasets that a run was trained on, and those that the runs it started from or consists of were.

    Args:
        run: which.
        known: runs by name that are looked at before the folder of runs; runs that are in neither are passed over.
    """
    found: set[str] = set()
    seen: set[str] = set()
    todo = [run]
    while todo:
        info = todo.pop().info
        named = [
            info.dataset.get("name"),
            info.dataset.get("content"),
            *(source.get("dataset") for source in info.dataset.get("sources", ())),
        ]
        found |= {name for name in named if isinstance(name, str)}
        for name in {info.init, *info.members, *info.averaged} - {"scratch", "imagenet"} - seen:
            seen.add(name)
            with contextlib.suppress(CheckpointError):
                todo.append((known or {}).get(name) or find_run(name))
    return frozenset(found)


def _one_split(entries: Sequence[Entry]) -> list[Entry]:
    """Measured entries on the test split, and on the validation split of datasets that nobody was tested on."""
    measured = [entry for entry in entries if entry.kind == "measured"]
    tested = {entry.dataset for entry in measured if entry.split == "test"}
    return [entry for entry in measured if entry.split == ("test" if entry.dataset in tested else "val")]


def _row(entries: Sequence[Entry], measure: str, runs: Mapping[str, Run]) -> dict[str, Cell]:
    row = {}
    for entry in entries:
        found = entry.measures.get(measure)
        if found is None or not math.isfinite(found.value):
            continue
        datasets = frozenset() if entry.run is None else trained_on(entry.run, runs)
        row[entry.evaluation] = Cell(
            entry=entry,
            value=found.value,
            low=math.nan if found.low is None else found.low,
            high=math.nan if found.high is None else found.high,
            trained_on=any(same_pictures(name, entry.dataset) or same_dataset(name, entry.dataset) for name in datasets),
        )
    return row


def matrix_table(matrix: GeneralisationMatrix) -> pd.DataFrame:
    """Every number in a column of its own, a row a cell: ``run, dataset, split, images, measure, value, low, high, trained_on,
    worst``.
    """
    rows: list[dict[str, Any]] = []
    for name, row in matrix.rows.items():
        worst = matrix.worst(name)
        for evaluation in matrix.evaluations:
            if (cell := row.get(evaluation)) is not None:
                rows.append(
                    {
                        "run": name,
                        "dataset": cell.entry.dataset,
                        "split": cell.entry.split,
                        "images": cell.entry.images,
                        "measure": matrix.measure,
                        "value": cell.value,
                        "low": cell.low,
                        "high": cell.high,
                        "trained_on": cell.trained_on,
                        "worst": cell is worst,
                    }
                )
    return pd.DataFrame(rows)


def readable_matrix(matrix: GeneralisationMatrix) -> pd.DataFrame:
    """As people read it: a row a run, a column an evaluation, and last the dataset that the run does worst on."""
    rows = []
    for name, row in matrix.rows.items():
        worst = matrix.worst(name)
        cells = {key: row[key].text if key in row else "" for key in matrix.evaluations}
        rows.append({"run": name, **cells, "worst on": "" if worst is None else worst.entry.evaluation})
    return pd.DataFrame(rows)


def matrix_legend(matrix: GeneralisationMatrix) -> str:
    """What the cells are, in a sentence or two."""
    words = f"{METRICS[matrix.measure].title.capitalize()}, [..] its 95 % interval over images."
    if any(cell.trained_on for row in matrix.rows.values() for cell in row.values()):
        words += f" {TRAINED} trained on other images of this dataset."
    if any(cell.on_some for row in matrix.rows.values() for cell in row.values()):
        words += f" {SOME} on the images that the run can answer alone, which are not all."
    return words


def render_matrix(matrix: GeneralisationMatrix) -> str:
    """The matrix for a terminal."""
    table = readable_matrix(matrix)
    widths = [max(len(str(text)) for text in (name, *table[name])) for name in table.columns]
    lines = [
        "  ".join(f"{text!s:<{width}}" for text, width in zip(cells, widths, strict=True)).rstrip()
        for cells in (list(table.columns), *table.itertuples(index=False))
    ]
    return "\n".join([*lines, "", matrix_legend(matrix)]) + "\n"
