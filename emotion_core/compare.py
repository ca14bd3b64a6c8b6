"""Which backbone is better, and is the difference real?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import bdtr, ndtr

from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.significance import holm
from emotion_core.metrics.summary import MEASURES as KNOWN_MEASURES
from emotion_core.metrics.summary import better_is
from emotion_core.results.reported import Reported, load_reported
from emotion_core.results.run import DamagedRun, Run, list_runs
from emotion_core.results.summaries import Summary, load_summary, summarise_part

ALPHA = 0.05
"""Level of every test, after Holm's correction."""

MEASURES = ("accuracy", "f1_macro", "cohen_kappa", "roc_auc", "ccc_valence", "ccc_arousal", "rmse_valence", "rmse_arousal")
"""What is compared when nobody asks for more."""

Kind = Literal["measured", "reported"]


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A value with its 95 % interval over images; reported values have none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One row of a comparison: a run on one split, or what somebody reported.

    Attributes:
        name: of the run, or backbone and reporter.
        kind: ``"measured"`` here, or ``"reported"`` by others.
        backbone: which.
        dataset: on which data.
        split: on which part, in the words of the report for reported ones.
        num_classes: between how many expressions it decides.
        measures: by key.
        fingerprint: of the images and labels; ``None`` for reported ones.
        images: how many; ``None`` for reported ones.
        preset: title of the training configuration; the protocol for reported ones.
        source: where the numbers come from.
        seed: of the training; ``None`` for reported ones.
        chosen_by: what chose the checkpoint: measure, split, epoch.
        collapse: why it counts as collapsed.
        facts: ``num_params_millions``, ``size_mb``, ``seconds`` and what else describes cost, as far as it is known.
        run: the run; ``None`` for reported ones.
        part: ids of the images that it is judged on, where these are not all; see :func:`judge_part`.
    """

    name: str
    kind: Kind
    backbone: str
    dataset: str
    split: str
    num_classes: int
    measures: Mapping[str, Measure]
    fingerprint: str | None = None
    images: int | None = None
    preset: str = ""
    source: str = ""
    seed: int | None = None
    chosen_by: Mapping[str, Any] = field(default_factory=dict)
    collapse: tuple[str, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)
    run: Run | None = None
    part: frozenset[str] | None = None

    @property
    def evaluation(self) -> str:
        """Name of the evaluation in the run folder."""
        return f"{self.dataset}-{self.split}"


@dataclass(frozen=True, kw_only=True)
class Store:
    """Everything that can be compared, and what could not be read."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]


