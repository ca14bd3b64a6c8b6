"""Colours can be told apart, on both pages and without all cones."""

from __future__ import annotations

import tomllib
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.labels import EXPRESSIONS

# Machado, Oliveira and Fernandes (2009), severity 1.0, linear RGB.
VISION = {
    "normal": np.eye(3),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "protanopia": np.array([[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]),
}
CONFIG = Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml"


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Björn Ottosson (2020), A perceptual color space for image processing."""
    cones = np.cbrt(
        np.array(
            [
                [0.4122214708, 0.5363325363, 0.0514459929],
                [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005],
            ]
        )
        @ rgb
    )
    return (
        np.array(
            [
                [0.2104542553, 0.7936177850, -0.0040720468],
                [1.9779984951, -2.4285922050, 0.4505937099],
                [0.0259040371, 0.7827717662, -0.8086757660],
            ]
        )
        @ cones
    )


def luminance(colour: str) -> float:
    return float(linear(colour) @ [0.2126, 0.7152, 0.0722])


def test_every_expression_has_its_own_colour() -> None:
    assert tuple(EXPRESSION_COLOURS) == EXPRESSIONS
    assert len(set(EXPRESSION_COLOURS.values())) == len(EXPRESSIONS)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_contrast_to_the_page(name: str, theme: str) -> None:
    page = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["theme"][theme]["backgroundColor"]
    low, high = sorted([luminance(EXPRESSION_COLOURS[name]), luminance(page)])
    assert (high + 0.05) / (low + 0.05) >= 3


@pytest.mark.parametrize("vision", VISION)
def test_any_two_can_be_told_apart(vision: str) -> None:
    seen = {name: oklab(np.clip(VISION[vision] @ linear(colour), 0, 1)) for name, colour in EXPRESSION_COLOURS.items()}
    distances = {pair: float(np.linalg.norm(seen[pair[0]] - seen[pair[1]])) for pair in combinations(seen, 2)}
    nearest = min(distances, key=distances.__getitem__)
    assert distances[nearest] >= 0.1, nearest


def test_oklab_of_white_and_red() -> None:
    # White by definition; red from CSS Color 4.
    assert oklab(linear("#ffffff")) == pytest.approx([1, 0, 0], abs=1e-4)
    assert oklab(linear("#ff0000")) == pytest.approx([0.62796, 0.22486, 0.12585], abs=1e-4)
