"""Which faces have an expression that contradicts their valence or arousal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.texts import signed

Array = npt.NDArray[np.float64]

TOLERANCE = 1e-9


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
        bounds = [f"{word} {signed(value)}" for word, value in (("≥", self.low), ("≤", self.high)) if abs(value) < 1]
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


def excess(expressions: npt.ArrayLike, valence: npt.ArrayLike, arousal: npt.ArrayLike) -> Array:
    """How far each value lies outside what a rule allows, shape ``(len(RULES), N)``.

    Args:
        expressions: a name each, or missing; shape ``(N,)``.
        valence: in [-1, 1], shape ``(N,)``.
        arousal: likewise.

    Returns:
        A row a rule of :data:`RULES`; 0 where the value fits, where the face has another expression, and where one of both is
        missing.
    """
    codes = pd.Index(EXPRESSIONS).get_indexer(pd.Index(np.asarray(expressions, dtype=object)))
    values = {"valence": np.asarray(valence, dtype=np.float64), "arousal": np.asarray(arousal, dtype=np.float64)}
    found = np.zeros((len(RULES), len(codes)))
    for row, rule in zip(found, RULES, strict=True):
        beyond = np.fmax(rule.low - values[rule.axis], values[rule.axis] - rule.high)
        # A bound itself fits, and the last digit of a stored value decides nothing.
        outside = (codes == EXPRESSIONS.index(rule.expression)) & (beyond > TOLERANCE)
        row[outside] = beyond[outside]
    return found


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
    sizes = excess(expressions, valence, arousal)
    values = {"valence": np.asarray(valence, dtype=np.float64), "arousal": np.asarray(arousal, dtype=np.float64)}
    size = sizes.max(axis=0)
    rows = np.flatnonzero(size)
    rows = rows[np.argsort(-size[rows], kind="stable")]
    words = []
    for row in rows:
        broken = [rule for rule, beyond in zip(RULES, sizes[:, row], strict=True) if beyond]
        where = " and ".join(f"{rule.axis} {signed(values[rule.axis][row])}" for rule in broken)
        words.append(f"{broken[0].expression} with {where}")
    return pd.DataFrame({"row": rows, "contradiction": words, "size": size[rows]})


def contradiction_table(faces: pd.DataFrame, predicted: pd.Series | None = None, run: int = 0) -> pd.DataFrame:
    """The faces of a table whose expression contradicts their place, largest contradiction first.

    Args:
        faces: from :func:`~emotion_core.inspection.affect.join_runs`.
        predicted: expressions that the run predicts, from :func:`~emotion_core.inspection.affect.predicted_expressions`, which
            are held against the place that it predicts; true expressions and true places when ``None``.
        run: its number in ``faces``.

    Returns:
        ``image, contradiction, size, expression, valence, arousal``, a row a face.
    """
    if predicted is None:
        expressions, ending = faces["expression"], ""
    else:
        expressions, ending = predicted.reindex(faces["sample_id"].to_numpy()), f"_{run}"
    names = expressions.to_numpy(dtype=object)
    valence, arousal = (faces[f"{axis}{ending}"].to_numpy(dtype=np.float64) for axis in AFFECT)
    found = find_contradictions(names, valence, arousal)
    at = found["row"].to_numpy()
    return pd.DataFrame(
        {
            "image": faces["sample_id"].to_numpy()[at],
            "contradiction": found["contradiction"].to_numpy(),
            "size": found["size"].to_numpy(),
            "expression": names[at],
            "valence": valence[at],
            "arousal": arousal[at],
        }
    )
