"""What runs cost: the words for it. Less is better for all of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

COSTS: Mapping[str, str] = MappingProxyType(
    {
        "num_params_millions": "parameters, M",
        "size_mb": "size of the weights, MB",
        "ms_per_face": "time a face, ms",
        "ms_per_face_batch_32": "time a face in batches of 32, ms",
        "multiply_adds_millions": "multiply-adds a face, M",
        "training_minutes": "training time, min",
        "seconds_per_epoch": "training time an epoch, s",
    }
)
"""Titles by the names of facts."""


def cost_title(fact: str) -> str:
    """Words for a fact; its own name where there are none."""
    return COSTS.get(fact, fact.replace("_", " "))
