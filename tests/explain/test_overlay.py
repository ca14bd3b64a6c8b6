"""Heat maps as pictures."""

from __future__ import annotations

import matplotlib
import numpy as np
import pytest
from PIL import Image

from emotion_core.explain import COLOUR_MAP, colour_scale, colourise, overlay

RNG = np.random.default_rng(0)
CROP = RNG.integers(0, 256, (50, 40, 3), dtype=np.uint8)
HEAT_MAP = RNG.random((7, 5), dtype=np.float32)


def test_colours_are_matplotlibs() -> None:
    levels = np.arange(256) / 255
    expected = np.array([matplotlib.colormaps[COLOUR_MAP](int(i))[:3] for i in range(256)]) * 255
    np.testing.assert_allclose(colourise(levels[None])[0], expected, atol=1)


def test_lightness_rises_all_the_way() -> None:
    luma = colour_scale(256, 1)[0] @ np.array([0.2126, 0.7152, 0.0722])
    # Steps of whole numbers can fall back by less than one level, never over eight of them.
    assert (luma[8:] > luma[:-8]).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_colourise_ends(dtype: type[np.floating]) -> None:
    colours = colourise(np.array([[0, 1]], dtype))
    assert colours.dtype == np.uint8
    np.testing.assert_array_equal(colours, colour_scale(2, 1))


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan, np.inf])
def test_heat_map_outside_its_range(value: float) -> None:
    heat_map = HEAT_MAP.copy()
    heat_map[3, 2] = value
    with pytest.raises(ValueError, match=r"heat_map must lie in \[0, 1\]"):
        colourise(heat_map)
    with pytest.raises(ValueError, match=r"heat_map must lie in \[0, 1\]"):
        overlay(CROP, heat_map)


@pytest.mark.parametrize("shape", [(4,), (1, 4, 4), (0, 4)])
def test_heat_map_of_another_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="2-D and not empty"):
        colourise(np.zeros(shape))


def test_opacity_zero_gives_the_crop() -> None:
    before = CROP.copy()
    blend = overlay(CROP, HEAT_MAP, opacity=0)
    np.testing.assert_array_equal(blend, CROP)
    assert not np.shares_memory(blend, CROP)
    np.testing.assert_array_equal(before, CROP)


def test_opacity_one_gives_the_heat_map() -> None:
    heat_map = RNG.random(CROP.shape[:2], dtype=np.float32)
    np.testing.assert_array_equal(overlay(CROP, heat_map, opacity=1), colourise(heat_map))


@pytest.mark.parametrize("opacity", [0.25, 0.5, 0.9])
def test_blend(opacity: float) -> None:
    heat_map = RNG.random(CROP.shape[:2], dtype=np.float32)
    expected = Image.blend(Image.fromarray(CROP), Image.fromarray(colourise(heat_map)), opacity)
    np.testing.assert_allclose(overlay(CROP, heat_map, opacity=opacity).astype(int), np.asarray(expected), atol=1)


def test_heat_map_is_resized_bilinearly() -> None:
    ramp = np.array([[0.0, 1.0]], np.float32)
    blend = overlay(np.zeros((3, 4, 3), np.uint8), ramp, opacity=1)
    # Pixel centres of four pixels on two: the outer ones lie beyond the centres of the map's cells.
    np.testing.assert_array_equal(blend, np.tile(colourise(np.array([[0.0, 0.25, 0.75, 1.0]])), (3, 1, 1)))


@pytest.mark.parametrize("opacity", [-0.01, 1.01, float("nan")])
def test_opacity_outside_its_range(opacity: float) -> None:
    with pytest.raises(ValueError, match=r"opacity must lie in \[0, 1\]"):
        overlay(CROP, HEAT_MAP, opacity=opacity)


@pytest.mark.parametrize("crop", [CROP[..., 0], CROP.astype(np.float32), CROP[:0], np.zeros((4, 4, 4), np.uint8)])
def test_not_a_crop(crop: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"crop must be uint8 of shape \(H, W, 3\)"):
        overlay(crop, HEAT_MAP)


def test_colour_scale() -> None:
    scale = colour_scale(256, 3)
    assert scale.shape == (3, 256, 3)
    assert scale.dtype == np.uint8
    assert (scale == scale[:1]).all()
    assert len(np.unique(scale[0], axis=0)) > 250
    np.testing.assert_array_equal(scale[0, [0, -1]], colourise(np.array([[0.0, 1.0]]))[0])


@pytest.mark.parametrize("size", [(1, 5), (0, 5), (5, 0)])
def test_colour_scale_too_small(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least 2 x 1 pixels"):
        colour_scale(*size)


def test_maps_with_a_sign_are_dark_at_zero_and_light_at_both_ends() -> None:
    low, zero, high = colourise(np.array([[-1.0, 0.0, 1.0]]), signed=True)[0].astype(int)
    assert zero.sum() < 90
    assert low.sum() > 300
    assert high.sum() > 300
    assert low[2] > low[0]  # blue
    assert high[0] > high[2]  # red
    np.testing.assert_array_equal(overlay(CROP, np.zeros((2, 2)), signed=True, opacity=0), CROP)
    np.testing.assert_array_equal(colour_scale(3, 1, signed=True)[0], [low, zero, high])
    with pytest.raises(ValueError, match=r"in \[-1, 1\]"):
        overlay(CROP, np.full((2, 2), 1.5), signed=True)
