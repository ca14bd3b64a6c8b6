"""One colour an expression, everywhere.

The colours were found by a search over OKLCH: each expression keeps to a band of hue that suits it (anger red, sadness
blue, disgust green, neutral grey), every colour has a contrast of at least 3:1 (WCAG 2.2, 1.4.11) to white and to the
dark page alike, and the smallest distance in OKLab between any two, seen with normal vision, with deuteranopia and with
protanopia as Machado et al. (2009) simulate them, is as large as the search could make it: 0.10, about five times what
is just noticeable.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EXPRESSION_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "neutral": "#87827c",
        "happiness": "#c08605",
        "sadness": "#1f5cca",
        "surprise": "#06a1c5",
        "fear": "#9472ff",
        "disgust": "#09723f",
        "anger": "#d0000b",
        "contempt": "#9d3a8c",
    }
)
"""Colour of each of :data:`~emotion_core.labels.EXPRESSIONS`, as ``#rrggbb``."""

OTHER = "#808080"
"""For what has no expression."""
