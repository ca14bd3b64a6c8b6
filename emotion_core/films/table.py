"""A whole film as a table: a row a frame and face, smoothed with past and future alike, summed up by track."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pandas as pd

from emotion_core.films.reading import FilmFrame
from emotion_core.films.smoothing import TAU, Hysteresis, smooth
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.predict import FoundFace
from emotion_core.results.tables import no_formula

PROBS = [f"prob_{name}" for name in EXPRESSIONS]
COLUMNS = ["frame", "time", "track", "left", "top", "width", "height", "score", "expression", "stands", *PROBS, *AFFECT]
"""What is kept of a face, about half a kilobyte; pictures and maps are not."""


MAX_PICTURES = 200
"""So many tracks have a picture."""

SIDE = 64
"""Side of a track's picture, px."""


class FilmLog:
    """Collects frames as they are read.

    Attributes:
        frames: that were read, also those without a face.
        time: s of the last one.
        pictures: of each of the first :data:`MAX_PICTURES` tracks, as JPEG of :data:`SIDE` px, where the detector was
            surest of it.
    """

    def __init__(self) -> None:
        self.frames = 0
        self.time = 0.0
        self.pictures: dict[int, bytes] = {}
        self._scores: dict[int, float] = {}
        self._rows: list[tuple[Any, ...]] = []

    def add(self, frame: FilmFrame) -> None:
        """Keep what was read from a frame."""
        self.frames += 1
        self.time = frame.time
        faces = zip(frame.prediction.photo.faces, frame.prediction.readings, frame.tracks, strict=True)
        for found, reading, track in faces:
            self._keep_picture(track, found)
            self._rows.append(
                (
                    frame.number, frame.time, track, *found.face.box, found.face.score, reading.expression, reading.stands,
                    *(reading.probabilities.get(name) for name in EXPRESSIONS), reading.valence, reading.arousal,
                )
            )  # fmt: skip

    @property
    def faces(self) -> int:
        """Rows of the table: a face counts in each frame."""
        return len(self._rows)

    def copy(self) -> FilmLog:
        """The same, to be looked at while this one is added to."""
        other = FilmLog()
        other.frames, other.time = self.frames, self.time
        other.pictures, other._scores, other._rows = dict(self.pictures), dict(self._scores), list(self._rows)
        return other

    def _keep_picture(self, track: int, found: FoundFace) -> None:
        score = found.face.score or 0.0
        if score <= self._scores.get(track, -1.0) or (track not in self.pictures and len(self.pictures) >= MAX_PICTURES):
            return
        self._scores[track] = score
        small = cv2.resize(found.crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        self.pictures[track] = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))[1].tobytes()

    def table(self) -> pd.DataFrame:
        """All faces, with the columns of :data:`COLUMNS`."""
        table = pd.DataFrame(self._rows, columns=COLUMNS)
        return table.astype({name: float for name in ("time", "score", *PROBS, *AFFECT)})


def smooth_table(table: pd.DataFrame, *, tau: float = TAU) -> pd.DataFrame:
    """Add what is smoothed, track by track, with past and future alike.

    Args:
        table: as :meth:`FilmLog.table` gives it.
        tau: s after which a frame counts e times less.

    Returns:
        The table with ``smooth_`` columns for probabilities, valence and arousal, ``sd_valence`` and ``sd_arousal`` (weighted
        standard deviation of the values around the smoothed ones), and ``shown``: the expression by the hysteresis.
    """
    values = [*PROBS, *AFFECT]
    added = pd.DataFrame(
        index=table.index, columns=[f"smooth_{name}" for name in values] + ["sd_valence", "sd_arousal"], dtype=float
    )
    shown = pd.Series(None, index=table.index, dtype=object, name="shown")
    for _, mine in table.groupby("track", sort=False):
        known = mine[values].notna().all()
        mean, spread = smooth(mine["time"], mine[values].fillna(0.0), tau=tau)
        mean[:, ~known.to_numpy()] = np.nan
        spread[:, ~known.to_numpy()] = np.nan
        added.loc[mine.index] = np.hstack([mean, spread[:, -2:]])
        if known[PROBS].all():
            verdict = Hysteresis()
            shown.loc[mine.index] = [
                EXPRESSIONS[verdict.update(time, probs)]
                for time, probs in zip(mine["time"], mean[:, : len(PROBS)], strict=True)
            ]
    return pd.concat([table, added, shown], axis=1)


def segments(table: pd.DataFrame, *, gap: float) -> pd.DataFrame:
    """Stretches in which a track shows one expression.

    Args:
        table: as :func:`smooth_table` gives it.
        gap: s; a face that is away for longer begins a new stretch.

    Returns:
        ``track``, ``shown``, ``start`` and ``end`` (s), in order of track and time.
    """
    rows: list[tuple[int, str, float, float]] = []
    for track, mine in table.dropna(subset=["shown"]).groupby("track"):
        for time, shown in zip(mine["time"], mine["shown"], strict=True):
            last = rows[-1] if rows else None
            near = last is not None and last[0] == track and time - last[3] <= gap
            if last is not None and near:
                rows[-1] = (*last[:3], time)
            if last is None or not near or last[1] != shown:
                rows.append((int(str(track)), shown, time, time))
    return pd.DataFrame(rows, columns=["track", "shown", "start", "end"])


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """A row a track, the one that is seen longest first.

    Args:
        table: as :func:`smooth_table` gives it.

    Returns:
        ``track``, ``frames``, ``first`` and ``last`` (s), ``mostly`` (the expression shown in most frames), ``share`` (of
        frames that show it), ``valence`` and ``arousal`` (means of raw values).
    """
    rows = []
    for track, mine in table.groupby("track"):
        counts = mine["shown"].value_counts()
        rows.append(
            {
                "track": track,
                "frames": len(mine),
                "first": mine["time"].iloc[0],
                "last": mine["time"].iloc[-1],
                "mostly": counts.index[0] if len(counts) else None,
                "share": counts.iloc[0] / len(mine) if len(counts) else np.nan,
                "valence": mine["valence"].mean(),
                "arousal": mine["arousal"].mean(),
            }
        )
    order = ["frames", "track"]
    summary = pd.DataFrame(rows)
    return summary.sort_values(order, ascending=[False, True], ignore_index=True) if rows else summary


def to_csv(table: pd.DataFrame, *, film: str, run: str) -> str:
    """A row a frame and face, raw and smoothed values; text that a spreadsheet would take for a formula is defused."""
    table = table.copy()
    table.insert(0, "film", no_formula(film))
    table.insert(1, "run", no_formula(run))
    return table.to_csv(index=False, float_format="%.4f")
