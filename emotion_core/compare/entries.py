"""What is compared: measured runs and reported results, as entries alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from emotion_core.errors import CheckpointError, ConfigError, did_you_mean
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.experiments import Experiment
from emotion_core.results.find import current_name, list_experiments, list_runs
from emotion_core.results.reported import Reported, load_reported
from emotion_core.results.run import DamagedRun, Run
from emotion_core.results.summaries import decide_between, summarise_subset

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
        split: on which split, in the words of the report for reported ones.
        num_classes: between how many expressions it decides.
        measures: by key.
        fingerprint: of the images and labels; ``None`` for reported ones.
        images: how many; ``None`` for reported ones.
        views: of each picture that outputs are averaged over: 2 with flip test-time augmentation; ``None`` for reported ones.
        preset: title of the training configuration; the protocol for reported ones.
        source: where the numbers come from.
        seed: of the training; ``None`` for reported ones.
        chosen_by: what chose the checkpoint: measure, split, epoch.
        collapse: why it counts as collapsed.
        facts: ``num_params_millions``, ``size_mb``, ``seconds`` and what else describes cost, as far as it is known.
        run: the run; ``None`` for reported ones.
        subset: ids of the images that it is judged on, where these are not all; see :func:`judge_subset`.
        classes: the expressions that it decides between; empty for reported ones.
        between: those that it is judged between, where these are fewer; see :func:`judge_subset`.
        benchmark: fingerprint of all images of the benchmark, where its own are only those that it can answer; ``None`` for
            reported ones.
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
    views: int | None = None
    preset: str = ""
    source: str = ""
    seed: int | None = None
    chosen_by: Mapping[str, Any] = field(default_factory=dict)
    collapse: tuple[str, ...] = ()
    facts: Mapping[str, float] = field(default_factory=dict)
    run: Run | None = None
    subset: frozenset[str] | None = None
    classes: tuple[str, ...] = ()
    between: tuple[str, ...] | None = None
    benchmark: str | None = None

    @property
    def evaluation(self) -> str:
        """Name of the evaluation in the run folder."""
        return f"{self.dataset}-{self.split}"

    @cached_property
    def text(self) -> str:
        """What can be searched for, in lower case."""
        parts = [self.name, self.backbone, self.preset]
        parts += [self.run.info.role, self.run.info.changed] if self.run is not None else []
        return " ".join(parts).casefold()

    def predictions(self, columns: Sequence[str]) -> pd.DataFrame:
        """Stored predictions of the images that it is judged on, between the expressions that it is judged between.

        Args:
            columns: only these; ``sample_id`` and the eight probabilities come along where they are needed.

        Raises:
            CheckpointError: they are missing or damaged.
            ConfigError: the entry is reported, so it has none.
        """
        if self.run is None:
            raise ConfigError(f"{self.name} is reported: there are no predictions of it.")
        needed = [*columns] if self.between is None else [*columns, *(f"prob_{name}" for name in EXPRESSIONS)]
        found = self.run.evaluation(self.evaluation).predictions(list(dict.fromkeys(["sample_id", *needed])))
        if self.subset is not None:
            found = found[found["sample_id"].isin(self.subset)].reset_index(drop=True)
        return found if self.between is None else decide_between(found, self.between)


@dataclass(frozen=True, kw_only=True)
class Store:
    """Everything that can be compared, what could not be read, and the experiments."""

    entries: tuple[Entry, ...]
    problems: tuple[str, ...]
    experiments: tuple[Experiment, ...] = ()


def load_store(folder: Path | None = None) -> Store:
    """Every evaluation of every run, without reading a table of predictions; a damaged run is one message.

    Args:
        folder: of runs; the usual one by default.
    """
    entries: list[Entry] = []
    problems: list[str] = []
    for run in list_runs(folder):
        if isinstance(run, DamagedRun):
            problems.append(run.reason)
            continue
        evaluations, unusable = run.read_evaluations()
        problems += unusable.values()
        for key, metrics in evaluations.items():
            try:
                entry = _measured(run, metrics)
                if entry.evaluation != key:
                    raise ValueError(f"it belongs to {entry.evaluation}")
                entries.append(entry)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                problems.append(f"The measures of '{run.name}' on {key} are damaged ({error!r}). Evaluate again.")
    return Store(entries=tuple(entries), problems=tuple(problems), experiments=tuple(list_experiments(folder)))


def reported_entries(dataset: str) -> tuple[Entry, ...]:
    """What others reported on a dataset.

    On AffectNet's 3,999 images also what was published on the whole validation set; on four classes of FER-2013 what was
    reported on FER-2013, which is just these four.
    """
    also = {"affectnet-3999": ("affectnet-validation-4000",), "fer2013-4": ("fer2013",)}.get(dataset, ())
    return tuple(_reported(system) for system in load_reported() if system.dataset in (dataset, *also))


def judge_subset(entry: Entry, sample_ids: frozenset[str], *, between: tuple[str, ...] | None = None) -> Entry:
    """The same run, judged on some of its images: measures, intervals and tests are those of these images.

    Args:
        entry: a measured one.
        sample_ids: of the images.
        between: expressions that it decides between, where these are fewer than those that it knows: its other probabilities do
            not count.

    Raises:
        CheckpointError: predictions are missing or damaged, or lack one of the images; or there is no image at all.
        ConfigError: the entry is reported, so it has no predictions.
    """
    if entry.run is None:
        raise ConfigError(f"{entry.name} is reported: without its predictions it cannot be judged on some images.")
    between = entry.between if between is None else between
    summary = summarise_subset(entry.run, entry.evaluation, sample_ids, between=between)
    measures = {name: Measure(**values) for name, values in summary.with_intervals().items()}
    return replace(
        entry,
        measures=measures,
        images=len(sample_ids),
        source=f"measured on {len(sample_ids)} of {entry.images} images",
        subset=sample_ids,
        between=between,
        num_classes=entry.num_classes if between is None else len(between),
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
        views=2 if metrics.get("flip") else 1,
        preset=str(run.info.training.get("title", "")),
        source=f"measured on {metrics['images']} images",
        # Somebody else's training is not known to be one of several.
        seed=None if run.info.role == "imported" else run.info.seed,
        chosen_by=metrics.get("chosen_by") or {},
        collapse=tuple(metrics.get("collapse", ())),
        facts={key: float(value) for key, value in facts.items() if value},
        run=run,
        classes=tuple(metrics.get("classes", EXPRESSIONS)),
        benchmark=str((metrics.get("benchmark") or metrics)["fingerprint"]),
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


NAMED = 5
"""How many runs a message names where it cannot name all."""


def known_names(names: Iterable[str], evaluated: Iterable[str]) -> list[str]:
    """Names of evaluated runs as they are now; one of before counts as the new one.

    Args:
        names: as somebody gave them.
        evaluated: names of all runs that have an evaluation.

    Raises:
        CheckpointError: one is not among them.
    """
    known, current = sorted(set(evaluated)), [current_name(name) for name in names]
    for name in current:
        if name not in known:
            listed = ", ".join(known[:NAMED]) or "none"
            more = f" and {len(known) - NAMED} more, which 'python -m emotion_core runs' lists" if len(known) > NAMED else ""
            near = did_you_mean(name, known, cutoff=0.7)
            raise CheckpointError(f"'{name}' has no evaluation.{near} Evaluated runs: {listed}{more}.")
    return current


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
    for name in known_names(names, [entry.name for entry in store.entries]):
        mine = [entry for entry in store.entries if entry.name == name]
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