def load_store(folder: Path | None = None) -> Store:
    """Every evaluation of every run, without reading predictions; a damaged run is one message.

    Args:
        folder: of runs; the usual one by default.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    for run in list_runs(folder):
        if isinstance(run, DamagedRun):
            problems.append(run.reason)
            continue
        evaluations = run.evaluations
        for path in sorted(run.path.glob("evaluations/*/metrics.json")):
            key = path.parent.name
            if key not in evaluations:
                problems.append(f"'{path}' is not readable JSON. Evaluate again.")
                continue
            try:
                entry = _measured(run, evaluations[key])
                if entry.evaluation != key:
                    raise ValueError(f"it belongs to {entry.evaluation}")
                entries.append(entry)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                problems.append(f"'{path}' is damaged ({error!r}). Evaluate again.")
    return Store(entries=tuple(entries), problems=tuple(problems))


def reported_entries(dataset: str) -> tuple[Entry, ...]:
    """What others reported on a dataset.

    On AffectNet's 3,999 images also what was published on the whole validation set; on four classes of FER-2013 what was
    reported on FER-2013, which is just these four.
    """
    also = {"affectnet-3999": ("affectnet-validation-4000",), "fer2013-4": ("fer2013",)}.get(dataset, ())
    return tuple(_reported(system) for system in load_reported() if system.dataset in (dataset, *also))


def judge_part(entry: Entry, sample_ids: frozenset[str]) -> Entry:
    """The same run, judged on some of its images: measures, intervals and tests are those of these images.

    Args:
        entry: a measured one.
        sample_ids: of the images.

    Raises:
        CheckpointError: predictions are missing or damaged, or lack one of the images; or there is no image at all.
        ConfigError: the entry is reported, so it has no predictions.
    """
    if entry.run is None:
        raise ConfigError(f"{entry.name} is reported: without its predictions it cannot be judged on some images.")
    summary = summarise_part(entry.run, entry.evaluation, sample_ids)
    measures = {name: Measure(**values) for name, values in summary.with_intervals().items()}
    return replace(
        entry,
        measures=measures,
        images=len(sample_ids),
        source=f"measured on {len(sample_ids)} of {entry.images} images",
        part=sample_ids,
    )


def _measured(run: Run, metrics: Mapping[str, Any]) -> Entry:
    nan = float("nan")
    weights = run.weights.stat().st_size / 1e6 if run.has_weights else None
    facts = {"num_params_millions": run.info.num_params / 1e6, "size_mb": weights, "training_minutes": run.info.seconds / 60}
    facts |= {key: value for key, value in run.info.timings.items() if isinstance(value, int | float)}
    return Entry(
        name=run.name,
        kind="measured",
        backbone=run.info.backbone,
        dataset=str(metrics["dataset"]),
        split=str(metrics["split"]),
        num_classes=int(metrics.get("num_classes", len(EXPRESSIONS))),
        measures={
            name: Measure(
                value=nan if entry["value"] is None else float(entry["value"]), low=entry.get("low"), high=entry.get("high")
            )
            for name, entry in metrics["measures"].items()
        },
        fingerprint=str(metrics["fingerprint"]),
        images=int(metrics["images"]),
        preset=str(run.info.training.get("title", "")),
        source=f"measured on {metrics['images']} images",
        seed=run.info.seed,
        chosen_by=metrics.get("chosen_by") or {},
        collapse=tuple(metrics.get("collapse", ())),
        facts={key: float(value) for key, value in facts.items() if value},
        run=run,
    )


def _reported(system: Reported) -> Entry:
    costs = ("num_params_millions", "seconds_per_epoch")
    return Entry(
        name=system.name,
        kind="reported",
        backbone=system.backbone,
        dataset=system.dataset,
        split=system.test_split,
        num_classes=system.num_classes,
        measures={key: Measure(value=value) for key, value in system.measures.items() if key not in costs},
        preset=system.protocol,
        source=f"{system.source}; {system.test_split}",
        facts={key: system.measures[key] for key in costs if key in system.measures},
    )


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
    if first.fingerprint != second.fingerprint or first.part != second.part:
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
    """

    measure: str
    first: str
    second: str
    value: float
    low: float
    high: float
    p_value: float
    p_holm: float = float("nan")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Runs beside each other.

    Attributes:
        entries: comparable ones, in the order given.
        apart: others, with the reason why nothing is tested.
        differences: of every pair and measure.
        marks: by measure and name: ``"best"``, ``"like best"`` when it cannot be told from the best, else ``""``.
        baseline: name of the run that differences are shown against.
    """

    entries: tuple[Entry, ...]
    apart: tuple[tuple[Entry, str], ...]
    differences: tuple[Difference, ...]
    marks: Mapping[str, Mapping[str, str]]
    baseline: str | None

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str, str], Difference]:
        return {(difference.measure, difference.first, difference.second): difference for difference in self.differences}

    def against_baseline(self, name: str, measure: str) -> Difference | None:
        """A run's difference from the baseline; ``None`` for the baseline itself."""
        if self.baseline is None:
            return None
        found = self._by_pair.get((measure, self.baseline, name))
        return self._by_pair.get((measure, name, self.baseline)) if found is None else _turn(found)


