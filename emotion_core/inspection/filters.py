"""Which images are shown: a filter is data, so that it fits into an address and can be kept as a slice."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.errors import ConfigError
from emotion_core.inspection.affect import QUARTERS, quarter_of
from emotion_core.inspection.contradictions import excess
from emotion_core.inspection.piles import PILES, pile_numbers
from emotion_core.inspection.sets import decode_set
from emotion_core.inspection.table import num_runs
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.files import strict_json

VERSION = 1

OUTCOMES = ("right", "wrong")

CONTRADICTIONS: Mapping[str, tuple[str, str]] = {
    "label, annotated place": ("expression", ""),
    "predicted, predicted place": ("predicted_0", "_0"),
    "predicted, annotated place": ("predicted_0", ""),
}
"""Whose expression can contradict whose valence and arousal: column of the expression, ending of the place."""

PLACES: Mapping[str, str] = {"annotated": "", "predicted": "_0"}

REVIEWED, NOT_REVIEWED = "reviewed", "not reviewed"

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Flags:
    """What is known about images beyond a run's answers.

    Attributes:
        conflicts: ids of images whose pixels occur again with another label.
        leaked: ids of images whose pixels also stand in the training split.
        verdicts: of reviewers, by id.
        slices: from :func:`~emotion_core.inspection.attributes.cut_attributes`, by id.
    """

    conflicts: frozenset[str] = frozenset()
    leaked: frozenset[str] = frozenset()
    verdicts: Mapping[str, str] = field(default_factory=dict)
    slices: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Conditions that an image has to meet, all of them; the empty filter lets every image through.

    Attributes:
        true: expressions, one of which is the given label.
        predicted: expressions, one of which the first run predicts.
        second: expressions, one of which the second run predicts.
        outcome: ``"right"`` or ``"wrong"``, by the first run.
        pile: one of :data:`~emotion_core.inspection.piles.PILES`.
        least: smallest confidence of the first run, in [0, 1].
        most: largest confidence.
        region: a quarter of the plane, one of :data:`~emotion_core.inspection.affect.QUARTERS`.
        place: whose place lies there, a key of :data:`PLACES`.
        contradiction: a key of :data:`CONTRADICTIONS`.
        doubtful: only labels for which confident learning suggests another.
        conflict: only images whose pixels occur again with another label.
        leaked: only images whose pixels also stand in the training split.
        review: ``"reviewed"``, ``"not reviewed"`` or a verdict.
        part: an attribute and which of its slices, as :func:`part_name` puts it.
        name: what the image's id contains, whatever the case of its letters.
        chosen: images chosen one by one, as :func:`~emotion_core.inspection.sets.encode_set` writes them.
        runs: names of the runs that the conditions speak of.
    """

    true: tuple[str, ...] = ()
    predicted: tuple[str, ...] = ()
    second: tuple[str, ...] = ()
    outcome: str = ""
    pile: str = ""
    least: float = 0.0
    most: float = 1.0
    region: str = ""
    place: str = "annotated"
    contradiction: str = ""
    doubtful: bool = False
    conflict: bool = False
    leaked: bool = False
    review: str = ""
    part: str = ""
    name: str = ""
    chosen: str = ""
    runs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, allowed in _ALLOWED.items():
            value = getattr(self, name)
            for word in value if isinstance(value, tuple) else (value,) if value else ():
                if word not in allowed:
                    raise ConfigError(f"A filter's {name} cannot be '{word}'. Known: {', '.join(allowed)}.")
        # Written so that NaN fails too.
        if not 0 <= self.least <= self.most <= 1:
            raise ConfigError(f"A filter's confidence has to lie between 0 and 1, not between {self.least} and {self.most}.")

    @property
    def asks_answers(self) -> bool:
        """Whether it chooses images by what a run predicts for them; a measure of that run on them means little then."""
        said = (self.predicted, self.second, self.outcome, self.pile, self.doubtful, self.least > 0, self.most < 1)
        by_place = bool(self.region) and self.place == "predicted"
        return any(said) or by_place or self.contradiction.startswith("predicted")

    @property
    def asks_second(self) -> bool:
        """Whether it speaks of a second run."""
        return bool(self.second or self.pile)

    def without(self, *names: str) -> Filter:
        """The same without some of the conditions.

        Example:
            >>> Filter(true=("fear",), outcome="wrong").without("true").to_json()
            '{"v":1,"outcome":"wrong"}'
        """
        return Filter(**{entry.name: getattr(self, entry.name) for entry in fields(self) if entry.name not in names})

    def describe(self) -> str:
        """All conditions in words; nothing for the empty filter.

        Example:
            >>> Filter(true=("fear", "anger"), outcome="wrong", least=0.5).describe()
            'true fear or anger; wrong; confidence 0.50 to 1.00'
        """
        picked = (("true", self.true), ("predicted", self.predicted), ("predicted by the second run", self.second))
        words = [f"{what} {' or '.join(names)}" for what, names in picked if names]
        words += [word for word in (self.outcome, self.pile) if word]
        if self.least > 0 or self.most < 1:
            words.append(f"confidence {self.least:.2f} to {self.most:.2f}")
        if self.region:
            words.append(f"{self.place} place in {self.region}")
        if self.contradiction:
            words.append(f"contradiction ({self.contradiction})")
        flags = ((self.doubtful, "another label suggested"), (self.conflict, "same pixels, other label"))
        words += [word for asked, word in (*flags, (self.leaked, "also in the training split")) if asked]
        if self.review:
            words.append(self.review if self.review in (REVIEWED, NOT_REVIEWED) else f"reviewed as {self.review}")
        words += [self.part] if self.part else []
        words += [f"name contains “{self.name}”"] if self.name else []
        words += ["chosen one by one"] if self.chosen else []
        return "; ".join(words)

    def to_json(self) -> str:
        """Short text with a version; conditions that let everything through are left out.

        Example:
            >>> Filter(true=("fear",), outcome="wrong").to_json()
            '{"v":1,"true":["fear"],"outcome":"wrong"}'
        """
        said = {entry.name: getattr(self, entry.name) for entry in fields(self) if getattr(self, entry.name) != entry.default}
        return strict_json({"v": VERSION, **said}, separators=(",", ":"), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Filter:
        """Read what :meth:`to_json` wrote.

        Raises:
            ConfigError: it is no such text, of another version, or says what no filter can say.
        """
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"A stored filter is not readable JSON ({error}). Save the slice again.") from error
        if not isinstance(data, dict) or data.pop("v", None) != VERSION:
            raise ConfigError(f"A stored filter is not of version {VERSION}. Save the slice again.")
        kinds = {entry.name: type(entry.default) for entry in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in kinds:
                raise ConfigError(f"A stored filter asks for '{name}', which is unknown. Save the slice again.")
            values[name] = _checked(name, value, kinds[name])
        return cls(**values)


_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "true": EXPRESSIONS,
    "predicted": EXPRESSIONS,
    "second": EXPRESSIONS,
    "outcome": OUTCOMES,
    "pile": PILES,
    "region": QUARTERS,
    "place": tuple(PLACES),
    "contradiction": tuple(CONTRADICTIONS),
}


