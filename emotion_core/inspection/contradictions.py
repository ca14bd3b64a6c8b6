"""Which faces have an expression that contradicts their valence or arousal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd


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
