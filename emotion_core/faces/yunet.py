"""YuNet: the detector of choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from emotion_core.errors import FaceModelError
from emotion_core.faces.face import Detection, Face, FaceDetector, check_image, clip_box, largest_first
from emotion_core.faces.looks import (
    WELL_SEEN,
    Sighting,
    View,
    by_score,
    is_cut,
    merge,
    overlaps,
    scale_to,
    tiles,
    window_around,
)
from emotion_core.faces.network import YuNetNetwork

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORE_THRESHOLD = 0.6
"""Default score from which a box counts as a face.

At 0.6, 299 of 300 AffectNet crops and 98 % of 150 FER-2013 pictures (48 x 48, enlarged) have their one face, none has
two, and photos of buildings and flowers have none (their best score is 0.3). At 0.9 only 84 % of the FER-2013 pictures
have one.
"""

LONG_SIDE = 640
"""Photos are reduced to this longer side, or to a quarter where that is more; YuNet sees faces of about 10 to 300 pixels."""

CLOSE_UP_SIDE = 320
"""Longer side of the second look, taken where the first finds nothing or a face longer than half of this.

A face that fills 640 pixels is larger than any that YuNet was trained on: its box is off by 44 % of its size (standard
deviation) and its score is low. At 320 pixels this is 5 %.
"""

SMALL_SIDE = 224
"""Smaller pictures are enlarged to this longer side: of FER-2013's 48 x 48 faces, 98 % are found instead of 78 %."""

HINT_SCORE = 0.05
"""Small boxes that score this much are looked at again from near: half of all faces of 16 pixels do."""

HINT_PIXELS = 40
"""Larger faces are either found or none; smaller ones may score too little."""

NEAR = (80, 110)
"""Sizes at which a place is looked at from near, px: a face shows at both, a button that resembles one rarely does."""

FAR = 44
"""Size at which small faces are looked for all over a photo, px, if it has so many; those that score too little are then looked
at from near, which costs less than a closer look at everything."""

TIMES = 2.5
"""Side of a look from near, in sides of the face."""

DOUBTS = 40
"""So many of them at most, a photo and resolution."""

PIXELS_A_HINT = 3_000_000
"""Before the photo as a whole is looked through, one place is looked at from near, and one more for each so many pixels: each
takes about a fiftieth of the time that such a photo takes anyway."""

MIN_FACE = 32
"""Smallest face that is looked for in a large photo, px: with fewer, no expression can be seen."""

MIN_INPUT = 64
"""Thin pictures are padded to this: of a strip of 32 rows or columns, the network's coarsest map is a single row, and its
boxes are of little worth."""


