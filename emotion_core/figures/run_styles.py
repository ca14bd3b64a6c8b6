"""One line colour a backbone, everywhere; runs of one backbone differ in dash and marker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from emotion_core.figures.plane import SYMBOLS

BACKBONE_COLOURS: Mapping[str, str] = MappingProxyType(
    {
        "efficientnet_b0": "#3ca578",
        "resnet50": "#870fff",
        "mobilenetv2": "#ff5a0f",
        "densenet121": "#6987b4",
        "vgg16": "#c31e0f",
        "custom_cnn": "#5a6969",
    }
)
"""Colours of our own backbones, as ``#rrggbb``. Found by the same search and to the same ends as the expressions' colours."""

OTHER_COLOURS = ("#9678ff", "#695ab4")
"""For backbones that others report on."""

DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


@dataclass(frozen=True, kw_only=True)
class Style:
    """How the line and the marker of a run look."""

    colour: str
    dash: str
    symbol: str


def backbone_colour(backbone: str) -> str:
    """Colour of a backbone; one that is not ours gets one of two others, always the same."""
    if backbone in BACKBONE_COLOURS:
        return BACKBONE_COLOURS[backbone]
    return OTHER_COLOURS[sum(backbone.encode()) % len(OTHER_COLOURS)]


def run_styles(backbones: Sequence[str]) -> list[Style]:
    """Styles of runs in the order given: colour from the backbone, dash and marker from how many had it before.

    Args:
        backbones: one a run.
    """
    seen: dict[str, int] = {}
    styles = []
    for backbone in backbones:
        number = seen.get(backbone, 0)
        seen[backbone] = number + 1
        styles.append(
            Style(colour=backbone_colour(backbone), dash=DASHES[number % len(DASHES)], symbol=SYMBOLS[number % len(SYMBOLS)])
        )
    return styles
