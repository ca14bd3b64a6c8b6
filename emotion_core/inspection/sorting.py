"""In which order images are looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Order:
    """One way to sort.

    Attributes:
        column: of the table from :func:`~emotion_core.inspection.table.inspect_runs`.
        descending: largest first.
        meaning: one sentence.
    """

    column: str
    descending: bool
    meaning: str


ORDERS: Mapping[str, Order] = MappingProxyType(
    {
        "loss": Order(
            column="loss_0",
            descending=True,
            meaning="Largest first: minus the logarithm of the probability of the true expression.",
        ),
        "confidence": Order(
            column="confidence_0", descending=True, meaning="Surest first: probability of the predicted expression."
        ),
        "margin": Order(
            column="margin_0",
            descending=False,
            meaning="Narrowest first: probability of the predicted expression less that of the second.",
        ),
        "valence error": Order(
            column="valence_error_0", descending=True, meaning="Largest first: distance of predicted and true valence."
        ),
        "arousal error": Order(
            column="arousal_error_0", descending=True, meaning="Largest first: distance of predicted and true arousal."
        ),
        "wrong label?": Order(
            column="trust_0",
            descending=False,
            meaning="Most doubtful first: probability of the given label relative to the mean of its class "
            "(confident learning, Northcutt et al. 2021).",
        ),
        "disagreement": Order(
            column="disagreement",
            descending=True,
            meaning="Largest first: half the sum of absolute differences of both runs' probabilities.",
        ),
        "name": Order(column="sample_id", descending=False, meaning="By the image's id."),
    }
)
"""Ways to sort, by what they are called."""


def known_orders(table: pd.DataFrame) -> list[str]:
    """Those that say something about this table."""
    return [name for name, order in ORDERS.items() if order.column in table and table[order.column].notna().any()]


def sort_rows(table: pd.DataFrame, rows: npt.NDArray[np.int64], order: str, *, reverse: bool = False) -> npt.NDArray[np.int64]:
    """Positions in another order.

    Args:
        table: from :func:`~emotion_core.inspection.table.inspect_runs`.
        rows: positions in it, shape ``(M,)``.
        order: a key of :data:`ORDERS` whose column the table has.
        reverse: in the opposite order.

    Returns:
        Shape ``(M,)``. Images without a value come last either way; equal ones stay in the order given.
    """
    chosen = ORDERS[order]
    values = table[chosen.column].to_numpy()[rows]
    if values.dtype == object:
        place = np.argsort(values.astype(str), kind="stable")
        return rows[place[::-1] if reverse else place]
    sign = -1.0 if chosen.descending != reverse else 1.0
    # NaN sorts last whatever its sign.
    return rows[np.argsort(sign * values.astype(np.float64), kind="stable")]
