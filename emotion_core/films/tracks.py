"""Which face of this frame is which face of the last: by place, and by looks.

Within a scene a face is followed where its box overlaps the one before (intersection over union) and it does not look like
another. After a cut, or when a face was away, looks alone decide, and ask for more. What is compared are colours and light and
dark of the crop: enough to tell the people of one scene apart, and no face recognition. Two people who look much alike may swap
names, and one who comes back in other light gets a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from emotion_core.predict.photos import FoundFace

if TYPE_CHECKING:
    from collections.abc import Callable

Looks = npt.NDArray[np.float32]

OVERLAP = 0.2
"""IoU from which on a box may be the same face as in the frame before."""

UNLIKE = 0.5
"""Likeness below which it is another face all the same: of drawn faces, 99 % of pairs of one person are above, 90 % of others
below."""

ALIKE = 0.75
"""Likeness from which on a face is known again by its looks alone: of drawn faces, 90 % of pairs of one person are above, 99 %
of others below."""

NEAR_TIME = 1.0
"""s for which a box counts as where its face is."""

REMEMBERED = 64
"""So many faces that are away are remembered, the latest."""

CUT = 0.18
"""Mean change of brightness between two frames, on a scale to 1, from which on it is a cut."""

FRESH = 0.2
"""Share of a new picture of a face in how it is remembered."""


@dataclass
class _Track:
    number: int
    box: tuple[int, int, int, int]
    time: float
    looks: Looks


class Tracker:
    """Gives faces their numbers, from 1, frame by frame. Memory does not grow with the film."""

    def __init__(self) -> None:
        self._tracks: list[_Track] = []
        self._count = 0
        self._last: Looks | None = None

    def update(self, time: float, image: npt.NDArray[np.uint8], faces: Sequence[FoundFace]) -> tuple[int, ...]:
        """Number the faces of the next frame.

        Args:
            time: s, not before the last frame.
            image: the frame, RGB.
            faces: found in it.

        Returns:
            The number of each face's track; no two are the same.
        """
        cut = self._is_cut(image)
        seen = [looks_of(found.crop) for found in faces]
        numbers = [0] * len(faces)
        # Faces that are followed come first: what is known again only by its looks may not take their place.
        for score in (self._followed, _known_again):
            if cut and score == self._followed:
                continue
            free = [index for index, number in enumerate(numbers) if not number]
            open_tracks = [track for track in self._tracks if track.number not in numbers]
            for track, index in _pair(open_tracks, free, time, faces, seen, score):
                numbers[index] = track.number
                track.box, track.time = faces[index].face.box, time
                mixed = (1 - FRESH) * track.looks + FRESH * seen[index]
                track.looks = mixed / np.linalg.norm(mixed)
        for index, found in enumerate(faces):
            if not numbers[index]:
                self._count += 1
                numbers[index] = self._count
                self._tracks.append(_Track(self._count, found.face.box, time, seen[index]))
        self._tracks = sorted(self._tracks, key=lambda track: -track.time)[: REMEMBERED + len(faces)]
        return tuple(numbers)

    def _followed(self, track: _Track, time: float, box: tuple[int, int, int, int], likeness: float) -> float:
        """How well a face continues a track; 0 where it does not."""
        overlap = iou(track.box, box)
        if time - track.time > NEAR_TIME or overlap < OVERLAP or likeness < UNLIKE:
            return 0.0
        return overlap + likeness

    def _is_cut(self, image: npt.NDArray[np.uint8]) -> bool:
        small = cv2.resize(image, (32, 18), interpolation=cv2.INTER_AREA).mean(axis=2).astype(np.float32) / 255
        before, self._last = self._last, small
        return before is not None and float(np.abs(small - before).mean()) > CUT


def iou(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    """Intersection over union of two boxes (left, top, width, height), in [0, 1].

    Example:
        >>> iou((0, 0, 2, 2), (1, 0, 2, 2)), iou((0, 0, 1, 1), (5, 5, 1, 1))
        (0.3333333333333333, 0.0)
    """
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (one[2] * one[3] + other[2] * other[3] - shared)


def looks_of(crop: npt.NDArray[np.uint8]) -> Looks:
    """How a face looks, as a vector of length 1; the likeness of two is their product, at most 1.

    Half of it is a histogram of colours (square roots of shares, so that the product is Bhattacharyya's coefficient), half a
    picture of 12 × 12 pixels, both in CIELAB.

    Args:
        crop: RGB, shape ``(S, S, 3)``.
    """
    lab = cv2.cvtColor(cv2.resize(crop, (96, 96), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
    shares = cv2.calcHist([lab], [0, 1, 2], None, [6, 8, 8], [0, 256, 64, 192, 64, 192]).ravel()
    colours = np.sqrt(shares / max(float(shares.sum()), 1.0))
    small = cv2.resize(lab, (12, 12), interpolation=cv2.INTER_AREA).astype(np.float32)
    light, tint = small[..., 0] - small[..., 0].mean(), 2 * (small[..., 1:] - 128)
    picture = np.concatenate([light.ravel(), tint.ravel()])
    both = np.concatenate([colours, picture / max(float(np.linalg.norm(picture)), 1e-6)])
    return np.asarray(both / max(float(np.linalg.norm(both)), 1e-6), dtype=np.float32)


def _known_again(track: _Track, time: float, box: tuple[int, int, int, int], likeness: float) -> float:
    return likeness if likeness >= ALIKE else 0.0


def _pair(
    tracks: Sequence[_Track],
    free: Sequence[int],
    time: float,
    faces: Sequence[FoundFace],
    seen: Sequence[Looks],
    score: Callable[[_Track, float, tuple[int, int, int, int], float], float],
) -> list[tuple[_Track, int]]:
    """The pairs of tracks and faces with the highest sum of scores; none that scores 0."""
    if not tracks or not free:
        return []
    scores = np.array([[score(track, time, faces[i].face.box, float(track.looks @ seen[i])) for i in free] for track in tracks])
    rows, columns = linear_sum_assignment(scores, maximize=True)
    return [
        (tracks[row], free[column])
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True)
        if scores[row, column] > 0
    ]
