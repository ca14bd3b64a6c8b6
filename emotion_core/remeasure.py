"""Measures of stored evaluations, computed again from their predictions: no weights, no images and no GPU needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from emotion_core.errors import CheckpointError
from emotion_core.results.measured import measure_predictions
from emotion_core.results.run import Run
from emotion_core.results.summaries import keep_summary

SAME = 1e-6
"""Stored numbers that are nearer than this are the same: ends of intervals come from resamples in single precision."""

COMPUTED = ("measures", "without_leaked")
"""Blocks of ``metrics.json`` that are computed again, beside ``collapse``. What reviewers changed stays as it was measured."""

Number = float | None
FindLeaked = Callable[[Run, str, str], frozenset[str] | None]


@dataclass(frozen=True, kw_only=True)
class Change:
    """A stored number that is not what the predictions give.

    Attributes:
        place: where it stands, such as ``measures.accuracy.low``.
        before: what was stored; ``None`` where it was not defined.
        after: what was computed.
    """

    place: str
    before: Number
    after: Number


@dataclass(frozen=True, kw_only=True)
class Remeasured:
    """What became of one evaluation.

    Attributes:
        run: name of the run.
        evaluation: ``<dataset>-<split>``.
        same: how many stored numbers were confirmed.
        changed: the others.
        new: names of measures that it had not.
        gone: names of measures that are no longer computed.
        leaks_unknown: whether ``without_leaked`` was left as it was, because it does not say which images leaked.
    """

    run: str
    evaluation: str
    same: int
    changed: tuple[Change, ...]
    new: tuple[str, ...]
    gone: tuple[str, ...]
    leaks_unknown: bool


def remeasure(
    run: Run,
    evaluation: str,
    *,
    find_leaked: FindLeaked | None = None,
    store: bool = True,
) -> Remeasured:
    """Compute ``metrics.json`` of one evaluation again from its ``predictions.parquet``, which stays as it is.

    Args:
        run: with weights or without.
        evaluation: ``<dataset>-<split>``.
        find_leaked: gives the ids of images that a run was trained on, from the names of dataset and split; without it, and
            where it gives ``None``, these are the images that the evaluation itself names.
        store: whether to write what was computed.

    Returns:
        How the numbers compare with those that were stored.

    Raises:
        CheckpointError: there is no such evaluation, or its measures or predictions are missing, damaged or of other images.
    """
    kept_there = run.evaluation(evaluation)
    if not kept_there.exists:
        known = ", ".join(run.evaluations) or "none"
        raise CheckpointError(f"'{run.name}' has no evaluation {evaluation}. It has: {known}.")
    stored = kept_there.metrics()
    predictions = kept_there.predictions()
    if stored.get("images") != len(predictions):
        raise CheckpointError(
            f"'{run.name}' has predictions for {len(predictions)} images of {evaluation} and measures of "
            f"{stored.get('images')}. Evaluate it again."
        )
    rest = stored.get("without_leaked") or {}
    try:
        found_leaked = find_leaked(run, stored["dataset"], stored["split"]) if find_leaked else None
        leaked = frozenset(rest.get("ids", ())) if found_leaked is None else found_leaked
        leaks_unknown = found_leaked is None and bool(rest) and "ids" not in rest
        blocks, summary = measure_predictions(predictions, leaked=leaked)
        found = _compare(stored, blocks, [name for name in COMPUTED if not (leaks_unknown and name == "without_leaked")])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CheckpointError(f"'{run.name}' cannot be measured on {evaluation} again ({error}). Evaluate it again.") from error
    if store:
        kept = {name: value for name, value in stored.items() if name in blocks or name not in COMPUTED or leaks_unknown}
        kept_there.write_metrics({**kept, **blocks})
        keep_summary(run, evaluation, summary)
    return Remeasured(run=run.name, evaluation=evaluation, leaks_unknown=leaks_unknown, **found)


def _compare(stored: Mapping[str, Any], computed: Mapping[str, Any], blocks: list[str]) -> dict[str, Any]:
    before, after = (dict(_numbers(metrics, blocks)) for metrics in (stored, computed))
    both = [place for place in before if place in after]
    changed = tuple(
        Change(place=".".join(place), before=before[place], after=after[place])
        for place in both
        if not _same(before[place], after[place])
    )
    names = [dict.fromkeys(place[-2] for place in numbers) for numbers in (before, after)]
    return {
        "same": len(both) - len(changed),
        "changed": changed,
        "new": tuple(name for name in names[1] if name not in names[0]),
        "gone": tuple(name for name in names[0] if name not in names[1]),
    }


def _numbers(metrics: Mapping[str, Any], blocks: list[str]) -> Iterator[tuple[tuple[str, ...], Number]]:
    """Every number of some blocks, with the way to it; NaN is ``None``, as it is stored."""
    for block in blocks:
        if block in metrics:
            within = () if block == "measures" else ("measures",)
            measures = metrics[block] if block == "measures" else metrics[block]["measures"]
            for name, numbers in measures.items():
                for end, number in numbers.items():
                    defined = number is not None and number == number
                    yield (block, *within, name, end), float(number) if defined else None


def _same(before: Number, after: Number) -> bool:
    if before is None or after is None:
        return before is after
    return abs(before - after) <= SAME
