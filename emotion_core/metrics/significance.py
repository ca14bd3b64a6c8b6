"""Is one run better than another, or was it the images? Tests of differences on the same images."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import bdtr

from emotion_core.labels import AFFECT
from emotion_core.metrics.intervals import Counts, bootstrap_measures, percentile_interval
from emotion_core.metrics.summary import better_is, summarize

Array = npt.NDArray[np.float64]
_Key = TypeVar("_Key", bound=Hashable)

_LABEL_ROUNDING = 1e-6
"""Annotations stored in single precision agree within this."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A measure of the first run less that of the second.

    Attributes:
        value: on the images themselves.
        low: lower end of the percentile interval over resamples.
        high: upper end.
        p_value: two-sided, from the same resamples.
    """

    value: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True, kw_only=True)
class McNemar:
    """Images that two runs disagree on.

    Attributes:
        only_first: images that only the first run has right.
        only_second: images that only the second run has right.
        p_value: two-sided and exact.
    """

    only_first: int
    only_second: int
    p_value: float


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Runs against the best of them.

    Attributes:
        best: name of the run with the best value.
        not_worse: names of the runs that cannot be told from it, the best itself among them, in the order given.
        p_values: of every pair of runs, adjusted for their number.
    """

    best: str
    not_worse: tuple[str, ...]
    p_values: dict[tuple[str, str], float]


