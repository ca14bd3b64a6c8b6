r"""How often is each expression expected? Class priors, and probabilities under another one.

A network that was trained where expression :math:`c` has the share :math:`\pi_s(c)` gives probabilities that hold there. Where
the shares are :math:`\pi_t(c)`, and faces of one expression look the same in both places, Bayes' rule turns them into

.. math:: p_t(c \mid x) = \frac{p_s(c \mid x) \, \pi_t(c) / \pi_s(c)}{\sum_k p_s(k \mid x) \, \pi_t(k) / \pi_s(k)} .

References:
    M. Saerens, P. Latinne, C. Decaestecker (2002), Adjusting the Outputs of a Classifier to New a Priori Probabilities: A
    Simple Procedure, Neural Computation 14(1).
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import ConfigError, did_you_mean
from emotion_core.labels import EXPRESSIONS

Array = npt.NDArray[np.float64]

TRAINED = "trained"
"""The mix that the network was trained on: probabilities stay as they are."""

ESTIMATE = "estimate"
"""The mix that the pictures at hand suggest: :func:`estimate_prior`."""

MIN_FACES = 30
"""Fewer faces suggest no mix: with ten of them the estimate often rests on a single expression."""

_STEPS = 10_000
_CONVERGED = 1e-8


@dataclass(frozen=True)
class Prior:
    """A share for each expression.

    Attributes:
        name: ``"balanced"``, ``"everyday"``, ``"estimate"``, ``"table"``, …
        values: in the order of :data:`~emotion_core.labels.EXPRESSIONS`, at least 0, with the sum 1.
    """

    name: str
    values: tuple[float, ...]

    @property
    def array(self) -> Array:
        """The shares as an array of shape ``(8,)``."""
        return np.array(self.values, dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """As plain data: ``name``, and ``values`` by expression."""
        return {"name": self.name, "values": dict(zip(EXPRESSIONS, (round(value, 4) for value in self.values), strict=True))}

    def describe(self, count: int = 3) -> str:
        """The largest shares in words.

        Example:
            >>> EVERYDAY.describe()
            'neutral 33 %, happiness 26 %, sadness 14 %, …'
        """
        order = np.argsort(-self.array, kind="stable")[:count]
        return ", ".join([*(f"{EXPRESSIONS[index]} {100 * self.values[index]:.0f} %" for index in order), "…"])


def make_prior(table: Mapping[str, Any], name: str = "table") -> Prior:
    """A prior from eight numbers in any unit: they are divided by their sum.

    Args:
        table: a number for each expression, at least 0.
        name: what to call it.

    Raises:
        ConfigError: an entry is missing, unknown, negative or no number, or all are 0.
    """
    unknown = [str(key) for key in table if key not in EXPRESSIONS]
    if unknown:
        guess = did_you_mean(unknown[0], EXPRESSIONS)
        raise ConfigError(f"The prior names '{unknown[0]}', which is not one of {', '.join(EXPRESSIONS)}.{guess}")
    missing = [expression for expression in EXPRESSIONS if expression not in table]
    if missing:
        raise ConfigError(f"The prior has no number for {', '.join(missing)}; write 0 for what does not occur.")
    for expression, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ConfigError(f"The prior of {expression} is {value!r}, which is not a number.")
        if value < 0:
            raise ConfigError(f"The prior of {expression} is {value:g}; a share cannot be negative.")
    total = float(sum(table.values()))
    if total <= 0:
        raise ConfigError("All entries of the prior are 0, so no expression could ever be predicted.")
    return Prior(name, tuple(float(table[expression]) / total for expression in EXPRESSIONS))


BALANCED = make_prior(dict.fromkeys(EXPRESSIONS, 1), "balanced")
"""Every expression equally often, as in AffectNet's validation images."""

EVERYDAY = make_prior(
    {
        "neutral": 0.3334,
        "happiness": 0.2648,
        "sadness": 0.1413,
        "surprise": 0.1227,
        "fear": 0.0307,
        "disgust": 0.0102,
        "anger": 0.0867,
        "contempt": 0.0103,
    },
    "everyday",
)
"""The mix of FER+'s training votes: the mean over its 28,386 training images of the distribution of their votes. It stands for
pictures as people take and publish them."""

NAMED = {prior.name: prior for prior in (BALANCED, EVERYDAY)}


def read_prior(text: str) -> Prior | str:
    """A prior as a user names it.

    Args:
        text: ``"balanced"``, ``"everyday"``, ``"trained"``, ``"estimate"``; eight numbers as ``"neutral=0.4,happiness=0.3,…"``;
            or a TOML or JSON file that holds them.

    Returns:
        The prior; or :data:`TRAINED` or :data:`ESTIMATE`, which the run and the pictures decide.

    Raises:
        ConfigError: it is none of these; the message says what is wrong.
    """
    word = text.strip()
    if word in NAMED:
        return NAMED[word]
    if word in (TRAINED, ESTIMATE):
        return word
    if word.lower().endswith((".toml", ".json")):
        return make_prior(_read_file(Path(word).expanduser()))
    if "=" in word:
        return make_prior(_read_pairs(word))
    known = (*NAMED, TRAINED, ESTIMATE)
    raise ConfigError(
        f"There is no prior '{text}'.{did_you_mean(word, known)} Known: {', '.join(known)}, a table such as "
        "'neutral=0.4,happiness=0.3,…', and a TOML or JSON file with one."
    )


