"""One table for every dataset: who is on the picture, what they express, which split it belongs to."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.errors import DataError
from emotion_core.labels import EXPRESSIONS

OnError = Literal["raise", "skip"]
"""What to do with a broken sample: refuse the dataset, or leave the sample out and report it."""

SHOWN = 20
"""So many left-out samples are logged one by one."""

log = logging.getLogger(__name__)

COLUMNS = ("sample_id", "expression", "valence", "arousal", "split")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One thing that was wrong with one file of a dataset."""

    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, kw_only=True)
class FaceTable:
    """Labelled faces of one dataset.

    Attributes:
        name: the dataset's name, such as ``"affectnet-3999"``.
        frame: one row an image. ``sample_id`` (path relative to the dataset's root, unique), ``expression`` (one of
            :data:`~emotion_core.labels.EXPRESSIONS`, or missing), ``valence`` and ``arousal`` (float in [-1, 1], or NaN
            where there is none), ``split`` (``"train"``, ``"val"``, ``"test"`` or ``""`` when not assigned yet).
        distributions: share of annotators for each expression, shape ``(N, 8)``, rows sum to 1; ``None`` where the
            dataset has one label an image.
        read_bytes: gives the encoded picture for a ``sample_id``.
        problems: what was wrong with files that were left out.
        unlabelled: ids of further pictures, to which the dataset's protocol gives no label, and the split in which each stands.
        attributes: what the dataset says besides, such as an age group: text, a row for each id (the index), a column each.
    """

    name: str
    frame: pd.DataFrame
    read_bytes: Callable[[str], bytes] = field(repr=False)
    distributions: npt.NDArray[np.float32] | None = None
    problems: tuple[Problem, ...] = ()
    unlabelled: Mapping[str, str] = field(default_factory=dict, repr=False)
    attributes: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)

    def __post_init__(self) -> None:
        missing = [column for column in COLUMNS if column not in self.frame.columns]
        if missing:
            raise DataError(f"The table of '{self.name}' lacks the column {missing[0]!r}.")
        if not self.frame["sample_id"].is_unique:
            twice = self.frame["sample_id"][self.frame["sample_id"].duplicated()].iloc[0]
            raise DataError(f"'{self.name}' lists the image '{twice}' twice.")
        if self.distributions is not None and self.distributions.shape != (len(self.frame), len(EXPRESSIONS)):
            raise DataError(
                f"'{self.name}' has {len(self.frame)} images, but label distributions of shape {self.distributions.shape}."
            )

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def sample_ids(self) -> list[str]:
        """Ids of all images, in table order."""
        return [str(sample_id) for sample_id in self.frame["sample_id"]]

    @property
    def expression_indices(self) -> npt.NDArray[np.int64]:
        """Position in ``EXPRESSIONS`` for each image, shape ``(N,)``; -1 where there is no expression."""
        positions = {name: index for index, name in enumerate(EXPRESSIONS)}
        return np.array([positions.get(name, -1) for name in self.frame["expression"]], dtype=np.int64)

    @property
    def affect(self) -> npt.NDArray[np.float32]:
        """Valence and arousal, shape ``(N, 2)``, NaN where there is none."""
        return self.frame[["valence", "arousal"]].to_numpy(dtype=np.float32, copy=True)

    @property
    def targets(self) -> npt.NDArray[np.float32]:
        """Label distributions, shape ``(N, 8)``: given, or one-hot; a row of zeros where there is no expression."""
        if self.distributions is not None:
            return self.distributions
        indices = self.expression_indices
        targets = np.zeros((len(self), len(EXPRESSIONS)), dtype=np.float32)
        known = indices >= 0
        targets[np.flatnonzero(known), indices[known]] = 1.0
        return targets

    def where(self, mask: npt.ArrayLike) -> FaceTable:
        """The rows for which ``mask`` (boolean, shape ``(N,)``) is true, in the same order."""
        chosen = np.flatnonzero(np.asarray(mask, dtype=bool))
        return replace(
            self,
            frame=self.frame.iloc[chosen].reset_index(drop=True),
            distributions=None if self.distributions is None else self.distributions[chosen],
        )

    def showing(self, expressions: Sequence[str]) -> FaceTable:
        """The images that show one of these expressions; the others count as pictures without a label."""
        chosen = self.frame["expression"].isin(expressions).to_numpy()
        left_out = self.frame.loc[~chosen, ["sample_id", "split"]].to_numpy(dtype=object)
        unlabelled = {**self.unlabelled, **{str(sample_id): str(split) for sample_id, split in left_out}}
        return replace(self.where(chosen), unlabelled=unlabelled)

    def split(self, name: str) -> FaceTable:
        """The rows of one split.

        Raises:
            DataError: the table has no image in that split.
        """
        chosen = self.where((self.frame["split"] == name).to_numpy())
        if not len(chosen):
            splits = sorted({str(other) for other in self.frame["split"]} - {""})
            raise DataError(f"'{self.name}' has no split '{name}'; it has {', '.join(splits) or 'none'}.")
        return chosen

    def with_split(self, split: Sequence[str] | npt.NDArray[np.object_]) -> FaceTable:
        """The same images, assigned to other splits."""
        return replace(self, frame=self.frame.assign(split=np.asarray(split, dtype=object)))

    def fingerprint(self) -> str:
        """SHA-256 over ids and labels, independent of row order, 16 hexadecimal digits.

        Two results may be compared when their fingerprints agree: the same images with the same labels.
        """
        values = self.frame[["sample_id", "expression", "valence", "arousal"]].to_numpy(dtype=object)
        lines = sorted(
            "\t".join((str(sample), "" if pd.isna(expression) else str(expression), _number(valence), _number(arousal)))
            for sample, expression, valence, arousal in values
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]

    def describe(self) -> str:
        """What was counted, in one line."""
        counts = self.frame["expression"].value_counts()
        parts = ", ".join(f"{name} {counts[name]:,}" for name in EXPRESSIONS if name in counts)
        left_out = f"; {len(self.problems):,} left out" if self.problems else ""
        return f"{self.name}: {len(self):,} images ({parts}){left_out}"


