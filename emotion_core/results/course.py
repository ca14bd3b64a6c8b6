"""Epochs of a training as a table, its phases, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from emotion_core.metrics.table import METRICS
from emotion_core.results.progress import State

ONLY_PHASE = "training"
"""Name of the one phase of trainings that know of none."""

NUMBERS = (
    "loss", "loss_expression", "loss_affect", "val_loss", "lr", "lr_backbone", "val_accuracy", "val_ccc_valence",
    "val_ccc_arousal", "score", "images_per_second", "seconds",
)  # fmt: skip
"""What an epoch may say."""

VALIDATION = tuple(name for name in NUMBERS if name.startswith("val_") and name != "val_loss")
"""Measures on the validation split."""

PATIENCE = 3
"""Fewer epochs in a row may be chance."""

WORSE = 0.01
"""A fall of the score that is more than chance, on some hundred validation images or more."""

STILL = 0.02
"""A concordance nearer to 0 comes from predictions that hardly vary."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A phase of a training.

    Attributes:
        name: as the configuration calls it.
        first: its first epoch, over the whole training, from 1.
        last: its last epoch.
    """

    name: str
    first: int
    last: int


@dataclass(frozen=True, kw_only=True)
class Course:
    """How a run trained, as far as it is known.

    Attributes:
        run: name of the run.
        backbone: gives the colour where runs are compared.
        table: from :func:`epoch_table`.
        spans: phases in order, those to come included.
        total: epochs of the whole training.
        chosen: epoch whose weights are stored; ``None`` before there is any.
        measure: what chose it, or would have.
        keeps_last: the last epoch is stored, and the measure chooses nothing.
        running: whether more epochs follow.
        window: first and last epoch that are drawn; all when ``None``. Titles speak of the whole training.
    """

    run: str
    backbone: str
    table: pd.DataFrame
    spans: tuple[Span, ...]
    total: int
    chosen: int | None
    measure: str
    keeps_last: bool = False
    running: bool = False
    window: tuple[int, int] | None = None


def epoch_table(history: Sequence[Any]) -> pd.DataFrame:
    """A row an epoch, in order; what is no finite number becomes NaN.

    Args:
        history: lines of ``history.jsonl``, from older versions as well. Of an epoch that stands there twice the later line
            counts.

    Returns:
        ``epoch`` (from 1), ``phase``, and :data:`NUMBERS`.
    """
    rows: dict[int, dict[str, Any]] = {}
    for number, line in enumerate(history, start=1):
        if not isinstance(line, Mapping):
            continue
        epoch = _whole(line.get("epoch")) or number
        phase = line.get("phase")
        rows[epoch] = {"epoch": epoch, "phase": phase if isinstance(phase, str) and phase else ONLY_PHASE}
        rows[epoch] |= {name: _number(line.get(name)) for name in NUMBERS}
    table = pd.DataFrame([rows[epoch] for epoch in sorted(rows)], columns=["epoch", "phase", *NUMBERS])
    return table.astype({"epoch": int, "phase": object} | dict.fromkeys(NUMBERS, float))


def make_course(
    run: str, backbone: str, history: Sequence[Any], *,
    training: Mapping[str, Any], selection: Mapping[str, Any], state: State = "finished",
) -> Course:  # fmt: skip
    """Put together what a run folder says about a training; what is missing or makes no sense is inferred from the epochs.

    Args:
        run: its name.
        backbone: its backbone.
        history: lines of ``history.jsonl``.
        training: configuration, from ``run.json``.
        selection: which epoch is stored and why, from ``run.json``.
        state: a finished training has no more epochs than it had, even where its configuration allowed for more.
    """
    table = epoch_table(history)
    done = int(table["epoch"].max()) if len(table) else 0
    ended = state == "finished" and done > 0
    spans = _seen(table) if ended else _expected(table, training)
    planned = 0 if ended else _whole(training.get("epochs")) or 0
    measure = selection.get("measure") or training.get("select")
    chosen = _whole(selection.get("epoch"))
    return Course(
        run=run,
        backbone=backbone,
        table=table,
        spans=spans,
        total=max(done, planned, spans[-1].last if spans else 0),
        chosen=chosen if chosen is not None and chosen <= done else best_epoch(table),
        measure=measure if isinstance(measure, str) else "score",
        keeps_last=selection.get("keep", training.get("keep")) == "last",
        running=state == "running",
    )


def best_epoch(table: pd.DataFrame) -> int | None:
    """Epoch with the largest score, the first of equals; ``None`` where none has a score."""
    known = table["score"].notna()
    return int(table["epoch"].iloc[int(np.nanargmax(table["score"]))]) if known.any() else None


def measure_title(name: str) -> str:
    """Words for a measure of the history, or for what chooses the stored epoch.

    Example:
        >>> measure_title("val_ccc_valence"), measure_title("accuracy + ccc")
        ('CCC valence', 'accuracy + CCC')
    """
    bare = name.removeprefix("val_")
    return METRICS[bare].title if bare in METRICS else bare.replace("ccc", "CCC").replace("_", " ")


def find_trouble(course: Course) -> list[str]:
    """What is wrong with a training, in sentences; empty where nothing is."""
    table = course.table
    found = [_diverges(table), _overfits(table), _learns_nothing(table)]
    found += [_stands_still(table, name) for name in VALIDATION if "ccc" in name]
    return [sentence for sentence in found if sentence]


def _overfits(table: pd.DataFrame) -> str:
    known = table[table["score"].notna()]
    best = best_epoch(known)
    since = known[known["epoch"] > best] if best is not None else known.iloc[:0]
    if len(since) < PATIENCE:
        return ""
    at_best = known[known["epoch"] == best].iloc[0]
    if at_best["score"] - since["score"].tail(PATIENCE).mean() < WORSE:
        return ""
    falls = since["loss"].iloc[-1] < at_best["loss"]
    return (
        f"The best epoch was {best}; since then it gets worse on validation ({at_best['score']:.3f}, now "
        f"{since['score'].iloc[-1]:.3f}){' while the training loss falls' if falls else ''}. "
        + ("It overfits: stop earlier, augment more, or regularise more." if falls else "")
    ).strip()


def _diverges(table: pd.DataFrame) -> str:
    # A later phase may weigh its losses differently or mix images, so only epochs of one phase are compared.
    last = table[table["phase"] == table["phase"].iloc[-1]] if len(table) else table
    known = last[last["loss"].notna()]
    if len(last) and pd.isna(last["loss"].iloc[-1]) and len(known):
        return f"The training loss of epoch {last['epoch'].iloc[-1]} is no number: it diverged. Try a smaller learning rate."
    if len(known) < PATIENCE:
        return ""
    least = known.iloc[int(np.argmin(known["loss"]))]
    now = known["loss"].tail(2).min()
    if now <= least["loss"] + 0.3 * abs(least["loss"]):
        return ""
    return (
        f"The training loss rose from {least['loss']:.2f} in epoch {least['epoch']} to {known['loss'].iloc[-1]:.2f}: it "
        "diverges. Try a smaller learning rate."
    )


def _learns_nothing(table: pd.DataFrame) -> str:
    known = table[table["loss"].notna()]
    if len(known) <= PATIENCE or known["loss"].min() < 0.99 * known["loss"].iloc[0]:
        return ""
    return f"In {len(known)} epochs the training loss has not fallen below {known['loss'].iloc[0]:.2f}, that of the first."


def _stands_still(table: pd.DataFrame, name: str) -> str:
    last = table[name].tail(PATIENCE)
    if len(last) < PATIENCE or last.isna().any() or (last.abs() > STILL).any():
        return ""
    axis = name.rpartition("_")[2]
    return f"{measure_title(name)} has been 0 for {PATIENCE} epochs: it may predict the same {axis} for every face."


def _expected(table: pd.DataFrame, training: Mapping[str, Any]) -> tuple[Span, ...]:
    """Phases that were trained, the last of them as long as it may become, and those of the configuration that follow."""
    spans, planned = list(_seen(table)), _planned(training)
    names = [name for name, _ in planned]
    if spans and spans[-1].name not in names:
        return tuple(spans)
    following = 0
    if spans:
        # An earlier phase may have ended before its time.
        current = spans.pop()
        following = names.index(current.name)
        planned[following] = (current.name, max(planned[following][1], current.last - current.first + 1))
    for name, epochs in planned[following:]:
        first = spans[-1].last + 1 if spans else 1
        spans.append(Span(name=name, first=first, last=first + epochs - 1))
    return tuple(spans)


def _planned(training: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Names and epochs of a configuration's phases; empty where it has none, or they make no sense."""
    phases = training.get("phases")
    found = []
    for phase in phases if isinstance(phases, list | tuple) else ():
        epochs = _whole(phase.get("epochs")) if isinstance(phase, Mapping) else None
        if epochs is None or not isinstance(phase.get("name"), str):
            return []
        found.append((phase["name"], epochs))
    return found


def _seen(table: pd.DataFrame) -> tuple[Span, ...]:
    """Phases by the epochs that were trained."""
    number = (table["phase"] != table["phase"].shift()).cumsum()
    return tuple(
        Span(name=str(mine["phase"].iloc[0]), first=int(mine["epoch"].iloc[0]), last=int(mine["epoch"].iloc[-1]))
        for _, mine in table.groupby(number)
    )


def _whole(value: Any) -> int | None:
    """A count of epochs; nothing else is one, and more than a million are a mistake."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 1_000_000 else None


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return float("nan")
    try:
        return float(value) if math.isfinite(value) else float("nan")
    except OverflowError:
        return float("nan")


def median(values: pd.Series) -> float:
    """Median of the known values; ``nan`` without any."""
    known = values.dropna()
    return float(np.median(known)) if len(known) else float("nan")