def align(runs: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """Bring tables of predictions for the same images into one order, that of their ``sample_id``.

    Args:
        runs: tables with a row an image and the columns of ``predictions.parquet``.

    Returns:
        The same tables, sorted; row ``i`` of each is the same image with the same labels.

    Raises:
        ValueError: an image stands in a table twice, in some tables only, or with different labels.
    """
    ordered = [run.sort_values("sample_id", kind="stable", ignore_index=True) for run in runs]
    for place, run in enumerate(ordered, start=1):
        twice = run["sample_id"][run["sample_id"].duplicated()]
        if len(twice):
            raise ValueError(f"image '{twice.iloc[0]}' stands twice in run {place}")
    for place, run in enumerate(ordered[1:], start=2):
        _refuse_other_images(ordered[0], run, place)
        _refuse_other_labels(ordered[0], run, place)
    return ordered


def _refuse_other_images(first: pd.DataFrame, other: pd.DataFrame, place: int) -> None:
    ids, other_ids = set(first["sample_id"]), set(other["sample_id"])
    parts = [
        f"{len(only)} only in run {where} ('{min(only)}'{', …' if len(only) > 1 else ''})"
        for where, only in ((1, ids - other_ids), (place, other_ids - ids))
        if only
    ]
    if parts:
        raise ValueError(f"runs 1 and {place} were not evaluated on the same images: {' and '.join(parts)}")


def _refuse_other_labels(first: pd.DataFrame, other: pd.DataFrame, place: int) -> None:
    names, other_names = (run["expression"].fillna("").astype(str).to_numpy() for run in (first, other))
    differs = {"expression": names != other_names}
    for name in AFFECT:
        values, other_values = (run[name].to_numpy(dtype=np.float64) for run in (first, other))
        differs[name] = ~np.isclose(values, other_values, rtol=0, atol=_LABEL_ROUNDING, equal_nan=True)
    for name, images in differs.items():
        if images.any():
            row = int(np.flatnonzero(images)[0])
            raise ValueError(
                f"runs 1 and {place} were evaluated with different labels: {name} of {int(images.sum())} images differs, "
                f"the first is '{first['sample_id'].iloc[row]}' ({first[name].iloc[row]} and {other[name].iloc[row]})"
            )


def paired_bootstrap(
    first: pd.DataFrame, second: pd.DataFrame, counts: Counts, *, level: float = 0.95
) -> dict[str, Difference]:
    """Difference of two runs in every measure that both have, by bootstrap over the images they share.

    The p-value is twice the smaller share of resamples in which the difference is not above, or not below, zero, with one
    added to numerator and denominator and at most 1: of 2,000 resamples the smallest is 0.001. Resamples that do not define
    the measure for both runs do not count.

    Args:
        first: predictions of one run.
        second: predictions of another for the same images, in any order.
        counts: resamples from :func:`~emotion_core.metrics.intervals.resample_counts`, shape ``(R, N)``; column ``i``
            belongs to the ``i``-th image in the order of ``sample_id``.
        level: share of resamples inside the interval, in (0, 1).

    Returns:
        Differences, first less second, by measure; ``nan`` where a run does not define the measure, and for interval and
        p-value where no resample does.

    Raises:
        ValueError: the runs were not evaluated on the same images with the same labels, or ``counts`` does not fit them.

    References:
        B. Efron, R. Tibshirani (1993), An Introduction to the Bootstrap, chapters 13 and 16.
        A. Davison, D. Hinkley (1997), Bootstrap Methods and their Application, section 4.2 (adding one).
    """
    one, two = align([first, second])
    values, other_values = summarize(one), summarize(two)
    drawn, other_drawn = bootstrap_measures(one, counts), bootstrap_measures(two, counts)
    return {
        name: _difference(values[name] - other_values[name], drawn[name] - other_drawn[name], level)
        for name in drawn
        if name in other_drawn
    }


def _difference(value: float, drawn: Array, level: float) -> Difference:
    low, high = percentile_interval(drawn, level)
    return Difference(value=value, low=low, high=high, p_value=bootstrap_p_value(drawn))


def bootstrap_p_value(differences: npt.ArrayLike) -> float:
    r"""Two-sided p-value of a difference from its values on resamples.

    .. math:: \min\left(1, 2 \cdot \frac{1 + \min(\#\{d \le 0\}, \#\{d \ge 0\})}{1 + R}\right)

    Args:
        differences: shape ``(R,)``; values that are not finite do not count.

    Returns:
        In (0, 1]; ``nan`` when no value is left.

    Example:
        >>> bootstrap_p_value([0.1] * 97 + [-0.1] * 2)
        0.06
    """
    d = np.asarray(differences, dtype=np.float64)
    d = d[np.isfinite(d)]
    if not len(d):
        return float("nan")
    return min(1.0, 2 * (1 + int(min((d <= 0).sum(), (d >= 0).sum()))) / (1 + len(d)))


def mcnemar_exact(first_correct: npt.ArrayLike, second_correct: npt.ArrayLike) -> McNemar:
    r"""McNemar's exact test: do two runs have equally many images right that the other has wrong?

    With :math:`b` and :math:`c` such images, :math:`p = \min(1, 2 P(X \le \min(b, c)))` for :math:`X` binomial with
    :math:`b + c` trials and probability one half.

    Args:
        first_correct: whether the first run has each image right, shape ``(N,)``.
        second_correct: the same for the second run and the same images.

    Returns:
        Both numbers and the p-value, 1 when the runs are right on the same images.

    Raises:
        ValueError: inputs are not 1-D, not of true and false (or 1 and 0), or not of one length.

    References:
        Q. McNemar (1947), Note on the sampling error of the difference between correlated proportions, Psychometrika 12(2).

    Example:
        Five against none: 2 / 32.

        >>> mcnemar_exact([1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0])
        McNemar(only_first=5, only_second=0, p_value=0.0625)
    """
    first, second = _flags("first_correct", first_correct), _flags("second_correct", second_correct)
    if first.shape != second.shape:
        raise ValueError(f"first_correct and second_correct must have the same length, got {len(first)} and {len(second)}")
    b, c = int((first & ~second).sum()), int((~first & second).sum())
    p_value = min(1.0, 2 * float(bdtr(min(b, c), b + c, 0.5))) if b + c else 1.0
    return McNemar(only_first=b, only_second=c, p_value=p_value)


def _flags(name: str, values: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    flags = np.asarray(values)
    if flags.ndim != 1:
        raise ValueError(f"{name} must be 1-D, got shape {flags.shape}")
    if not np.isin(flags, [0, 1]).all():
        raise ValueError(f"{name} must hold true and false only")
    return flags.astype(np.bool_)


def holm(p_values: npt.ArrayLike) -> Array:
    r"""Holm's adjustment of p-values for their number.

    The :math:`i`-th smallest of :math:`m` is multiplied by :math:`m - i + 1`; none may fall below a smaller one's, and none
    exceeds 1. Comparing the results with 0.05 keeps the chance of any false claim below 0.05.

    Args:
        p_values: shape ``(m,)``, in [0, 1].

    Returns:
        Adjusted p-values in the order given, shape ``(m,)``.

    Raises:
        ValueError: not 1-D, or not all in [0, 1] (NaN is not).

    References:
        S. Holm (1979), A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6(2).

    Example:
        >>> holm([0.01, 0.04, 0.03, 0.005]).round(4).tolist()
        [0.03, 0.06, 0.06, 0.02]
    """
    p = np.asarray(p_values, dtype=np.float64)
    if p.ndim != 1:
        raise ValueError(f"p_values must be 1-D, got shape {p.shape}")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError("p_values must lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    scaled = p[order] * np.arange(len(p), 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1.0)
    return adjusted


def _holm_by_key(p_values: Mapping[_Key, float]) -> dict[_Key, float]:
    return dict(zip(p_values, holm(list(p_values.values())).tolist(), strict=True))


def not_worse_than_best(
    runs: Mapping[str, pd.DataFrame],
    measure: str,
    counts: Counts,
    *,
    better: Literal["higher", "lower"] | None = None,
    alpha: float = 0.05,
) -> Standing:
    """Which runs cannot be told from the best, over all pairs of the runs shown?

    Every pair gets a p-value as in :func:`paired_bootstrap`, and all of them together are adjusted by :func:`holm`. A run whose
    adjusted p-value against the best is below ``alpha`` is worse; all others cannot be told from it.

    Args:
        runs: predictions by name, for the same images in any order.
        measure: a key of :func:`~emotion_core.metrics.summary.summarize`.
        counts: resamples, as for :func:`paired_bootstrap`. With ``m`` pairs the smallest adjusted p-value is ``2 m / (R + 1)``:
            2,000 resamples are enough for up to ten runs.
        better: which way the measure improves; by default what :func:`~emotion_core.metrics.summary.better_is` says.
        alpha: chance of calling any run worse that is not.

    Returns:
        The best run and those that cannot be told from it. Runs that do not define the measure (correlation of a constant) take
        no part.

    Raises:
        ValueError: no run defines the measure; the runs were not evaluated on the same images with the same labels; or
            ``counts`` does not fit them.
    """
    way = better_is(measure) if better is None else better
    aligned = dict(zip(runs, align(list(runs.values())), strict=True))
    values = {name: summarize(run).get(measure, float("nan")) for name, run in aligned.items()}
    defined = [name for name, value in values.items() if np.isfinite(value)]
    if not defined:
        raise ValueError(f"no run has a value of {measure}")
    best = (max if way == "higher" else min)(defined, key=lambda name: values[name])
    drawn = {name: bootstrap_measures(aligned[name], counts)[measure] for name in defined}
    pairs = {(a, b): bootstrap_p_value(drawn[a] - drawn[b]) for a, b in combinations(defined, 2)}
    adjusted = _holm_by_key({pair: p for pair, p in pairs.items() if np.isfinite(p)})
    worse = {a if b == best else b for (a, b), p in adjusted.items() if best in (a, b) and p < alpha}
    return Standing(best=best, not_worse=tuple(name for name in defined if name not in worse), p_values=adjusted)
