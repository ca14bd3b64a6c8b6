"""Cutting a face out of a photo the way the training crops were cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from emotion_core.faces.face import Face, check_image

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from emotion_core.faces.face import FaceDetector

CROP_SCALE = 1.0
"""Side of the crop, in units of the longer side of YuNet's box.

Measured on 300 of AffectNet's 224 x 224 training crops, in two ways (median, standard deviation): the bare crop is 1.02
(0.03) boxes wide; set into a black frame of twice and three times its side, so that the face has a background as in a
photo, 1.00 (0.08) and 1.06 (0.10). The longer side varies less than the area or the width.
"""

CROP_SHIFT = (0.0, 0.0)
"""From the middle of the box to the middle of the crop (right, down), in units of the longer side of the box.

Medians of the same three measurements: right -0.01, 0.00 and -0.01; down 0.00, 0.02 and -0.01. Nothing to correct.
"""

MAX_CROP_SIDE = 1024
"""Larger crops are reduced to this side; networks see a quarter of it, and a whole panorama padded to a square would
otherwise need gigabytes."""


def crop_face(image: NDArray[np.uint8], face: Face, *, margin: float = 0.0) -> NDArray[np.uint8]:
    """Cut out a square around a face; nothing is distorted.

    Where the square reaches over the photo's edge, the outermost pixels are repeated. A face that stands for the
    :func:`whole picture <whole_image_face>` gives the picture itself, padded to a square in the same way.

    Args:
        image: upright RGB of shape ``(H, W, 3)``, uint8.
        face: a face of this image.
        margin: what to add on each side, as a share of the square's side; 0 frames the face like the training crops.

    Returns:
        A new array of shape ``(S, S, 3)``, uint8, with ``S`` at most :data:`MAX_CROP_SIDE`.

    Raises:
        ValueError: the array is not an image, the box lies outside it, or the margin is -0.5 or less.
    """
    check_image(image)
    if not margin > -0.5:
        raise ValueError(f"margin must be greater than -0.5, not {margin}.")
    height, width = image.shape[:2]
    x, y, box_width, box_height = face.box
    if box_width < 1 or box_height < 1 or x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
        raise ValueError(f"box {face.box} lies outside the image of {width} x {height} pixels.")
    left, top, side = crop_square(face, margin=margin)

    # Reduce before padding, so that memory follows the photo and not the square.
    x0, x1 = max(left, 0), min(left + side, width)
    y0, y1 = max(top, 0), min(top + side, height)
    if x0 >= x1 or y0 >= y1:
        raise ValueError(f"box {face.box} lies outside the image of {width} x {height} pixels.")
    inside = image[y0:y1, x0:x1]
    target = min(side, MAX_CROP_SIDE)
    scale = target / side
    new_width, new_height = max(1, round((x1 - x0) * scale)), max(1, round((y1 - y0) * scale))
    if target < side:
        inside = cv2.resize(inside, (new_width, new_height), interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    before_x = min(round((x0 - left) * scale), target - new_width)
    before_y = min(round((y0 - top) * scale), target - new_height)
    padded = cv2.copyMakeBorder(
        inside,
        before_y,
        target - new_height - before_y,
        before_x,
        target - new_width - before_x,
        cv2.BORDER_REPLICATE,
    )
    return padded  # type: ignore[return-value]


def crop_square(face: Face, *, margin: float = 0.0) -> tuple[int, int, int]:
    """Left, top and side of the square that :func:`crop_face` cuts out, px; it may reach over the photo's edge."""
    x, y, width, height = face.box
    extent = max(width, height)
    if face.whole:
        side, shift_x, shift_y = extent, 0.0, 0.0
    else:
        side = max(1, round(extent * CROP_SCALE * (1 + 2 * margin)))
        shift_x, shift_y = CROP_SHIFT[0] * extent, CROP_SHIFT[1] * extent
    return round(x + width / 2 + shift_x - side / 2), round(y + height / 2 + shift_y - side / 2), side


def whole_image_face(image: NDArray[np.uint8]) -> Face:
    """Take the whole picture as one face: for pictures that are face crops already, or where no detector finds one.

    Args:
        image: upright RGB of shape ``(H, W, 3)``, uint8.

    Returns:
        A face without score whose crop is the picture as it is, padded to a square.

    Raises:
        ValueError: the array is not such an image.
    """
    check_image(image)
    return Face((0, 0, image.shape[1], image.shape[0]), whole=True)


def crop_main_face(image: NDArray[np.uint8], detector: FaceDetector) -> NDArray[np.uint8]:
    """The face that a picture is about, cut out as in :func:`crop_face`; the whole picture where none is found.

    Of several faces that is the largest, where one at the picture's edge counts half as much as one in its middle.

    Args:
        image: upright RGB of shape ``(H, W, 3)``, uint8.
        detector: finds the faces.

    Returns:
        As :func:`crop_face`.
    """
    faces = detector.detect(image).faces
    height, width = image.shape[:2]

    def weight(face: Face) -> float:
        x, y, box_width, box_height = face.box
        away = max(abs(x + box_width / 2 - width / 2) / width, abs(y + box_height / 2 - height / 2) / height)
        return float(max(box_width, box_height) * (1 - away))

    return crop_face(image, max(faces, key=weight) if faces else whole_image_face(image))
