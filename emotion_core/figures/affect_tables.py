"""What the plane of valence and arousal says in numbers: quarters, residuals, contradictions, and which run is closer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.figures.plane import REGIONS
from emotion_core.labels import AFFECT
from emotion_core.metrics.intervals import wilson_interval

Array = npt.NDArray[np.float64]

QUARTERS: tuple[str, ...] = tuple(REGIONS[index][2] for index in (1, 0, 2, 3))
"""Names of the quarters, counter-clockwise from the upper right, so that neighbours in the list are neighbours on the plane."""

AFFECT_COLUMNS: tuple[str, ...] = ("sample_id", "expression", *AFFECT, *(f"pred_{name}" for name in AFFECT))
"""What :func:`join_runs` needs of ``predictions.parquet``."""

MOST_POINTS = 2_000
"""So many faces are drawn as single points; more of them are sampled."""


def join_runs(predictions: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One row a face with true values and predictions of every run.

    Args:
        predictions: one table a run, with at least :data:`AFFECT_COLUMNS`.

    Returns:
        ``sample_id, expression, valence, arousal``, then ``valence_0, arousal_0`` of the first run, ``valence_1, …`` of the
        second. Faces without a number in any of them are left out; the order is the first table's.

    Raises:
        ValueError: no table.
    """
    if not predictions:
        raise ValueError("Predictions of at least one run are needed.")
    joined = predictions[0][["sample_id", "expression", *AFFECT]]
    for number, table in enumerate(predictions):
        names = {f"pred_{name}": f"{name}_{number}" for name in AFFECT}
        mine = table[["sample_id", *names]].rename(columns=names)
        if np.array_equal(mine["sample_id"].to_numpy(), joined["sample_id"].to_numpy()):
            joined = joined.assign(**{name: mine[name].to_numpy() for name in names.values()})
        else:
            joined = joined.merge(mine, on="sample_id", how="inner")
    numbers = joined.drop(columns=["sample_id", "expression"]).to_numpy(dtype=np.float64)
    kept: pd.DataFrame = joined[np.isfinite(numbers).all(axis=1)].reset_index(drop=True)
    return kept