def compare(entries: Sequence[Entry], measures: Sequence[str], *, baseline: str | None = None) -> Comparison:
    """Compare runs on the same images.

    For every pair and measure, the difference is taken on each of the shared resamples. Its p-value comes from the normal
    approximation with the spread of these differences, for accuracy from McNemar's exact test; Holm's correction runs over all
    pairs of the shown runs, measure by measure. A run cannot be told from the best when its corrected p-value against it is
    0.05 or more. An entry whose predictions are missing or damaged stands apart.

    Args:
        entries: what is shown. The baseline says which others are comparable, or the first measured one whose checkpoint was
            not chosen by the images it is measured on.
        measures: keys.
        baseline: name of a measured entry.

    Raises:
        ConfigError: the baseline is not among the entries, or a measure is unknown.
    """
    for measure in measures:
        if measure not in KNOWN_MEASURES:
            raise ConfigError(f"There is no measure '{measure}'. Known: {', '.join(KNOWN_MEASURES)}.")
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
                fits[entry.name] = entry, _summary(entry, entry.run)
            except CheckpointError as error:
                reason = str(error)
        if reason is not None:
            apart.append((entry, reason))
    summaries = {name: summary for name, (_, summary) in fits.items()}
    found = {measure: _pairs(measure, summaries) for measure in measures}
    return Comparison(
        entries=tuple(entry for entry, _ in fits.values()),
        apart=tuple(apart),
        differences=tuple(difference for differences in found.values() for difference in differences),
        marks={measure: _marks(measure, summaries, differences) for measure, differences in found.items()},
        baseline=baseline if baseline in fits else None,
    )


def _summary(entry: Entry, run: Run) -> Summary:
    if entry.part is not None:
        return summarise_part(run, entry.evaluation, entry.part)
    summary = load_summary(run, entry.evaluation)
    if summary.num_images != entry.images:
        raise CheckpointError(
            f"{entry.name} has predictions for {summary.num_images} images and measures of {entry.images}. Evaluate it again."
        )
    return summary


