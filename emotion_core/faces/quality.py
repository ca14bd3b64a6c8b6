"""Can this face be read? Size, sharpness, pose and what the detector thinks of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotion_core.faces.face import Face

SIDE = 112
"""Sharpness is measured at this side, px, so that it does not depend on the size of the photo."""

MIN_SIZE = 40
"""A face with fewer pixels a side is too small. FER-2013's faces have 48."""

MIN_SHARPNESS = 0.005
"""Of 150 AffectNet and 150 FER-2013 faces, 1 % are less sharp than 0.028 and 0.011. Blurred with a standard deviation of 3 % of
their side, 95 % are below 0.005."""

MIN_SCORE = 0.75
"""A detection that YuNet scores less may be no face: of 120 AffectNet and 120 FER-2013 faces, 1 % score below 0.86 and 0.63."""

MAX_YAW = 35.0
"""Degrees. Beyond, one half of the face is hidden."""

MAX_ROLL = 14.0
"""Degrees, as measured. YuNet sees a tilted head more upright than it is: a portrait turned by 45° measures as 14 to 27,
depending on its size. Of 120 AffectNet and 116 FER-2013 faces, 1 % measure above 13.5."""

_NOSE_DEPTH = 0.6
"""How far the tip of the nose stands out, in distances between the eyes, of an average head."""


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What the picture of a face allows.

    Attributes:
        size: longer side of the face in the photo, px.
        sharpness: variance of the Laplacian at 112 px over the variance of the grey values, at least 0; see :func:`sharpness`.
        score: the detector's, in [0, 1]; ``None`` where it gives none.
        yaw: how far the head is turned to a side, degrees; roughly, from five landmarks; ``None`` without them.
        roll: how far it is tilted, degrees, seen too small by YuNet; ``None`` without landmarks.
    """

    size: int
    sharpness: float
    score: float | None = None
    yaw: float | None = None
    roll: float | None = None

    def warnings(self) -> tuple[str, ...]:
        """Why a reading may be worth little, in a few words that fit behind "the face is"; empty where nothing is amiss."""
        found = []
        if self.size < MIN_SIZE:
            found.append(f"small ({self.size} px)")
        if self.sharpness < MIN_SHARPNESS:
            found.append("blurred")
        if self.yaw is not None and abs(self.yaw) > MAX_YAW:
            found.append(f"turned away (about {abs(self.yaw):.0f}°)")
        if self.roll is not None and abs(self.roll) > MAX_ROLL:
            found.append("tilted")
        if self.score is not None and self.score < MIN_SCORE:
            found.append(f"perhaps no face (detector's score {self.score:.2f})")
        return tuple(found)


def measure_quality(face: Face, crop: NDArray[np.uint8]) -> Quality:
    """Measure a face.

    Args:
        face: as the detector found it.
        crop: its square RGB crop, ``(S, S, 3)``, uint8.
    """
    yaw, roll = (None, None) if face.landmarks is None else head_pose(face.landmarks)
    return Quality(size=max(face.box[2:]), sharpness=sharpness(crop), score=face.score, yaw=yaw, roll=roll)


def sharpness(crop: NDArray[np.uint8]) -> float:
    r"""Share of fine detail in a picture, :math:`\mathrm{var}(\nabla^2 I) / \mathrm{var}(I)`, whatever its contrast.

    A small picture enlarged has no fine detail, so it counts as blurred. A picture of one colour has the sharpness 0.

    Args:
        crop: RGB, ``(S, S, 3)``, uint8; measured at 112 × 112 px.

    References:
        J. Pech-Pacheco et al. (2000), Diatom autofocusing in brightfield microscopy: a comparative study, ICPR.
    """
    shrink = len(crop) > SIDE
    small = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float64)
    variance = float(grey.var())
    return float(cv2.Laplacian(grey, cv2.CV_64F).var()) / variance if variance > 1e-9 else 0.0


def head_pose(landmarks: tuple[tuple[float, float], ...]) -> tuple[float, float]:
    """Yaw and roll in degrees, roughly, from eyes and nose.

    Roll is the slope of the line between the eyes. Yaw follows from how far the nose stands beside the middle of the eyes, for
    a nose as long as an average one; its sign is positive where the nose points to the picture's right.

    Args:
        landmarks: as in :class:`~emotion_core.faces.face.Face`.

    Example:
        >>> head_pose(((0, 0), (10, 0), (5, 6), (2, 10), (8, 10)))
        (0.0, 0.0)
    """
    left, right, nose = (np.array(point, dtype=np.float64) for point in landmarks[:3])
    eyes = right - left
    distance = float(np.hypot(*eyes))
    if distance < 1e-6:
        # One eye hides the other: seen from the side.
        return 90.0, 0.0
    offset = float((nose - (left + right) / 2) @ eyes) / distance**2
    return math.degrees(math.atan(offset / _NOSE_DEPTH)), math.degrees(math.atan2(eyes[1], eyes[0]))