def quarter_of(valence: npt.ArrayLike, arousal: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Position in :data:`QUARTERS` of each point, shape ``(N,)``.

    Zero belongs to the pleasant and to the active side: (0, 0) lies in the first quarter. The four quarters so cover the
    plane without overlap.

    Example:
        >>> quarter_of([0.5, -0.5, -0.5, 0.5, 0.0], [0.5, 0.5, -0.5, -0.5, 0.0]).tolist()
        [0, 1, 2, 3, 0]
    """
    pleasant, active = np.asarray(valence, dtype=np.float64) >= 0, np.asarray(arousal, dtype=np.float64) >= 0
    return np.where(active, np.where(pleasant, 0, 1), np.where(pleasant, 3, 2)).astype(np.int64)


def quarter_counts(faces: pd.DataFrame, run: int = 0) -> npt.NDArray[np.int64]:
    """How many faces of each true quarter are put in each, shape ``(4, 4)``: true by row, predicted by column.

    Args:
        faces: from :func:`join_runs`.
        run: number of the run.
    """
    true = quarter_of(faces["valence"], faces["arousal"])
    predicted = quarter_of(faces[f"valence_{run}"], faces[f"arousal_{run}"])
    return np.bincount(4 * true + predicted, minlength=16).reshape(4, 4).astype(np.int64)


def residual_bins(true: npt.ArrayLike, predicted: npt.ArrayLike, *, bins: int = 10, fewest: int = 5) -> pd.DataFrame:
    """Mean of predicted minus true by true value.

    Args:
        true: values of the annotators, in [-1, 1], shape ``(N,)``.
        predicted: values of a network, shape ``(N,)``.
        bins: how many equal bins cover [-1, 1]; 1 itself belongs to the last.
        fewest: bins with fewer faces say too little and are left out.

    Returns:
        ``centre, mean, images``, a row a bin.
    """
    x, y = np.asarray(true, dtype=np.float64), np.asarray(predicted, dtype=np.float64)
    which = np.clip(np.floor((x + 1) / 2 * bins), 0, bins - 1).astype(np.int64)
    images = np.bincount(which, minlength=bins)
    sums = np.bincount(which, weights=y - x, minlength=bins)
    table = pd.DataFrame(
        {"centre": -1 + (2 * np.arange(bins) + 1) / bins, "mean": sums / np.maximum(images, 1), "images": images}
    )
    return table[images >= fewest].reset_index(drop=True)


def distances(faces: pd.DataFrame, run: int = 0) -> Array:
    """Euclidean distance on the plane between true and predicted place, shape ``(N,)``; 2.828 is the largest."""
    across = faces[f"valence_{run}"].to_numpy(dtype=np.float64) - faces["valence"].to_numpy(dtype=np.float64)
    upward = faces[f"arousal_{run}"].to_numpy(dtype=np.float64) - faces["arousal"].to_numpy(dtype=np.float64)
    return np.asarray(np.hypot(across, upward), dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class Closer:
    """Which of two runs lies closer to the truth, face by face.

    Attributes:
        images: how many faces.
        first: share of faces on which the first run is closer, in [0, 1].
        second: likewise for the second; the rest are as close as each other.
        low: lower end of the 95 % Wilson interval of ``first``.
        high: its upper end.
        first_distance: mean distance of the first run.
        second_distance: mean distance of the second.
        difference: first minus second; negative when the first is closer on average.
        difference_low: lower end of its 95 % interval, from the normal approximation over faces.
        difference_high: its upper end.
    """

    images: int
    first: float
    second: float
    low: float
    high: float
    first_distance: float
    second_distance: float
    difference: float
    difference_low: float
    difference_high: float


def closer_run(faces: pd.DataFrame) -> Closer:
    """Compare the first two runs of a joined table.

    Raises:
        ValueError: the table is empty.

    References:
        E. B. Wilson (1927), Probable Inference, the Law of Succession, and Statistical Inference, JASA 22(158).
    """
    if faces.empty:
        raise ValueError("At least one face is needed.")
    one, two = distances(faces, 0), distances(faces, 1)
    n, gap = len(faces), one - two
    first = float(np.mean(gap < 0))
    low, high = wilson_interval(first, n)
    spread = 1.96 * float(gap.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan")
    return Closer(
        images=n,
        first=first,
        second=float(np.mean(gap > 0)),
        low=low,
        high=high,
        first_distance=float(one.mean()),
        second_distance=float(two.mean()),
        difference=float(gap.mean()),
        difference_low=float(gap.mean() - spread),
        difference_high=float(gap.mean() + spread),
    )


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What fits an expression on one axis.

    Attributes:
        expression: which.
        axis: ``"valence"`` or ``"arousal"``.
        low: smallest value that fits.
        high: largest value that fits.
    """

    expression: str
    axis: str
    low: float = -1.0
    high: float = 1.0

    def __str__(self) -> str:
        bounds = [f"{word} {_signed(value)}" for word, value in (("≥", self.low), ("≤", self.high)) if abs(value) < 1]
        return f"{self.expression}: {self.axis} {' and '.join(bounds)}"


RULES: tuple[Rule, ...] = (
    Rule(expression="happiness", axis="valence", low=-0.1),
    Rule(expression="sadness", axis="valence", high=0.1),
    Rule(expression="fear", axis="valence", high=0.1),
    Rule(expression="disgust", axis="valence", high=0.1),
    Rule(expression="anger", axis="valence", high=0.1),
    Rule(expression="contempt", axis="valence", high=0.1),
    Rule(expression="sadness", axis="arousal", high=0.5),
    Rule(expression="surprise", axis="arousal", low=-0.1),
    Rule(expression="fear", axis="arousal", low=-0.1),
    Rule(expression="anger", axis="arousal", low=-0.1),
    Rule(expression="neutral", axis="valence", low=-0.5, high=0.5),
    Rule(expression="neutral", axis="arousal", low=-0.5, high=0.5),
)
"""Where each expression can lie without contradicting itself.

They follow Russell's circumplex (1980) and leave room for annotators' scatter: 0.1 beyond zero where only the sign can be
wrong, half the axis where only an extreme can. Surprise may be pleasant or not, disgust and contempt may be calm or not.
"""


def find_contradictions(expressions: npt.ArrayLike, valence: npt.ArrayLike, arousal: npt.ArrayLike) -> pd.DataFrame:
    """Faces whose expression contradicts their valence or arousal, largest contradiction first.

    Args:
        expressions: a name each, or missing; shape ``(N,)``.
        valence: in [-1, 1], shape ``(N,)``; NaN contradicts nothing.
        arousal: likewise.

    Returns:
        ``row`` (position in the input), ``contradiction`` (in words) and ``size``: how far the value lies outside what the
        rule allows, the larger of two where both axes contradict.

    Example:
        >>> table = find_contradictions(["happiness", "fear"], [-0.6, -0.2], [0.0, 0.5])
        >>> table["row"].tolist(), table["size"].round(3).tolist()
        ([0], [0.5])
    """
    names = np.asarray(expressions, dtype=object)
    values = {"valence": np.asarray(valence, dtype=np.float64), "arousal": np.asarray(arousal, dtype=np.float64)}
    size = np.zeros(len(names))
    words: dict[int, list[str]] = {}
    for rule in RULES:
        value = values[rule.axis]
        excess = np.where(names == rule.expression, np.fmax(rule.low - value, value - rule.high), 0.0)
        for row in np.flatnonzero(excess > 1e-9):
            size[row] = max(size[row], excess[row])
            words.setdefault(int(row), []).append(f"{rule.axis} {_signed(value[row])}")
    rows = np.array(sorted(words, key=lambda row: (-size[row], row)), dtype=np.int64)
    return pd.DataFrame(
        {
            "row": rows,
            "contradiction": [f"{names[row]} with {' and '.join(words[int(row)])}" for row in rows],
            "size": size[rows],
        }
    )


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def sample_rows(images: int, most: int = MOST_POINTS, seed: int = 0) -> npt.NDArray[np.int64]:
    """Rows to draw, in order: all of them, or ``most`` drawn without replacement; the same for the same numbers.

    Example:
        >>> sample_rows(3).tolist(), len(sample_rows(10_000, most=5))
        ([0, 1, 2], 5)
    """
    if images <= most:
        return np.arange(images, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(images, most, replace=False)).astype(np.int64)


def plane_density(valence: npt.ArrayLike, arousal: npt.ArrayLike, *, cells: int = 32) -> Array:
    """Faces in each cell of the plane, shape ``(cells, cells)``: arousal by row from below, valence by column."""
    edges = np.linspace(-1, 1, cells + 1)
    counts, _, _ = np.histogram2d(np.asarray(arousal), np.asarray(valence), bins=(edges, edges))
    return np.asarray(counts, dtype=np.float64)
