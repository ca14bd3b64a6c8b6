"""Learning rates over the steps of one phase."""

from __future__ import annotations

import math
from dataclasses import dataclass


def learning_rate(schedule: str, step: int, total: int, *, warmup: float) -> float:
    """Share of the peak rate at one step.

    ``constant`` and ``plateau`` rise linearly and then stay, ``cosine`` rises linearly and falls to 0 as half a cosine,
    ``one-cycle`` rises from 1/25 and falls to 1/10,000 of the peak, both as half a cosine (L. Smith and N. Topin 2018).

    Args:
        schedule: one of :data:`~emotion_core.training.limits.SCHEDULES`.
        step: 0 to ``total - 1``.
        total: number of steps of the phase.
        warmup: share of the steps in which the rate rises, in [0, 1).

    Returns:
        A number in (0, 1].
    """
    rise = warmup * total
    if schedule == "one-cycle":
        if step < rise:
            return _between(1 / 25, 1.0, step / rise)
        return _between(1.0, 1e-4, (step - rise) / max(total - rise, 1))
    if step < rise:
        return (step + 1) / (rise + 1)
    if schedule == "cosine":
        return _between(1.0, 0.0, (step - rise) / max(total - rise, 1))
    return 1.0


def _between(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))


@dataclass(kw_only=True)
class Plateau:
    """Counts epochs without a better score: the rate falls after some, the phase ends after more.

    Attributes:
        best: best score so far.
        bad: epochs since then.
        factor: what the rate is multiplied by now.
    """

    best: float = -math.inf
    bad: int = 0
    factor: float = 1.0

    def update(self, score: float, *, patience: int, shrink: float) -> None:
        """Count one epoch; after every ``patience`` bad ones in a row the factor is multiplied by ``shrink``."""
        if score > self.best:
            self.best, self.bad = score, 0
            return
        self.bad += 1
        if self.bad % patience == 0:
            self.factor *= shrink
