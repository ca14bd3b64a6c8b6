"""Pictures that several tests of faces need."""

from __future__ import annotations

import cv2
import numpy as np

Array = np.ndarray


def resize(image: Array, side: int) -> Array:
    """Scaled to a longer side."""
    scale = side / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def noise(height: int, width: int) -> Array:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
