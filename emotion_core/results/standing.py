"""How well and how fast a run reads faces, as far as its folder says, and whether another one does both better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emotion_core.results.run import Run


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of a run; folders of other versions may lack anything.

    Attributes:
        dataset: whose test images ``accuracy`` was measured on.
        fingerprint: of these images and labels.
        accuracy: in [0, 1].
        mirrored: whether the figures were measured with flip test-time augmentation.
        milliseconds: that a face takes.
        measured_on: the machine.
    """

    dataset: str = ""
    fingerprint: str = ""
    accuracy: float | None = None
    mirrored: bool = False
    milliseconds: float | None = None
    measured_on: str = ""

    def comparable(self, other: Standing) -> bool:
        """Whether both have an accuracy on the same images and a time on the same machine."""
        same = (self.fingerprint, self.measured_on) == (other.fingerprint, other.measured_on)
        return same and None not in (self.accuracy, self.milliseconds, other.accuracy, other.milliseconds)


def standing_of(run: Run) -> Standing:
    """The first accuracy on test images, and the time a face takes."""
    timings = run.info.timings
    found = Standing(
        milliseconds=_number(timings.get("ms_per_face")), measured_on=str(timings.get("measured_on", "an unnamed machine"))
    )
    for metrics in run.evaluations.values():
        measures = metrics.get("measures") if metrics.get("split") == "test" else None
        accuracy = measures.get("accuracy") if isinstance(measures, Mapping) else None
        value = _number(accuracy.get("value")) if isinstance(accuracy, Mapping) else None
        if value is not None:
            dataset, fingerprint = (str(metrics.get(key, "")) for key in ("dataset", "fingerprint"))
            mirrored = bool(metrics.get("flip"))
            return replace(found, dataset=dataset, fingerprint=fingerprint, accuracy=value, mirrored=mirrored)
    return found


def none_is_better(first: Standing, others: Sequence[Standing]) -> bool:
    """Whether some run can be compared with the first, and none of them is at least as accurate in at most its time."""
    rivals = [other for other in others if first.comparable(other)]
    return bool(rivals) and not any(
        (other.accuracy or 0) >= (first.accuracy or 0) and (other.milliseconds or 0) <= (first.milliseconds or 0)
        for other in rivals
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