def build_frame(
    sample_ids: Iterable[str],
    expressions: Iterable[str | None],
    valence: Iterable[float] | None = None,
    arousal: Iterable[float] | None = None,
    split: Iterable[str] | None = None,
) -> pd.DataFrame:
    """Assemble a table's frame; absent columns become missing values."""
    ids = list(sample_ids)
    nothing = [np.nan] * len(ids)
    return pd.DataFrame(
        {
            "sample_id": pd.Series(ids, dtype=object),
            "expression": pd.Series(list(expressions), dtype=object),
            "valence": pd.Series(nothing if valence is None else list(valence), dtype=float),
            "arousal": pd.Series(nothing if arousal is None else list(arousal), dtype=float),
            "split": pd.Series([""] * len(ids) if split is None else list(split), dtype=object),
        }
    )


def settle(problems: list[Problem], on_error: OnError, name: str) -> tuple[Problem, ...]:
    """Refuse a dataset with problems, or hand them on and log them, as the caller asked.

    Raises:
        DataError: there are problems and ``on_error`` is ``"raise"``; the message shows the first three.
    """
    if problems and on_error == "raise":
        shown = "; ".join(str(problem) for problem in problems[:3])
        more = f"; and {len(problems) - 3:,} more" if len(problems) > 3 else ""
        count = "1 broken sample" if len(problems) == 1 else f"{len(problems):,} broken samples"
        raise DataError(f"'{name}' has {count}: {shown}{more}. Mend them, or skip them (--skip-broken).")
    for problem in problems[:SHOWN]:
        log.warning("%s: left out %s", name, problem)
    if len(problems) > SHOWN:
        log.warning("%s: left out %s more", name, f"{len(problems) - SHOWN:,}")
    return tuple(problems)


def _number(value: float) -> str:
    return "" if pd.isna(value) else f"{float(value):.6f}"
