"""The images that the filters let through."""

from __future__ import annotations

from dataclasses import dataclass

from emotion_core.inspection.filters import Filter, choose_rows
from emotion_core.inspection.sorting import sort_rows
from pages.shared.inspected import Inspected, Rows


@dataclass(frozen=True, kw_only=True)
class ChosenImages:
    """The images that the filter lets through, in their order.

    Attributes:
        inspected: where they come from.
        wanted: the filter.
        order: what they are sorted by, a key of :data:`~emotion_core.inspection.sorting.ORDERS`.
        rows: their positions in the table, sorted.
    """

    inspected: Inspected
    wanted: Filter
    order: str
    rows: Rows


def choose(inspected: Inspected, wanted: Filter, order: str, *, reverse: bool) -> ChosenImages:
    """Apply the filter and sort."""
    rows = choose_rows(inspected.table, wanted, inspected.flags)
    return ChosenImages(
        inspected=inspected, wanted=wanted, order=order, rows=sort_rows(inspected.table, rows, order, reverse=reverse)
    )
