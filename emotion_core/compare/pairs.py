"""Differences between runs on the same images, with paired tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.compare.entries import Entry
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.metrics.significance import equivalence_p_values, holm, mcnemar_p_values, normal_p_values
from emotion_core.metrics.table import METRICS
from emotion_core.results.run import Run
from emotion_core.results.summaries import Summary, load_summary, summarise_subset

ALPHA = 0.05
"""Level of every test, after Holm's correction."""

MARGIN = 0.01
"""What is smaller makes no difference in practice unless somebody says otherwise: one percentage point of accuracy."""

USUAL = ("accuracy", "f1_macro", "cohen_kappa", "roc_auc", "ccc_valence", "ccc_arousal", "rmse_valence", "rmse_arousal")
"""What is compared when nobody asks for more."""


def why_not_comparable(first: Entry, second: Entry) -> str | None:
    """Why a difference between two entries would mean nothing; ``None`` when it means something."""
    for entry in (first, second):
        if entry.kind == "reported":
            return f"{entry.name} is reported: without its predictions nothing can be tested."
        if entry.chosen_by.get("split") == entry.split:
            return f"The images of '{entry.split}' also chose the checkpoint of {entry.name}, so its figures flatter it."
    if first.num_classes != second.num_classes:
        return f"{first.name} decides between {first.num_classes} expressions, {second.name} between {second.num_classes}."
    if (first.dataset, first.split) != (second.dataset, second.split):
        return f"{first.name} was measured on {first.evaluation}, {second.name} on {second.evaluation}."
    if first.fingerprint != second.fingerprint or first.subset != second.subset:
        return f"{first.name} and {second.name} were measured on other images or labels of {first.evaluation}."
    return None


@dataclass(frozen=True, kw_only=True)
class Difference:
    """First minus second.

    Attributes:
        measure: which.
        first: name of a run.
        second: name of the other.
        value: of the difference.
        low: lower end of its 95 % percentile interval over paired resamples.
        high: upper end.
        p_value: two-sided.
        p_holm: after Holm's correction over all pairs shown, for this measure.
        spread: standard error, the standard deviation over paired resamples.
        p_same: of the two one-sided tests that it is smaller than the margin, after the same correction.
        pairs: how many pairs the corrections run over.
        images: that both were measured on.
    """

    measure: str
    first: str
    second: str
    value: float
    low: float
    high: float
    p_value: float
    p_holm: float = float("nan")
    spread: float = float("nan")
    p_same: float = float("nan")
    pairs: int = 1
    images: int = 0


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs beside each other.

    Attributes:
        entries: comparable ones, in the order given.
        apart: others, with the reason why nothing is tested.
        differences: of every pair and measure.
        marks: by measure and name: ``"best"``, ``"like best"`` when it is not significantly different from it, else
            ``""``.
        baseline: name of the run that differences are shown against.
        margin: what is smaller counts as practically the same, in units of each measure.
    """

    entries: tuple[Entry, ...]
    apart: tuple[tuple[Entry, str], ...]
    differences: tuple[Difference, ...]
    marks: Mapping[str, Mapping[str, str]]
    baseline: str | None
    margin: float = MARGIN

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str, str], Difference]:
        return {(difference.measure, difference.first, difference.second): difference for difference in self.differences}

    def against_baseline(self, name: str, measure: str) -> Difference | None:
        """A run's difference from the baseline; ``None`` for the baseline itself."""
        return None if self.baseline is None else self.between(name, self.baseline, measure)

    def between(self, name: str, other: str, measure: str) -> Difference | None:
        """A run's difference from another one; ``None`` where they are one, or one of them has no such measure."""
        found = self._by_pair.get((measure, other, name))
        return self._by_pair.get((measure, name, other)) if found is None else _turn(found)


def compare(
    entries: Sequence[Entry], measures: Sequence[str], *, baseline: str | None = None, margin: float = MARGIN
) -> Comparison:
    """Compare runs on the same images.

    For every pair and measure, the difference is taken on each of the shared resamples. Its p-value comes from the normal
    approximation with the spread of these differences, for accuracy from McNemar's exact test; Holm's correction runs over all
    pairs of the shown runs, measure by measure. A run is not significantly different from the best when its corrected p-value
    against it is 0.05 or more. An entry whose predictions are missing or damaged stands apart.

    Args:
        entries: what is shown. The baseline says which others are comparable, or the first measured one whose checkpoint was
            not chosen by the images it is measured on.
        measures: keys.
        baseline: name of a measured entry.
        margin: what is smaller counts as practically the same, in units of each measure.

    Raises:
        ConfigError: the baseline is not among the entries, a measure is unknown, or the margin is not above 0.
    """
    if not margin > 0:
        raise ConfigError(f"The margin is {margin}; it has to be above 0.")
    for measure in measures:
        if measure not in METRICS:
            raise ConfigError(f"There is no measure '{measure}'. Known: {', '.join(METRICS)}.")
    names = [entry.name for entry in entries]
    if baseline is not None and baseline not in names:
        raise ConfigError(f"The baseline '{baseline}' is not among the runs: {', '.join(names)}.")
    anchor = next((entry for entry in entries if entry.name == baseline), None)
    measured = [entry for entry in entries if entry.kind == "measured"]
    anchor = anchor or next((entry for entry in measured if why_not_comparable(entry, entry) is None), None)
    anchor = anchor or next(iter(measured), None)
    apart: list[tuple[Entry, str]] = []
    fits: dict[str, tuple[Entry, Summary]] = {}
    for entry in entries:
        reason = "No run to compare with." if anchor is None else why_not_comparable(anchor, entry)
        if reason is None and entry.run is not None:
            try:
                fits[entry.name] = entry, _summary(entry, entry.run, measures)
            except CheckpointError as error:
                reason = str(error)
        if reason is not None:
            apart.append((entry, reason))
    summaries = {name: summary for name, (_, summary) in fits.items()}
    found = {measure: _pairs(measure, summaries, margin) for measure in measures}
    return Comparison(
        entries=tuple(entry for entry, _ in fits.values()),
        apart=tuple(apart),
        differences=tuple(difference for differences in found.values() for difference in differences),
        marks={measure: _marks(measure, summaries, differences) for measure, differences in found.items()},
        baseline=baseline if baseline in fits else None,
        margin=margin,
    )


