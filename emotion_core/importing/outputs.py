"""What a network predicts, taken out of a table's columns: probabilities, valence and arousal, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.errors import ResultsError
from emotion_core.importing.columns import Columns, expression_of
from emotion_core.importing.reading import as_numbers, as_text
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.texts import listing, shorten

Array = npt.NDArray[np.float64]

CLOSE = 1e-3
"""Sums of probabilities that are nearer to 1 than this are 1: they were stored in half precision."""
STEP = 0.005
"""Two decimals are off by no more than this."""
OVERSHOOT = 0.5
"""Valence and arousal that lie outside by no more than this are taken for a network without bounds, and are clipped."""


@dataclass(frozen=True)
class Finding:
    """Something that whoever imports should know.

    Attributes:
        text: a sentence.
        doubt: whether it looks like a mistake, so that nothing is stored unless somebody says that it is meant.
    """

    text: str
    doubt: bool = False


@dataclass(frozen=True, kw_only=True)
class ReadOutputs:
    """What a network predicts for ``R`` images.

    Attributes:
        probs: shape ``(R, 8)``, rows sum to 1; NaN throughout where it predicts no expression.
        affect: valence and arousal, shape ``(R, 2)``, in [-1, 1]; NaN throughout a column that it does not predict.
        classes: the expressions that it knows, in the order of its columns.
        findings: what was noticed.
    """

    probs: Array
    affect: Array
    classes: tuple[str, ...]
    findings: tuple[Finding, ...]


def read_outputs(table: pd.DataFrame, columns: Columns, affect_range: tuple[float, float] = (-1.0, 1.0)) -> ReadOutputs:
    """Probabilities, valence and arousal of every row.

    Args:
        table: its index gives the rows their numbers in messages.
        columns: what its columns mean.
        affect_range: of predicted valence and arousal, which becomes [-1, 1].

    Raises:
        ResultsError: a cell is no number, or a number is none that could be meant; the message names it.
    """
    findings: list[Finding] = []
    probs = np.full((len(table), len(EXPRESSIONS)), np.nan)
    classes: tuple[str, ...] = ()
    if columns.scores:
        ordered = sorted(columns.scores, key=lambda name: list(table.columns).index(columns.scores[name]))
        scores = np.column_stack([as_numbers(table[columns.scores[name]], columns.scores[name]) for name in ordered])
        shares = _softmax(scores) if columns.logits else _shares(scores, ordered, table, findings)
        probs[:] = 0.0
        probs[:, [EXPRESSIONS.index(name) for name in ordered]] = shares
        classes = tuple(ordered)
    elif columns.label:
        labels = read_labels(table[columns.label], columns.label, columns.classes)
        if any(name is None for name in labels):
            raise ResultsError(f"A cell of the column '{shorten(columns.label)}' is empty.")
        classes = columns.classes or tuple(name for name in EXPRESSIONS if name in set(labels))
        probs = np.eye(len(EXPRESSIONS))[[EXPRESSIONS.index(str(name)) for name in labels]]
        unseen = [name for name in EXPRESSIONS if name not in classes]
        if unseen:
            never = f"It names {len(classes)} expressions and never {listing(unseen)}."
            findings.append(Finding(f"{never} If it knows more than it names, list its classes."))
    affect = np.column_stack([_affect(table, columns.affect.get(name, ""), affect_range, findings) for name in AFFECT])
    return ReadOutputs(probs=probs, affect=affect, classes=classes, findings=tuple(findings))


def read_labels(values: pd.Series, name: str, classes: Sequence[str]) -> list[str | None]:
    """Expressions from words, or from numbers that count ``classes`` from 0 on; ``None`` for an empty cell.

    Raises:
        ResultsError: a cell is no expression.
    """
    meaning: dict[str, str | None] = {"": None}
    texts = [text.strip() for text in as_text(values)]
    for text in dict.fromkeys(texts):
        if text in meaning:
            continue
        found = expression_of(text)
        if found is None and text.isdigit() and classes:
            found = classes[int(text)] if len(text) < 9 and int(text) < len(classes) else None
        if found is None:
            row = values.index[texts.index(text)] + 1
            numbers = f" The classes are numbered from 0 to {len(classes) - 1}." if classes else ""
            raise ResultsError(
                f"Row {row:,} of the column '{shorten(name)}' holds '{shorten(text, 40)}', no expression.{numbers}"
            )
        meaning[text] = found
    return [meaning[text] for text in texts]


def _softmax(scores: Array) -> Array:
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    shares: Array = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _shares(scores: Array, names: Sequence[str], table: pd.DataFrame, findings: list[Finding]) -> Array:
    """Probabilities that sum to 1."""
    sums = scores.sum(axis=1)
    percent = bool((np.abs(sums - 100) < 1).all())
    wrong = np.flatnonzero(((scores < -CLOSE) | (scores > (100 if percent else 1) + CLOSE)).any(axis=1) | (sums <= 0))
    if len(wrong):
        row = scores[wrong[0]]
        worst = row[np.argmax(np.abs(row - 0.5))]
        raise ResultsError(
            f"Row {table.index[wrong[0]] + 1:,} gives {names[int(np.argmax(np.abs(row - 0.5)))]} the probability {worst:g}, "
            "which is none. If these are logits, say so (--logits)."
        )
    off = np.abs(sums - 1)
    if percent:
        findings.append(Finding("The probabilities are percentages; they are divided by 100."))
    elif off.max() > STEP * len(names) + CLOSE:
        row = int(np.argmax(off))
        findings.append(
            Finding(
                f"The probabilities do not sum to 1: those of row {table.index[row] + 1:,} sum to {sums[row]:.3f}. Is a column "
                "missing, or are these logits or one yes and no for each expression? They would be divided by their sum.",
                doubt=True,
            )
        )
    elif off.max() > CLOSE:
        findings.append(Finding("The probabilities are rounded; they are divided by their sum."))
    shares: Array = np.maximum(scores, 0) / np.maximum(scores, 0).sum(axis=1, keepdims=True)
    return shares


def _affect(table: pd.DataFrame, column: str, affect_range: tuple[float, float], findings: list[Finding]) -> Array:
    if not column:
        return np.full(len(table), np.nan)
    low, high = affect_range
    if not (np.isfinite([low, high]).all() and low < high):
        raise ResultsError(f"Valence and arousal cannot lie between {low:g} and {high:g}.")
    numbers = as_numbers(table[column], column)
    values = (numbers - low) / (high - low) * 2 - 1
    outside = np.abs(values) > 1 + 1e-6
    if np.abs(values).max(initial=0) > 1 + OVERSHOOT:
        raise ResultsError(
            f"The column '{shorten(column)}' runs from {numbers.min():g} to {numbers.max():g}, outside [{low:g}, {high:g}]. "
            "If it has another scale, give its ends (--affect-range LOW HIGH)."
        )
    if outside.any():
        findings.append(
            Finding(
                f"{outside.sum():,} values of '{shorten(column)}' lie outside [{low:g}, {high:g}] and are clipped, as ours are."
            )
        )
    clipped: Array = np.clip(values, -1, 1)
    return clipped
