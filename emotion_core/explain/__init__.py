"""Which parts of a face speak for an output: CAM methods, and heat maps drawn over the face."""

from __future__ import annotations

from emotion_core.explain.exact import (
    cam_for_all,
    contributions,
    contributions_to_all,
    exact_maps,
    normalise_maps,
    resize_maps,
)
from emotion_core.explain.methods import METHODS, explain
from emotion_core.explain.overlay import COLOUR_MAP, SIGNED_COLOUR_MAP, colour_scale, colourise, overlay

__all__ = [
    "COLOUR_MAP",
    "METHODS",
    "SIGNED_COLOUR_MAP",
    "cam_for_all",
    "colour_scale",
    "colourise",
    "contributions",
    "contributions_to_all",
    "exact_maps",
    "explain",
    "normalise_maps",
    "overlay",
    "resize_maps",
]