def _summary(entry: Entry, run: Run, measures: Sequence[str]) -> Summary:
    if entry.subset is not None:
        return summarise_subset(run, entry.evaluation, entry.subset, between=entry.between)
    summary = load_summary(run, entry.evaluation, measures)
    if summary.num_images != entry.images:
        raise CheckpointError(
            f"{entry.name} has predictions for {summary.num_images} images and measures of {entry.images}. Evaluate it again."
        )
    return summary


def _pairs(measure: str, summaries: Mapping[str, Summary], margin: float) -> list[Difference]:
    """Differences of all pairs that both have a measure; all at once, because 50 runs make 1,225 pairs."""
    known = [
        name
        for name, summary in summaries.items()
        if np.isfinite(summary.measures.get(measure, np.nan)) and measure in summary.replicates
    ]
    if len(known) < 2:
        return []
    pairs = list(combinations(range(len(known)), 2))
    one, two = (np.array(numbers) for numbers in zip(*pairs, strict=True))
    values = np.array([summaries[name].measures[measure] for name in known])
    value = values[one] - values[two]
    drawn = np.stack([summaries[name].replicates[measure] for name in known])
    low, high, spread = _spreads(drawn[one] - drawn[two])
    if measure == "accuracy":
        only = _only_first(np.stack([summaries[name].correct for name in known]))
        p_value = mcnemar_p_values(only[one, two], only[two, one])
    else:
        p_value = normal_p_values(value, spread)
    same = equivalence_p_values(value, spread, margin)
    columns = {
        "value": value, "low": low, "high": high, "p_value": p_value, "p_holm": holm(p_value), "spread": spread,
        # A pair that no resample defines can be shown to be nothing.
        "p_same": holm(np.where(np.isnan(same), 1.0, same)),
    }  # fmt: skip
    images = summaries[known[0]].num_images
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [
        Difference(
            measure=measure, first=known[i], second=known[j], pairs=len(pairs), images=images,
            **dict(zip(columns, row, strict=True)),
        )
        for (i, j), row in zip(pairs, rows, strict=True)
    ]  # fmt: skip


def _spreads(drawn: npt.NDArray[np.float32]) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Ends of the 95 % interval and standard deviation of each row, over its finite values; ``nan`` without any."""
    if np.isfinite(drawn).all():
        low, high = np.quantile(drawn, [0.025, 0.975], axis=1)
        return low, high, drawn.std(axis=1, dtype=np.float64)
    ends = np.full((3, len(drawn)), np.nan)
    for number, row in enumerate(drawn):
        values = row[np.isfinite(row)].astype(np.float64)
        if len(values):
            ends[:, number] = *np.quantile(values, [0.025, 0.975]), values.std()
    return ends[0], ends[1], ends[2]


def _only_first(correct: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """How many images the run of a row has right and that of a column has not; ``correct`` is ``(runs, images)``."""
    right = correct.astype(np.float64)
    both = (right @ right.T).astype(np.int64)
    only: npt.NDArray[np.int64] = np.diag(both)[:, None] - both
    return only


def _turn(difference: Difference) -> Difference:
    swapped = {"first": difference.second, "second": difference.first, "value": -difference.value}
    return Difference(**{**vars(difference), **swapped, "low": -difference.high, "high": -difference.low})


def _marks(measure: str, summaries: Mapping[str, Summary], differences: Sequence[Difference]) -> dict[str, str]:
    values = {name: summary.measures.get(measure, float("nan")) for name, summary in summaries.items()}
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        return dict.fromkeys(values, "")
    best = (max if METRICS[measure].better == "higher" else min)(known, key=lambda name: known[name])
    like = {
        difference.first if difference.second == best else difference.second
        for difference in differences
        if best in (difference.first, difference.second) and difference.p_holm >= ALPHA
    }
    return {name: "best" if name == best else "like best" if name in like else "" for name in values}
