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

SIGNED_COLOUR_MAP = "berlin"
"""Of maps with a sign: light blue for -1, black for 0, light red for 1.

As in :data:`COLOUR_MAP`, dark is little and light is much; the two hues differ for colour-blind readers too (F. Crameri et
al. 2020, The misuse of colour in science communication, Nature Communications 11).
"""


def colourise(heat_map: NDArray[np.floating], *, signed: bool = False) -> NDArray[np.uint8]:
    """Values to colours of :data:`COLOUR_MAP`, or of :data:`SIGNED_COLOUR_MAP`.

    Args:
        heat_map: shape ``(H, W)``, in [0, 1], or in [-1, 1] where it has a sign.
        signed: whether it has.

    Returns:
        RGB of shape ``(H, W, 3)``, uint8, one of 256 colours a pixel.

    Raises:
        ValueError: not 2-D, empty, not finite, or outside its range.
    """
    _check_heat_map(heat_map, signed=signed)
    share = (heat_map + 1) / 2 if signed else heat_map
    colours: NDArray[np.uint8] = _colours(SIGNED_COLOUR_MAP if signed else COLOUR_MAP)[np.rint(share * 255).astype(np.uint8)]
    return colours


def overlay(
    crop: NDArray[np.uint8], heat_map: NDArray[np.floating], *, opacity: float = 0.5, signed: bool = False
) -> NDArray[np.uint8]:
    """Blend a heat map over the face that it explains.

    Every pixel is ``(1 - opacity) * crop + opacity * colour``; opacity does not depend on the map's value, so that
    :func:`colour_scale` holds for the whole picture.

    Args:
        crop: RGB of shape ``(H, W, 3)``, uint8.
        heat_map: shape ``(h, w)``, in [0, 1], or [-1, 1] where it has a sign; resized bilinearly to ``(H, W)``.
        opacity: 0 gives the crop itself, 1 the heat map alone.
        signed: whether the map has a sign.

    Returns:
        A new RGB image of shape ``(H, W, 3)``, uint8.

    Raises:
        ValueError: an array has the wrong shape, type or range, or opacity lies outside [0, 1].
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must lie in [0, 1], not {opacity}.")
    if crop.dtype != np.uint8 or crop.ndim != 3 or crop.shape[2] != 3 or crop.size == 0:
        raise ValueError(f"crop must be uint8 of shape (H, W, 3), not {crop.dtype} of shape {crop.shape}.")
    _check_heat_map(heat_map, signed=signed)
    height, width = crop.shape[:2]
    resized = cv2.resize(heat_map.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    # Rounding in the interpolation can leave the range by one unit in the last place.
    colours = colourise(resized.clip(-1 if signed else 0, 1), signed=signed)
    blend: NDArray[np.float64] = crop * (1.0 - opacity) + colours * float(opacity)
    return np.rint(blend).astype(np.uint8)


def colour_scale(width: int, height: int, *, signed: bool = False) -> NDArray[np.uint8]:
    """A horizontal bar of the colours for 0 (left), or -1 where maps have a sign, to 1 (right).

    Args:
        width: px, at least 2.
        height: px, at least 1.
        signed: whether maps have a sign.

    Returns:
        RGB of shape ``(height, width, 3)``, uint8.

    Raises:
        ValueError: the bar is too small to show both ends.
    """
    if width < 2 or height < 1:
        raise ValueError(f"A colour scale takes at least 2 x 1 pixels, not {width} x {height}.")
    return colourise(np.tile(np.linspace(-1.0 if signed else 0.0, 1.0, width), (height, 1)), signed=signed)


def _check_heat_map(heat_map: NDArray[np.floating], *, signed: bool) -> None:
    if heat_map.ndim != 2 or heat_map.size == 0:
        raise ValueError(f"heat_map must be 2-D and not empty, not of shape {heat_map.shape}.")
    least = -1 if signed else 0
    # Written so that NaN fails too.
    if not (heat_map.min() >= least and heat_map.max() <= 1):
        raise ValueError(f"heat_map must lie in [{least}, 1], not [{heat_map.min()}, {heat_map.max()}].")


@functools.cache
def _colours(name: str) -> NDArray[np.uint8]:
    colours: NDArray[np.uint8] = colormaps[name](np.arange(256), bytes=True)[:, :3]
    return colours