def _pairs(measure: str, summaries: Mapping[str, Summary]) -> list[Difference]:
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
        p_value = _mcnemar(np.stack([summaries[name].correct for name in known]))[one, two]
    else:
        with np.errstate(divide="ignore", invalid="ignore"):
            p_value = np.where(value == 0, 1.0, np.where(spread > 0, 2 * ndtr(-np.abs(value) / spread), 0.0))
    columns = (value, low, high, p_value, holm(p_value))
    return [
        Difference(
            measure=measure, first=known[i], second=known[j], value=v, low=lo, high=hi, p_value=p, p_holm=adjusted
        )
        for (i, j), v, lo, hi, p, adjusted in zip(pairs, *(column.tolist() for column in columns), strict=True)
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


def _mcnemar(correct: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """McNemar's exact test for every pair of rows; one pair is ``mcnemar_exact`` of the package's metrics."""
    right = correct.astype(np.float64)
    both = (right @ right.T).astype(np.int64)
    only = np.diag(both)[:, None] - both
    fewer, either = np.minimum(only, only.T), only + only.T
    p_values: npt.NDArray[np.float64] = np.minimum(1.0, 2 * bdtr(fewer, either, 0.5))
    return np.where(either == 0, 1.0, p_values)


def _turn(difference: Difference) -> Difference:
    swapped = {"first": difference.second, "second": difference.first, "value": -difference.value}
    return Difference(**{**vars(difference), **swapped, "low": -difference.high, "high": -difference.low})


def _marks(measure: str, summaries: Mapping[str, Summary], differences: Sequence[Difference]) -> dict[str, str]:
    values = {name: summary.measures.get(measure, float("nan")) for name, summary in summaries.items()}
    known = {name: value for name, value in values.items() if np.isfinite(value)}
    if not known:
        return dict.fromkeys(values, "")
    best = (max if better_is(measure) == "higher" else min)(known, key=lambda name: known[name])
    like = {
        difference.first if difference.second == best else difference.second
        for difference in differences
        if best in (difference.first, difference.second) and difference.p_holm >= ALPHA
    }
    return {name: "best" if name == best else "like best" if name in like else "" for name in values}


def comparison_table(comparison: Comparison, measures: Sequence[str]) -> pd.DataFrame:
    """The comparison as a plain table: a row an entry, and for each measure its value, interval, mark and difference.

    Columns beside the descriptive ones: ``<measure>``, ``<measure>_low``, ``<measure>_high``, ``<measure>_mark`` and, with a
    baseline, ``<measure>_diff``, ``_diff_low``, ``_diff_high`` and ``_p`` (after Holm's correction).
    """
    reasons = {id(entry): reason for entry, reason in comparison.apart}
    rows = []
    for entry in (*comparison.entries, *(entry for entry, _ in comparison.apart)):
        row: dict[str, Any] = {
            "name": entry.name,
            "kind": entry.kind,
            "backbone": entry.backbone,
            "dataset": entry.dataset,
            "split": entry.split,
            "classes": entry.num_classes,
            "images": entry.images,
            "preset": entry.preset,
            "seed": entry.seed,
            "chosen_by": _chosen(entry),
            "collapsed": " ".join(entry.collapse),
            "apart": reasons.get(id(entry), ""),
            "source": entry.source,
            **entry.facts,
        }
        for measure in measures:
            row |= _cells(comparison, entry, measure, tested=id(entry) not in reasons)
        rows.append(row)
    # Numbers that reported entries lack stay whole numbers.
    return pd.DataFrame(rows).astype({name: "Int64" for name in ("classes", "images", "seed") if rows}).copy()


def _chosen(entry: Entry) -> str:
    chosen = entry.chosen_by
    return f"{chosen.get('measure', '?')} on {chosen.get('split', '?')}, epoch {chosen.get('epoch', '?')}" if chosen else ""


def _cells(comparison: Comparison, entry: Entry, measure: str, *, tested: bool) -> dict[str, Any]:
    known = entry.measures.get(measure, Measure(value=float("nan")))
    cells: dict[str, Any] = {measure: known.value, f"{measure}_low": known.low, f"{measure}_high": known.high}
    cells[f"{measure}_mark"] = comparison.marks.get(measure, {}).get(entry.name, "") if tested else ""
    if comparison.baseline is not None:
        difference = comparison.against_baseline(entry.name, measure) if tested else None
        cells[f"{measure}_diff"] = None if difference is None else difference.value
        cells[f"{measure}_diff_low"] = None if difference is None else difference.low
        cells[f"{measure}_diff_high"] = None if difference is None else difference.high
        cells[f"{measure}_p"] = None if difference is None else difference.p_holm
    return cells


def render_text(comparison: Comparison, measures: Sequence[str]) -> str:
    """The comparison for a terminal: a block a measure, a line an entry.

    ``*`` marks the best, ``=`` what cannot be told from it; reported values have no interval and no mark.

    Raises:
        ConfigError: no entry has one of the measures.
    """
    apart = {id(entry) for entry, _ in comparison.apart}
    entries = [*comparison.entries, *(entry for entry, _ in comparison.apart)]
    width = max(len(entry.name) for entry in entries)
    lines: list[str] = []
    for measure in measures:
        if not any(measure in entry.measures for entry in entries):
            known = sorted({key for entry in entries for key in entry.measures})
            raise ConfigError(f"No run has the measure '{measure}'. Known: {', '.join(known)}.")
        lines += ["", f"{measure} ({better_is(measure)} is better)"]
        for entry in entries:
            if measure in entry.measures:
                lines.append(_line(comparison, entry, measure, width, tested=id(entry) not in apart))
    lines += [""] if comparison.apart else []
    lines += [f"not tested: {reason}" for reason in dict.fromkeys(reason for _, reason in comparison.apart)]
    lines += [f"collapsed: {entry.name}: {reason}" for entry in entries for reason in entry.collapse]
    legend = "* best   = cannot be told from the best (Holm over all pairs shown, 0.05)   [..] 95 % interval over images"
    return "\n".join([*lines[1:], "", legend]) + "\n"


def _line(comparison: Comparison, entry: Entry, measure: str, width: int, *, tested: bool) -> str:
    known = entry.measures[measure]
    word = comparison.marks.get(measure, {}).get(entry.name, "") if tested else ""
    mark = {"best": "*", "like best": "="}.get(word, " ")
    line = f"{mark} {entry.name:<{width}} {known.value:7.3f}"
    line += f" [{known.low:.3f}, {known.high:.3f}]" if known.low is not None and known.high is not None else " reported      "
    difference = comparison.against_baseline(entry.name, measure) if tested else None
    if difference is not None:
        line += f"  {difference.value:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]  p {difference.p_holm:.3f}"
    return line


@dataclass(frozen=True, kw_only=True)
class SeedSpread:
    """A measure over trainings that differ in their seed alone.

    Attributes:
        backbone: of all of them.
        preset: title of their training configuration.
        names: of the runs.
        mean: over the runs.
        sd: standard deviation over the runs, with one degree of freedom less.
    """

    backbone: str
    preset: str
    names: tuple[str, ...]
    mean: float
    sd: float


def seed_spread(entries: Sequence[Entry], measure: str) -> tuple[SeedSpread, ...]:
    """Mean and standard deviation over runs that were measured on the same images and differ in their seed alone.

    This is the spread over trainings; the intervals beside it are the spread over images.
    """
    groups: dict[str, dict[int, Entry]] = {}
    for entry in entries:
        if entry.run is not None and entry.seed is not None and np.isfinite(_value(entry, measure)):
            info = entry.run.info
            training = {key: value for key, value in info.training.items() if key != "seed"}
            same = [entry.evaluation, entry.fingerprint, entry.backbone, info.network, training, info.init]
            groups.setdefault(json.dumps(same, sort_keys=True, default=str), {}).setdefault(entry.seed, entry)
    found = []
    for runs in groups.values():
        values = [_value(entry, measure) for entry in runs.values()]
        if len(values) > 1:
            first = next(iter(runs.values()))
            found.append(
                SeedSpread(
                    backbone=first.backbone,
                    preset=first.preset,
                    names=tuple(entry.name for entry in runs.values()),
                    mean=float(np.mean(values)),
                    sd=float(np.std(values, ddof=1)),
                )
            )
    return tuple(found)


def _value(entry: Entry, measure: str) -> float:
    return entry.measures[measure].value if measure in entry.measures else float("nan")


def find_entries(store: Store, names: Sequence[str], *, evaluation: str | None = None) -> list[Entry]:
    """Entries by the names of their runs.

    Args:
        store: where to look.
        names: of runs.
        evaluation: ``<dataset>-<split>``; the test split of the first run by default.

    Raises:
        CheckpointError: a run has no such evaluation.
    """
    found = []
    for name in names:
        mine = [entry for entry in store.entries if entry.name == name]
        if not mine:
            known = ", ".join(sorted({entry.name for entry in store.entries})) or "none"
            raise CheckpointError(f"'{name}' has no evaluation. Evaluated runs: {known}.")
        chosen = [entry for entry in mine if entry.evaluation == evaluation] or (
            [entry for entry in mine if entry.split == "test"] if evaluation is None else []
        )
        if not chosen and evaluation is not None:
            others = ", ".join(entry.evaluation for entry in mine)
            raise CheckpointError(f"'{name}' was not evaluated on {evaluation}; it was on {others}.")
        entry = chosen[0] if chosen else mine[0]
        evaluation = evaluation or entry.evaluation
        found.append(entry)
    return found
