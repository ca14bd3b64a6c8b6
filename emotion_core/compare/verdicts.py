"""What a difference between two runs says, in words and in test images."""

from __future__ import annotations

import math

from emotion_core.compare.pairs import ALPHA, Comparison, Difference
from emotion_core.metrics.significance import detectable_difference, images_needed
from emotion_core.metrics.table import METRICS

POWER = 0.8
"""Chance of a significant difference that numbers of test images are computed for."""

BETTER, WORSE = "significantly better", "significantly worse"
SAME, OPEN = "practically the same", "not significantly different"


def verdict(difference: Difference) -> str:
    """What the tests say of the first run: it is practically the same as the second, better, worse, or none of these.

    A difference that is shown to be smaller than the margin is practically none, even where it is significant.
    """
    if difference.p_same < ALPHA:
        return SAME
    if not difference.p_holm < ALPHA:
        return OPEN
    return BETTER if (difference.value > 0) == (METRICS[difference.measure].better == "higher") else WORSE


def images_to_tell(difference: Difference) -> float:
    """How many test images would make a difference of this size significant among as many pairs, at a power of 0.8.

    The level is 0.05 by the number of pairs (Bonferroni), where Holm's correction starts. Infinite for no difference.
    """
    return float(
        images_needed(difference.value, difference.spread, difference.images, level=ALPHA / difference.pairs, power=POWER)
    )


def detectable(comparison: Comparison, measure: str) -> float:
    """The smallest difference from the baseline that these images find significant with a power of 0.8.

    For the run in the middle, since pairs differ in their spread; NaN without a pair.
    """
    found = [comparison.against_baseline(entry.name, measure) for entry in comparison.entries]
    known = sorted((pair for pair in found if pair is not None and math.isfinite(pair.spread)), key=lambda pair: pair.spread)
    if not known:
        return math.nan
    middle = known[len(known) // 2]
    return float(detectable_difference(middle.spread, level=ALPHA / middle.pairs, power=POWER))