def _read_pairs(text: str) -> dict[str, float]:
    table: dict[str, float] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name in table:
            raise ConfigError(f"The prior names {name} twice.")
        try:
            table[name] = float(value)
        except ValueError:
            raise ConfigError(f"The prior of {name} is '{value}', which is not a number.") from None
    return table


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else json.loads(text)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ConfigError(f"The prior in '{path}' cannot be read ({reason}).") from error
    table = content.get("prior", content) if isinstance(content, dict) else None
    if not isinstance(table, dict):
        raise ConfigError(f"'{path}' holds no table of eight numbers, one for each expression.")
    return table


def shift_prior(probs: npt.ArrayLike, source: npt.ArrayLike, target: npt.ArrayLike) -> Array:
    """Probabilities under one prior, turned into those under another.

    Args:
        probs: shape ``(N, K)``, rows sum to 1.
        source: the prior that they hold under, shape ``(K,)``. A class whose share is 0 was never seen and stays at 0.
        target: the prior that they are to hold under, shape ``(K,)``.

    Returns:
        Shape ``(N, K)``, rows sum to 1.

    Raises:
        ValueError: no class is left that both priors allow.

    Example:
        >>> shift_prior([[0.5, 0.5]], [0.5, 0.5], [0.9, 0.1]).round(4).tolist()
        [[0.9, 0.1]]
    """
    p, s, t = (np.asarray(values, dtype=np.float64) for values in (probs, source, target))
    ratio = np.divide(t, s, out=np.zeros_like(t), where=s > 0)
    if not (ratio > 0).any():
        raise ValueError("no class has a share under both priors")
    # A probability of exactly 0 for all that is left would have no answer; the smallest number keeps the ratio of the priors.
    weighed = np.maximum(p, np.finfo(np.float64).tiny) * ratio
    shifted: Array = weighed / weighed.sum(axis=1, keepdims=True)
    return shifted


def class_weights(target: npt.ArrayLike, labels: npt.NDArray[np.integer[Any]]) -> Array:
    r"""How much an image of each class counts so that a set of images has another mix: :math:`\pi_t(c) / \hat\pi(c)`.

    Args:
        target: the wanted shares, shape ``(K,)``.
        labels: classes of the images, shape ``(N,)``, at least one.

    Returns:
        Shape ``(K,)``; a class without an image has the largest weight of the others.

    Example:
        >>> class_weights([0.5, 0.5], np.array([0, 0, 0, 1])).round(3).tolist()
        [0.667, 2.0]
    """
    t = np.asarray(target, dtype=np.float64)
    counts = np.bincount(labels, minlength=len(t))
    weights = np.divide(t * len(labels), counts, out=np.zeros_like(t), where=counts > 0)
    return np.where(counts > 0, weights, weights.max())


@dataclass(frozen=True)
class PriorEstimate:
    """What :func:`estimate_prior` found.

    Attributes:
        values: share of each class, shape ``(K,)``, with the sum 1.
        steps: of the iteration.
        faces: how many it rests on.
    """

    values: Array
    steps: int
    faces: int


def estimate_prior(probs: npt.ArrayLike, source: npt.ArrayLike) -> PriorEstimate:
    r"""The mix of classes in unlabelled pictures, by expectation maximisation.

    .. math:: \pi^{(j+1)}(c) = \frac{1}{N} \sum_i p^{(j)}(c \mid x_i)

    where :math:`p^{(j)}` are the probabilities under :math:`\pi^{(j)}`, from :func:`shift_prior`. It finds the maximum of the
    likelihood, which is concave, so that the start does not matter. It rests on the probabilities being calibrated.

    Args:
        probs: under ``source``, shape ``(N, K)``.
        source: shape ``(K,)``; a class whose share is 0 stays at 0.

    Raises:
        ValueError: there is no picture.

    References:
        M. Saerens, P. Latinne, C. Decaestecker (2002), Neural Computation 14(1).

    Example:
        Pictures that are beyond doubt are counted.

        >>> estimate_prior([[1, 0], [1, 0], [1, 0], [0, 1]], [0.5, 0.5]).values.round(3).tolist()
        [0.75, 0.25]
    """
    p, s = np.asarray(probs, dtype=np.float64), np.asarray(source, dtype=np.float64)
    if p.ndim != 2 or not len(p):
        raise ValueError(f"probs must be (N, K) with at least one row, got shape {p.shape}")
    current = np.where(s > 0, s, 0.0) / s.sum()
    steps = 0
    while steps < _STEPS:
        steps += 1
        updated = shift_prior(p, s, current).mean(axis=0)
        change = np.abs(updated - current).max()
        current = updated
        if change < _CONVERGED:
            break
    return PriorEstimate(current / current.sum(), steps, len(p))
