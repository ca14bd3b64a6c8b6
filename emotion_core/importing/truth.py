"""What is true of the images of a benchmark: from an evaluation that is stored, or from the dataset itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd

from emotion_core.data.datasets import DATASETS, is_file_name, load_dataset
from emotion_core.data.table import FaceTable, build_frame
from emotion_core.errors import DataError, EmotionCoreError, ResultsError, did_you_mean
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.results.evaluation import StoredEvaluation
from emotion_core.results.find import list_runs
from emotion_core.results.run import Run
from emotion_core.texts import shorten

SPLITS = ("test", "val", "train")


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The images of one split of a benchmark, and what is true of them.

    Attributes:
        dataset: name of the dataset.
        split: name of the split.
        frame: a row an image: ``sample_id``, ``expression`` (or missing), ``valence`` and ``arousal`` (or NaN).
        classes: the expressions that the benchmark distinguishes, in the order of ``EXPRESSIONS``.
        leaked: ids of images that also stand in the training split.
        stamp: fingerprint that runs have stored for these images; empty where none has.
        elsewhere: gives the split of images of the same dataset that are not in this one, by id, as far as that is known.
    """

    dataset: str
    split: str
    frame: pd.DataFrame
    classes: tuple[str, ...] = EXPRESSIONS
    leaked: frozenset[str] = frozenset()
    stamp: str = ""
    elsewhere: Callable[[], Mapping[str, str]] = field(default=dict, repr=False)

    @property
    def key(self) -> str:
        """``<dataset>-<split>``."""
        return f"{self.dataset}-{self.split}"

    def fingerprint(self) -> str:
        """Of images and labels, as datasets have it."""
        return self.stamp or fingerprint(self.frame)


def fingerprint(frame: pd.DataFrame) -> str:
    """:meth:`FaceTable.fingerprint <emotion_core.data.table.FaceTable.fingerprint>` of ids and labels."""
    rows = build_frame(frame["sample_id"], frame["expression"], frame["valence"], frame["arousal"])
    return FaceTable(name="", frame=rows, read_bytes=lambda _: b"").fingerprint()


def known_benchmarks() -> list[str]:
    """Every benchmark that some run was measured on, ``<dataset>-<split>``, those with most runs first."""
    numbers = Counter(stored.key for run in _runs() for stored in run.stored_evaluations())
    return sorted(numbers, key=lambda key: (not key.endswith("-test"), -numbers[key], key))


def find_truth(benchmark: str, data_root: str | Path | None = None) -> Truth:
    """What is true of the images of a benchmark.

    Args:
        benchmark: ``<dataset>-<split>``; without a split, the test split. A stored evaluation of any run will do; without one,
            the dataset has to be at hand.
        data_root: where datasets lie.

    Raises:
        ResultsError: there is no such benchmark.
        DataError: the dataset is broken.
    """
    keys = [benchmark, *(f"{benchmark}-{split}" for split in SPLITS)]
    stored = [evaluation for run in _runs() for evaluation in run.stored_evaluations() if evaluation.key in keys]
    for key in keys:
        if (found := _from_evaluations([one for one in stored if one.key == key], data_root)) is not None:
            return found
    if (found := _from_dataset(benchmark, data_root)) is not None:
        return found
    guess = did_you_mean(benchmark, known_benchmarks(), cutoff=0.4)
    raise ResultsError(
        f"No run was measured on the benchmark '{shorten(benchmark)}', and no dataset of that name is at hand.{guess} Pass the "
        "folder of the datasets with --data-root, or map a column to 'truth': then the file makes a benchmark of its own."
    )


def _runs() -> list[Run]:
    return [run for run in list_runs() if isinstance(run, Run)]


def _from_evaluations(stored: list[StoredEvaluation], data_root: str | Path | None) -> Truth | None:
    """The images that most evaluations agree on; those of runs that answer only some of them do not count."""
    whole: dict[str, list[tuple[StoredEvaluation, dict[str, Any]]]] = {}
    for evaluation in stored:
        try:
            metrics = evaluation.metrics()
            if (metrics.get("benchmark") or metrics)["fingerprint"] == metrics["fingerprint"]:
                whole.setdefault(str(metrics["fingerprint"]), []).append((evaluation, metrics))
        except (EmotionCoreError, KeyError):
            continue
    for evaluation, metrics in [one for group in sorted(whole.values(), key=len, reverse=True) for one in group]:
        try:
            frame = evaluation.predictions(["sample_id", "expression", *AFFECT])
        except EmotionCoreError:
            continue
        dataset, split = str(metrics["dataset"]), str(metrics["split"])
        leaked = (metrics.get("without_leaked") or {}).get("ids", ())
        return Truth(
            dataset=dataset,
            split=split,
            frame=frame,
            classes=tuple(
                name for name in EXPRESSIONS if name in (metrics.get("benchmark") or metrics).get("classes", EXPRESSIONS)
            ),
            leaked=frozenset(map(str, leaked)),
            stamp=str((metrics.get("benchmark") or metrics)["fingerprint"]),
            elsewhere=cache(partial(_elsewhere, dataset, split, data_root)),
        )
    return None


def _from_dataset(benchmark: str, data_root: str | Path | None) -> Truth | None:
    name, _, split = benchmark.rpartition("-")
    if split not in SPLITS:
        name, split = benchmark, "test"
    if name not in DATASETS and not is_file_name(name):
        return None
    if data_root is None and not is_file_name(name) and DATASETS[name].needs_data:
        return None
    whole = load_dataset(name, data_root, on_error="skip")
    table = whole.split(split)
    frame = table.frame[["sample_id", "expression", *AFFECT]]
    classes = DATASETS[name].expressions if name in DATASETS else EXPRESSIONS
    return Truth(
        dataset=whole.name, split=split, frame=frame, classes=classes, elsewhere=lambda: _splits(whole, split)
    )  # fmt: skip


def _elsewhere(dataset: str, split: str, data_root: str | Path | None) -> dict[str, str]:
    """Images of the other splits: from the dataset where it is at hand, else from evaluations on them."""
    if data_root is not None and dataset in DATASETS:
        try:
            return _splits(load_dataset(dataset, data_root, on_error="skip"), split)
        except DataError:
            pass
    found: dict[str, str] = {}
    others = {f"{dataset}-{other}": other for other in SPLITS if other != split}
    for run in _runs():
        for stored in run.stored_evaluations():
            if (other := others.get(stored.key)) is None or other in found.values():
                continue
            try:
                found |= dict.fromkeys(stored.predictions(["sample_id"])["sample_id"].astype(str), other)
            except EmotionCoreError:
                continue
    return found


def _splits(whole: FaceTable, split: str) -> dict[str, str]:
    rows = whole.frame[whole.frame["split"] != split]
    known = dict(zip(rows["sample_id"].astype(str), rows["split"].astype(str), strict=True))
    return known | {sample_id: other for sample_id, other in whole.unlabelled.items() if other != split}
