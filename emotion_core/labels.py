"""The eight expressions, and every dataset's own names and numbers mapped onto them.

The order of :data:`EXPRESSIONS` is the order of logits, probabilities and matrices everywhere in this package. Datasets
number the same expressions differently, so a label is always translated through its name and never used as an index.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EXPRESSIONS: tuple[str, ...] = (
    "neutral",
    "happiness",
    "sadness",
    "surprise",
    "fear",
    "disgust",
    "anger",
    "contempt",
)
"""Names of the eight expressions, in the order of every array of this package."""

AFFECT: tuple[str, ...] = ("valence", "arousal")
"""The two continuous outputs, each in [-1, 1]."""

OUTPUTS: tuple[str, ...] = EXPRESSIONS + AFFECT
"""All ten outputs of a network, in order."""

_SYNONYMS: Mapping[str, str] = MappingProxyType(
    {
        "happy": "happiness",
        "sad": "sadness",
        "surprised": "surprise",
        "fearful": "fear",
        "afraid": "fear",
        "disgusted": "disgust",
        "angry": "anger",
        "contemptuous": "contempt",
    }
)

AFFECTNET: Mapping[int, str] = MappingProxyType(
    dict(enumerate(("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")))
)
"""AffectNet's expression numbers. 8 (none), 9 (uncertain) and 10 (no face) are not expressions."""

FER2013: Mapping[int, str] = MappingProxyType(
    dict(enumerate(("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")))
)
"""FER-2013's emotion numbers."""

RAF_DB: Mapping[int, str] = MappingProxyType(
    dict(enumerate(("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"), start=1))
)
"""RAF-DB's numbers of the seven basic expressions."""

FERPLUS_VOTES: tuple[str, ...] = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)
"""FER+'s vote columns in file order; the last two mean "unknown" and "not a face"."""


def expression_name(name: str) -> str:
    """Translate a dataset's word for an expression into this package's.

    Args:
        name: any usual word, in any case, such as ``"Happy"`` or ``"anger"``.

    Returns:
        One of :data:`EXPRESSIONS`.

    Raises:
        ValueError: the word is not one of the eight expressions.

    Example:
        >>> expression_name("Angry")
        'anger'
    """
    word = name.strip().lower()
    word = _SYNONYMS.get(word, word)
    if word not in EXPRESSIONS:
        raise ValueError(f"'{name}' is not one of the eight expressions: {', '.join(EXPRESSIONS)}.")
    return word


def expression_index(name: str) -> int:
    """Position of an expression in :data:`EXPRESSIONS`; accepts the same words as :func:`expression_name`."""
    return EXPRESSIONS.index(expression_name(name))
