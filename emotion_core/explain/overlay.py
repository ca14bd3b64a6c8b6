"""Heat maps as pictures: colours, overlay and scale."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray

COLOUR_MAP = "inferno"
"""Matplotlib's name of the colour map.

Equal steps of a map are equal steps to the eye, and lightness rises from black to pale yellow throughout: order
survives in grey and with colour blindness, no hue suggests an edge that is not there, and under a blend the face grows
darker where the map is low and lighter where it is high.
"""


def colourise(heat_map: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values to colours of :data:`COLOUR_MAP`.

    Args:
        heat_map: shape ``(H, W)``, in [0, 1].

    Returns:
        RGB of shape ``(H, W, 3)``, uint8, one of 256 colours a pixel.

    Raises:
        ValueError: not 2-D, empty, not finite, or outside [0, 1].
    """
    _check_heat_map(heat_map)
    colours: NDArray[np.uint8] = _colours()[np.rint(heat_map * 255).astype(np.uint8)]
    return colours


def overlay(crop: NDArray[np.uint8], heat_map: NDArray[np.floating], *, opacity: float = 0.5) -> NDArray[np.uint8]:
    """Blend a heat map over the face that it explains.

    Every pixel is ``(1 - opacity) * crop + opacity * colour``; opacity does not depend on the map's value, so that
    :func:`colour_scale` holds for the whole picture.

    Args:
        crop: RGB of shape ``(H, W, 3)``, uint8.
        heat_map: shape ``(h, w)``, in [0, 1]; resized bilinearly to ``(H, W)``.
        opacity: 0 gives the crop itself, 1 the heat map alone.

    Returns:
        A new RGB image of shape ``(H, W, 3)``, uint8.

    Raises:
        ValueError: an array has the wrong shape, type or range, or opacity lies outside [0, 1].
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie in [0, 1], not {opacity}.")
    if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3 or crop.size == 0:
        raise ValueError(f"crop must be uint8 of shape (H, W, 3), not {crop.dtype} of shape {crop.shape}.")
    _check_heat_map(heat_map)
    height, width = crop.shape[:2]
    resized = cv2.resize(heat_map.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    # Rounding in the interpolation can leave the range by one unit in the last place.
    colours = colourise(resized.clip(0, 1))
    blend: NDArray[np.float64] = crop * (1.0 - opacity) + colours * float(opacity)
    return np.rint(blend).astype(np.uint8)


def colour_scale(width: int, height: int) -> NDArray[np.uint8]:
    """A horizontal bar of the colours for 0 (left) to 1 (right).

    Args:
        width: px, at least 2.
        height: px, at least 1.

    Returns:
        RGB of shape ``(height, width, 3)``, uint8.

    Raises:
        ValueError: the bar is too small to show both ends.
    """
    if width < 2 or height < 1:
        raise ValueError(f"A colour scale takes at least 2 x 1 pixels, not {width} x {height}.")
    return colourise(np.tile(np.linspace(0.0, 1.0, width), (height, 1)))


def _check_heat_map(heat_map: NDArray[np.floating]) -> None:
    if heat_map.ndim != 2 or heat_map.size == 0:
        raise ValueError(f"heat_map must be 2-D and not empty, not of shape {heat_map.shape}.")
    # Written so that NaN fails too.
    if not (heat_map.min() >= 0 and heat_map.max() <= 1):
        raise ValueError(f"heat_map must lie in [0, 1], not [{heat_map.min()}, {heat_map.max()}].")


@functools.cache
def _colours() -> NDArray[np.uint8]:
    colours: NDArray[np.uint8] = colormaps[COLOUR_MAP](np.arange(256), bytes=True)[:, :3]
    return colours
