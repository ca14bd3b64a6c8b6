"""Numbers that others reported, with their sources. They carry no predictions, so no interval and no test."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from types import MappingProxyType

from emotion_core.errors import DataError

COLUMNS = ("source", "dataset", "num_classes", "test_split", "backbone", "protocol", "metric", "value")


@dataclass(frozen=True, kw_only=True)
class Reported:
    """One system's row in somebody's report.

    Attributes:
        source: who reported it.
        dataset: on which data.
        num_classes: between how many expressions it decided.
        test_split: on which images, in the words of the report.
        backbone: name as in :data:`~emotion_core.models.backbones.BACKBONES` where it is one of them.
        protocol: how it was trained, in short.
        measures: values by our keys, as far as they were reported.
    """

    source: str
    dataset: str
    num_classes: int
    test_split: str
    backbone: str
    protocol: str
    measures: Mapping[str, float]

    @property
    def name(self) -> str:
        """Short name: backbone and who reported it."""
        return f"{self.backbone} ({self.source.split(' (')[0].split(',')[0]})"


@lru_cache(maxsize=1)
def load_reported() -> tuple[Reported, ...]:
    """All reported systems, in the order of the table that comes with the package.

    Raises:
        DataError: the table is damaged.
    """
    text = (resources.files("emotion_core.results") / "reported_results.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    systems: dict[tuple[str, ...], dict[str, float]] = {}
    for line, row in enumerate(rows, start=2):
        try:
            key = tuple(row[column] for column in COLUMNS[:6])
            systems.setdefault(key, {})[row["metric"]] = float(row["value"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"Line {line} of the reported results is damaged ({error}). Install the package again.") from error
    return tuple(
        Reported(
            source=source,
            dataset=dataset,
            num_classes=int(num_classes),
            test_split=test_split,
            backbone=backbone,
            protocol=protocol,
            measures=MappingProxyType(measures),
        )
        for (source, dataset, num_classes, test_split, backbone, protocol), measures in systems.items()
    )
