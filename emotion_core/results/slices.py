"""Accuracy by slice, kept beside the evaluation that it belongs to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path

from emotion_core.errors import CheckpointError
from emotion_core.results.checked import LARGEST_TABLE, read_bytes, read_json
from emotion_core.results.files import strict_json, write_text
from emotion_core.results.run import Run

FILE = "slices.json"

ALPHA = 0.05
"""Level of the test, after Holm's correction."""


LEGEND = (
    "Accuracy with its 95 % Wilson interval over images. Expected: what it would be if each expression of the slice was "
    f"recognised as often as among all images; tested within expressions, with Holm's correction over all slices ({ALPHA:g})."
)
"""What the columns of :func:`slice_rows` are."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """How a run does on some images of a split.

    Attributes:
        attribute: by what the images were grouped, such as ``"sharpness"``.
        name: which of them, such as ``"up to 0.12"``.
        images: how many.
        accuracy: share of them that is right.
        low: lower end of its 95 % Wilson interval.
        high: upper end.
        expected: accuracy that they would have if each of their expressions was recognised as often as among all images.
        p_holm: of the difference between both, after Holm's correction over all slices; ``None`` where too few were tested.
        difference: accuracy less that of all other images of the same expressions, in [-1, 1]; ``None`` where there are none
            of these, and in files of earlier versions.
    """

    attribute: str
    name: str
    images: int
    accuracy: float
    low: float
    high: float
    expected: float
    p_holm: float | None
    difference: float | None = None

    @property
    def lost(self) -> float:
        """How many images fewer are right than its expressions let expect; below 0 where it is better."""
        return self.images * (self.expected - self.accuracy)

    @property
    def worse(self) -> bool:
        """Whether it is significantly worse."""
        return self.differs and self.accuracy < self.expected

    @property
    def differs(self) -> bool:
        """Whether it is significantly better or worse than its expressions let expect."""
        return self.p_holm is not None and self.p_holm < ALPHA


def slice_rows(slices: Sequence[Slice]) -> list[dict[str, str]]:
    """As people read them: a row a slice."""
    return [
        {
            "by": each.attribute,
            "images": each.name,
            "number": f"{each.images:,}",
            "accuracy": f"{each.accuracy:.3f} [{each.low:.3f}, {each.high:.3f}]",
            "expected": f"{each.expected:.3f}",
            "p (Holm)": "" if each.p_holm is None else f"{each.p_holm:.3f}",
            "verdict": ("worse" if each.worse else "better") if each.differs else "",
        }
        for each in slices
    ]


def worse_slices(slices: Sequence[Slice]) -> str:
    """Which images a run is significantly worse on, in words.

    Example:
        >>> worse_slices(())
        'Significantly worse: none.'
    """
    worse = [f"{each.attribute}: {each.name}" for each in slices if each.worse]
    return f"Significantly worse: {'; '.join(worse) or 'none'}."


def write_slices(run: Run, evaluation: str, slices: Sequence[Slice]) -> Path:
    """Keep slices beside the predictions that they were computed of.

    Raises:
        CheckpointError: there are no such predictions.
    """
    folder = run.path / "evaluations" / evaluation
    content = {"predictions": _digest(folder), "slices": [asdict(each) for each in slices]}
    write_text(folder / FILE, strict_json(content, indent=2, ensure_ascii=False) + "\n")
    return folder / FILE


def read_slices(run: Run, evaluation: str) -> tuple[Slice, ...]:
    """Slices of an evaluation; none where none were kept, or they belong to earlier predictions, or cannot be read."""
    folder = run.path / "evaluations" / evaluation
    try:
        content = read_json(folder / FILE)
        if content["predictions"] != _digest(folder):
            return ()
        names = [field.name for field in fields(Slice) if field.default is MISSING]
        return tuple(
            Slice(**{name: each[name] for name in names}, difference=each.get("difference")) for each in content["slices"]
        )
    except (OSError, ValueError, LookupError, TypeError, CheckpointError):
        return ()


def _digest(folder: Path) -> str:
    predictions = folder / "predictions.parquet"
    try:
        return hashlib.blake2b(read_bytes(predictions, largest=LARGEST_TABLE), digest_size=16).hexdigest()
    except (OSError, ValueError) as error:
        raise CheckpointError(f"'{predictions}' cannot be read ({error}). Evaluate the run again.") from error
