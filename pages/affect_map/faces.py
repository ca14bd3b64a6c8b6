"""What the affect map draws: predictions of one or two runs on the same faces, and faces of this session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from emotion_core.compare import Entry
from emotion_core.errors import CheckpointError
from emotion_core.figures.affect_map.planes import Diamond
from emotion_core.inspection.affect import AFFECT_COLUMNS, QUARTERS, join_runs, predicted_expressions, quarter_of
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.collapse import find_collapse
from emotion_core.results.run import Run
from emotion_core.results.summaries import read_predictions
from emotion_core.texts import shorten, signed
from pages.affect_map.controls import EVERYWHERE, MapChoice

if TYPE_CHECKING:
    from emotion_core.predict import Prediction


@dataclass(frozen=True, kw_only=True)
class Faces:
    """Faces with predictions of every chosen run. Shared by all visitors: never change a table in place.

    Attributes:
        table: from :func:`~emotion_core.inspection.affect.join_runs`.
        ids: of all images that the runs share, sorted as on the page of errors, those left out among them.
        places: position of each row of the table among them.
        left_out: how many images of the first run lack a true or a predicted value.
        collapse: by run, why its valence or arousal counts as collapsed.
    """

    table: pd.DataFrame
    ids: npt.NDArray[np.object_]
    places: npt.NDArray[np.int64]
    left_out: int
    collapse: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, kw_only=True)
class ChosenFaces:
    """The faces that the filters leave.

    Attributes:
        table: all faces.
        rows: positions of the chosen ones, shape ``(N,)``.
        ids: of all images, sorted.
        places: position of each row of the table among them, shape ``(len(table),)``.
        entries: one or two evaluations, in the order of the table's columns.
        key: names files, their times and the filters: the same key means the same faces.
    """

    table: pd.DataFrame
    rows: npt.NDArray[np.int64]
    ids: npt.NDArray[np.object_]
    places: npt.NDArray[np.int64]
    entries: tuple[Entry, ...]
    key: tuple[Any, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the runs."""
        return tuple(entry.name for entry in self.entries)

    @property
    def faces(self) -> pd.DataFrame:
        """Rows of the chosen ones."""
        return self.table.iloc[self.rows]


def load_faces(entries: Sequence[Entry]) -> Faces:
    """Read the predictions of one or two entries, once a server.

    Raises:
        CheckpointError: predictions are missing or damaged.
    """
    runs = [entry.run for entry in entries if entry.run is not None]
    evaluation = entries[0].evaluation
    return _load(
        tuple(str(run.path) for run in runs), evaluation, tuple(run.evaluation(evaluation).stamp() for run in runs), runs
    )


def load_expressions(entry: Entry) -> pd.Series:
    """The most probable expression by ``sample_id``; empty when the run predicts none.

    Raises:
        CheckpointError: predictions are missing or damaged.
    """
    assert entry.run is not None  # noqa: S101 - only measured entries come here
    return _load_expressions(str(entry.run.path), entry.evaluation, entry.run.evaluation(entry.evaluation).stamp(), entry.run)


def choose_faces(faces: Faces, shown: MapChoice) -> ChosenFaces:
    """Apply the filters."""
    table = faces.table
    keep = np.ones(len(table), dtype=bool)
    if shown.expressions:
        keep &= table["expression"].isin(shown.expressions).to_numpy()
    if shown.region != EVERYWHERE:
        keep &= quarter_of(table["valence"], table["arousal"]) == QUARTERS.index(shown.region)
    files = tuple((str(entry.run.path), entry.run.evaluation(entry.evaluation).stamp()) for entry in shown.entries if entry.run)
    return ChosenFaces(
        table=table,
        rows=np.flatnonzero(keep),
        ids=faces.ids,
        places=faces.places,
        entries=shown.entries,
        key=(files, shown.entries[0].evaluation, shown.expressions, shown.region),
    )


def session_diamonds() -> list[tuple[str, Diamond]]:
    """Faces that the Predict page has read in this session: name of the run, and where to draw it."""
    predictions: Mapping[tuple[str, bool, str], Prediction] = st.session_state.get("readings", {})
    names = {upload.digest: upload.name for upload in st.session_state.get("uploads", [])}
    diamonds = []
    for (digest, _, run), prediction in predictions.items():
        for number, reading in enumerate(prediction.readings):
            if reading.valence is None or reading.arousal is None:
                continue
            several = f", face {number + 1}" if len(prediction.readings) > 1 else ""
            said = f"valence {signed(reading.valence)}, arousal {signed(reading.arousal)}"
            diamonds.append(
                (
                    run,
                    Diamond(
                        name=f"{shorten(names.get(digest, prediction.photo.name), 24)}{several}",
                        valence=float(np.clip(reading.valence, -1, 1)),
                        arousal=float(np.clip(reading.arousal, -1, 1)),
                        expression=reading.expression,
                        hover=f"read by {run}: {reading.expression or 'no expression'}\n{said}",
                    ),
                )
            )
    return diamonds


@st.cache_resource(show_spinner="Reading predictions …", max_entries=8)
def _load(paths: tuple[str, ...], evaluation: str, stamps: tuple[tuple[int, int], ...], _runs: Sequence[Run]) -> Faces:
    tables = [read_predictions(run, evaluation, list(AFFECT_COLUMNS)) for run in _runs]
    joined = join_runs(tables)
    unsaid = {f"prob_{name}": np.nan for name in EXPRESSIONS}
    try:
        # Without probabilities only valence and arousal are judged.
        collapse = {run.name: tuple(find_collapse(table.assign(**unsaid))) for run, table in zip(_runs, tables, strict=True)}
    except ValueError as error:
        names = " and ".join(f"'{run.name}'" for run in _runs)
        raise CheckpointError(f"The predictions of {names} on '{evaluation}' are damaged ({error}). Evaluate again.") from error
    shared = pd.Index(tables[0]["sample_id"].astype(object))
    for table in tables[1:]:
        shared = shared.intersection(pd.Index(table["sample_id"].astype(object)))
    shared = shared.sort_values()
    return Faces(
        table=joined,
        ids=shared.to_numpy(dtype=object),
        places=shared.get_indexer(pd.Index(joined["sample_id"].astype(object))).astype(np.int64),
        left_out=len(tables[0]) - len(joined),
        collapse=collapse,
    )


@st.cache_resource(show_spinner=False, max_entries=8)
def _load_expressions(path: str, evaluation: str, stamp: tuple[int, int], _run: Run) -> pd.Series:
    columns = [f"prob_{name}" for name in EXPRESSIONS]
    return predicted_expressions(read_predictions(_run, evaluation, ["sample_id", *columns]))