class YuNetDetector(FaceDetector):
    """YuNet, with five landmarks a face.

    Args:
        model: content of the ONNX file.
        score_threshold: boxes that score less are dropped.
        source: what to call the file in a message.

    Raises:
        FaceModelError: the file is not such a network.

    References:
        W. Wu, H. Peng, S. Yu (2023), YuNet: a tiny millisecond-level face detector, Machine Intelligence Research 20.
    """

    name = "yunet"

    def __init__(
        self, model: bytes, *, score_threshold: float = SCORE_THRESHOLD, source: str = "the face detector's model"
    ) -> None:
        self._threshold = score_threshold
        try:
            self._network = YuNetNetwork(model, min(score_threshold, HINT_SCORE))
            blank = np.zeros((64, 64, 3), dtype=np.uint8)
            self._look(View(blank), blank)
        except ImportError as error:
            raise FaceModelError(
                f"YuNet needs a package that is not installed ({error.name}): pip install onnx onnxruntime."
            ) from error
        except Exception as error:  # a file may be damaged in any way, and ONNX and its runtime have types of their own
            raise FaceModelError(
                f"{source} is not a YuNet model that can be read: get "
                "face_detection_yunet_2023mar.onnx from https://huggingface.co/opencv/face_detection_yunet."
            ) from error

    def detect(self, image: NDArray[np.uint8]) -> Detection:
        check_image(image)
        longer = max(image.shape[:2])
        side = max(min(longer, LONG_SIDE), longer // 4, SMALL_SIDE)
        view = scale_to(image, side)
        sightings = self._look(view, image)
        found = self._faces(sightings)
        if side > CLOSE_UP_SIDE and max((each.pixels for each in found), default=side) > CLOSE_UP_SIDE / 2:
            close_up = scale_to(view.pixels, max(CLOSE_UP_SIDE, side // 3))
            step = close_up.step[0] * view.step[0], close_up.step[1] * view.step[1]
            found += self._faces(self._look(close_up._replace(step=step), image))
        found += self._small_faces(image, sightings, longer / side)
        return Detection(largest_first(merge(found)), self.name)

    def _small_faces(self, image: NDArray[np.uint8], sightings: Sequence[Sighting], factor: float) -> list[Sighting]:
        """Faces too small for a look at 1 / ``factor`` of the photo's resolution.

        Where one is seen from near, the whole photo is looked through at a resolution that hints at all such faces, and those
        that stay doubtful are looked at from near too.
        """
        found: list[Sighting] = []
        while factor > 1:
            size = self._smallest(image, sightings, factor)
            if size is None:
                break
            factor = max(1.0, min(size / FAR, factor / 1.5))
            level = scale_to(image, round(max(image.shape[:2]) / factor))
            sightings = [
                sighting for tile in tiles(level) for sighting in self._look(tile, image) if not is_cut(sighting, tile, image)
            ]
            found += self._faces(sightings)
            for hint in self._doubtful(sightings)[:DOUBTS]:
                found += self._from_near(hint, image)
        return found

    def _doubtful(self, sightings: Sequence[Sighting]) -> list[Sighting]:
        """Small, and neither surely a face nor part of one; the most probable first."""
        sure = self._faces(sightings)
        return [
            each
            for each in by_score(sightings)
            if HINT_SCORE <= each.score < self._threshold
            and each.pixels < WELL_SEEN
            and not any(overlaps(each, other) for other in sure)
        ]

    def _from_near(self, hint: Sighting, image: NDArray[np.uint8]) -> list[Sighting]:
        """The face that a hint leads to, if it scores enough in the mean over the sizes of :data:`NEAR`."""
        total, best = 0.0, hint
        for seen in NEAR:
            sightings = self._look(window_around(image, hint.face, times=TIMES, seen=seen), image)
            best = next((each for each in by_score(sightings) if overlaps(each, hint)), hint)
            total += best.score
            if total < self._threshold / 2:  # most hints lead to nothing, and most of these show it at once
                return []
        enough = total / len(NEAR) >= self._threshold and max(best.face.box[2:]) >= MIN_FACE
        return [best] if enough else []

    def _smallest(self, image: NDArray[np.uint8], sightings: Sequence[Sighting], factor: float) -> float | None:
        """Size of the smallest face that a few hints lead to, px of the photo; ``None`` where they lead to none."""
        hints = [each for each in sightings if each.pixels < HINT_PIXELS and each.pixels * factor > MIN_FACE]
        few = 1 + image.shape[0] * image.shape[1] // PIXELS_A_HINT
        sizes = [max(each.face.box[2:]) for hint in by_score(hints)[:few] for each in self._from_near(hint, image)]
        # Faces that the look at hand shows well are no reason to look further.
        return min((size for size in sizes if size < HINT_PIXELS * factor), default=None)

    def _faces(self, sightings: Sequence[Sighting]) -> list[Sighting]:
        return [each for each in sightings if each.score >= self._threshold]

    def _look(self, view: View, image: NDArray[np.uint8]) -> list[Sighting]:
        """All that may be a face in a view of a photo, in pixels of the photo."""
        rows, columns = view.pixels.shape[:2]
        height, width = image.shape[:2]
        bgr = cv2.cvtColor(view.pixels, cv2.COLOR_RGB2BGR)
        below, right = max(MIN_INPUT - rows, 0), max(MIN_INPUT - columns, 0)
        if below or right:
            bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT)
        found = self._network.detect(bgr)  # type: ignore[arg-type]
        step, origin = np.array(view.step), np.array([view.left, view.top])
        sightings = []
        for row in found.astype(np.float64):
            (x0, y0), (x1, y1) = row[:2] * step + origin, (row[:2] + row[2:4]) * step + origin
            landmarks = tuple((float(x), float(y)) for x, y in row[4:14].reshape(5, 2) * step + origin)
            face = Face(clip_box(x0, y0, x1, y1, width, height), min(float(row[14]), 1.0), landmarks)
            sightings.append(Sighting(face, float(max(row[2:4]))))
        return sightings