def _checked(name: str, value: Any, kind: type) -> Any:
    if kind is tuple and isinstance(value, list) and all(isinstance(word, str) for word in value):
        return tuple(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is not tuple and isinstance(value, kind):
        return value
    raise ConfigError(f"A stored filter has {value!r} as '{name}', which is not of the right type. Save the slice again.")


def choose_rows(table: pd.DataFrame, wanted: Filter, flags: Flags | None = None) -> npt.NDArray[np.int64]:
    """Positions of the images that a filter lets through, ascending.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        wanted: the filter. What it asks of a second run or of slices that are not there, no image meets.
        flags: what is known beyond the answers; nothing by default.

    Raises:
        ConfigError: images were chosen one by one among others than these.
    """
    known = Flags() if flags is None else flags
    keep = np.ones(len(table), dtype=np.bool_)
    for column, names in (("expression", wanted.true), ("predicted_0", wanted.predicted), ("predicted_1", wanted.second)):
        if names:
            keep &= table[column].isin(names).to_numpy() if column in table else False
    if wanted.outcome:
        keep &= table["correct_0"].to_numpy() == (wanted.outcome == "right")
    if wanted.pile:
        keep &= pile_numbers(table) == PILES.index(wanted.pile) if num_runs(table) == 2 else False
    if wanted.least > 0 or wanted.most < 1:
        confidence = table["confidence_0"].to_numpy()
        keep &= (confidence >= wanted.least) & (confidence <= wanted.most)
    if wanted.region:
        keep &= _in_region(table, wanted.region, PLACES[wanted.place])
    if wanted.contradiction:
        keep &= contradicting(table, wanted.contradiction)
    if wanted.doubtful:
        keep &= table["suggested_0"].notna().to_numpy()
    for asked, ids in ((wanted.conflict, known.conflicts), (wanted.leaked, known.leaked)):
        if asked:
            keep &= table["sample_id"].isin(ids).to_numpy()
    if wanted.review:
        keep &= _reviewed(table["sample_id"], wanted.review, known.verdicts)
    if wanted.part:
        keep &= _in_part(table["sample_id"], wanted.part, known.slices)
    if wanted.name:
        keep &= table["sample_id"].str.lower().str.contains(wanted.name.lower(), regex=False).to_numpy()
    if wanted.chosen:
        chosen = np.zeros(len(table), dtype=np.bool_)
        chosen[decode_set(wanted.chosen, table["sample_id"].to_numpy())] = True
        keep &= chosen
    return np.flatnonzero(keep)


def part_name(attribute: str, name: str) -> str:
    """How a filter names a slice.

    Example:
        >>> part_name("sharpness", "up to 0.12")
        'sharpness: up to 0.12'
    """
    return f"{attribute}: {name}"


def part_names(slices: pd.DataFrame) -> list[str]:
    """Every slice of every attribute, in order."""
    return [part_name(str(attribute), str(name)) for attribute in slices.columns for name in slices[attribute].cat.categories]


def contradicting(table: pd.DataFrame, whose: str) -> Mask:
    """Whether an expression contradicts a place by :data:`~emotion_core.inspection.contradictions.RULES`, shape ``(N,)``.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        whose: a key of :data:`CONTRADICTIONS`. What is missing contradicts nothing.
    """
    column, ending = CONTRADICTIONS[whose]
    sizes = excess(table[column], table[f"valence{ending}"], table[f"arousal{ending}"])
    return np.asarray(sizes.any(axis=0), dtype=np.bool_)


def _in_region(table: pd.DataFrame, region: str, ending: str) -> Mask:
    valence, arousal = (table[f"{axis}{ending}"].to_numpy(dtype=np.float64) for axis in ("valence", "arousal"))
    inside: Mask = (quarter_of(valence, arousal) == QUARTERS.index(region)) & np.isfinite(valence) & np.isfinite(arousal)
    return inside


def _in_part(ids: pd.Series, part: str, slices: pd.DataFrame) -> Mask:
    for attribute in slices.columns:
        name = part.removeprefix(part_name(str(attribute), ""))
        if name != part and name in slices[attribute].cat.categories:
            members = slices.index[(slices[attribute] == name).to_numpy()]
            return np.asarray(ids.isin(members).to_numpy(), dtype=np.bool_)
    return np.zeros(len(ids), dtype=np.bool_)


def _reviewed(ids: pd.Series, review: str, verdicts: Mapping[str, str]) -> Mask:
    if review == NOT_REVIEWED:
        return ~ids.isin(verdicts.keys()).to_numpy()
    wanted = [sample for sample, verdict in verdicts.items() if review in (REVIEWED, verdict)]
    return np.asarray(ids.isin(wanted).to_numpy(), dtype=np.bool_)
