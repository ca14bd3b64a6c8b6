"""Did a run collapse? A network that has learned nothing but the average still scores."""

from __future__ import annotations

import numpy as np
import pandas as pd

from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.columns import affect_columns, expression_columns

FEW_CLASSES = 2
"""A run that answers with no more classes than this has collapsed …"""

ALMOST_ALL = 0.99
"""… if they make up this share of its answers …"""

MANY_CLASSES = 4
"""… while the images show at least this many."""

SMALL_SPREAD = 0.1
"""Valence or arousal has collapsed if its standard deviation is below this share of the annotations'."""


def find_collapse(predictions: pd.DataFrame) -> list[str]:
    """Reasons to call a run collapsed, in words.

    Expressions have collapsed when one or two of them make up 99 % of the answers although the images show at least four.
    Valence or arousal has collapsed when its predictions are constant or their standard deviation is below 10 % of the
    annotations', which themselves vary. Only labelled images are looked at; an output that is not predicted is not judged.

    Args:
        predictions: a row an image with the columns of ``predictions.parquet``.

    Returns:
        A sentence a reason; empty for a healthy run.

    Raises:
        ValueError: as in :func:`~emotion_core.metrics.summary.summarize`.
    """
    reasons = []
    expressions = expression_columns(predictions)
    if expressions is not None:
        shown = len(np.unique(expressions.target))
        answers = np.bincount(expressions.preds, minlength=len(EXPRESSIONS)) / len(expressions.preds)
        # The fewest classes that make up almost all answers.
        order = np.argsort(-answers, kind="stable")
        few = int(np.argmax(np.cumsum(answers[order]) >= ALMOST_ALL - 1e-12)) + 1
        if few <= FEW_CLASSES and shown >= MANY_CLASSES:
            share = answers[order[:few]].sum()
            names = " or ".join(EXPRESSIONS[index] for index in order[:few])
            reasons.append(f"{share:.1%} of the answers are {names}, but the images show {shown} expressions.")
    for name in AFFECT:
        affect = affect_columns(predictions, name)
        if affect is None or np.ptp(affect.target) == 0:
            continue
        spread, true_spread = affect.preds.std(), affect.target.std()
        if np.ptp(affect.preds) == 0:
            reasons.append(f"Predicted {name} is {affect.preds[0]:.3f} for every image.")
        elif spread < SMALL_SPREAD * true_spread:
            reasons.append(
                f"Predicted {name} hardly varies: its standard deviation is {spread:.3f}, "
                f"that of the annotations {true_spread:.3f}."
            )
    return reasons
