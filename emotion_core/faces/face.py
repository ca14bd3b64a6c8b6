"""What a face is, and what a detector promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Face:
    """One face in a photo.

    Args:
        box: left, top, width and height in pixels of the upright photo, inside the photo.
        score: the detector's confidence in [0, 1]; ``None`` where it gives none.
        landmarks: five points (x, y) in pixels: the eye on the photo's left, the one on its right, the tip of the nose,
            the corner of the mouth on the photo's left, the one on its right. ``None`` where the detector gives none.
        whole: the picture as a whole stands for the face; it is not cropped.
    """

    box: tuple[int, int, int, int]
    score: float | None = None
    landmarks: tuple[tuple[float, float], ...] | None = None
    whole: bool = False


@dataclass(frozen=True)
class Detection:
    """Faces of one photo, the largest first, and which detector found them. No face is an empty tuple."""

    faces: tuple[Face, ...]
    detector: str


class FaceDetector(ABC):
    """Finds faces. One instance may be shared by any number of threads."""

    name: str

    @abstractmethod
    def detect(self, image: NDArray[np.uint8]) -> Detection:
        """Find the faces of a photo.

        Args:
            image: upright RGB of shape ``(H, W, 3)``, uint8.

        Returns:
            The faces, the largest first; none is a result.

        Raises:
            ValueError: the array is not such an image.
        """


def check_image(image: NDArray[np.uint8]) -> None:
    """Raise ``ValueError`` unless the array is an RGB image of at least one pixel."""
    if image.ndim != 3 or image.shape[2] != 3 or image.size == 0 or image.dtype != "uint8":
        raise ValueError(f"image must be uint8 of shape (H, W, 3), not {image.dtype} of shape {image.shape}.")


def clip_box(left: float, top: float, right: float, bottom: float, width: int, height: int) -> tuple[int, int, int, int]:
    """Round a box to pixels and cut it at the photo's edges; width or height is 0 where nothing is left."""
    x0, x1 = (min(max(round(value), 0), width) for value in (left, right))
    y0, y1 = (min(max(round(value), 0), height) for value in (top, bottom))
    return x0, y0, x1 - x0, y1 - y0


def largest_first(faces: list[Face]) -> tuple[Face, ...]:
    """Faces in the order of a :class:`Detection`; those cut away to nothing are left out."""
    kept = [face for face in faces if face.box[2] > 0 and face.box[3] > 0]
    return tuple(sorted(kept, key=lambda face: (-face.box[2] * face.box[3], face.box)))
