"""YuNet through OpenCV: the detector of choice."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from emotion_core.errors import FaceModelError
from emotion_core.faces.face import Detection, Face, FaceDetector, check_image, clip_box, largest_first

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCORE_THRESHOLD = 0.6
"""Default score from which a box counts as a face.

At 0.6, 299 of 300 AffectNet crops and 98 % of 150 FER-2013 pictures (48 x 48, enlarged) have their one face, none has
two, and photos of buildings and flowers have none (their best score is 0.3). At 0.9 only 84 % of the FER-2013 pictures
have one.
"""

LONG_SIDE = 640
"""Photos are reduced to this longer side; YuNet sees faces of about 10 to 300 pixels."""

CLOSE_UP_SIDE = 320
"""Longer side of the second look, taken where the first finds nothing or a face longer than half of this.

A face that fills 640 pixels is larger than any that YuNet was trained on: its box is off by 44 % of its size (standard
deviation) and its score is low. At 320 pixels this is 5 %.
"""

SMALL_SIDE = 224
"""Smaller pictures are enlarged to this longer side: of FER-2013's 48 x 48 faces, 98 % are found instead of 78 %."""

MIN_INPUT = 64
"""Thin pictures are padded to this: with 32 rows or columns or fewer, OpenCV's network reads memory that it never
wrote, and gives other boxes, or none that are finite, each time."""


class YuNetDetector(FaceDetector):
    """YuNet, with five landmarks a face.

    Args:
        model: content of the ONNX file.
        score_threshold: boxes that score less are dropped.
        source: what to call the file in a message.

    Raises:
        FaceModelError: OpenCV cannot use the file.

    References:
        W. Wu, H. Peng, S. Yu (2023), YuNet: a tiny millisecond-level face detector, Machine Intelligence Research 20.
    """

    name = "yunet"

    def __init__(
        self, model: bytes, *, score_threshold: float = SCORE_THRESHOLD, source: str = "the face detector's model"
    ) -> None:
        self._lock = threading.Lock()  # the network keeps the input size and its buffers between calls
        try:
            self._network = cv2.FaceDetectorYN.create(
                "onnx",
                np.frombuffer(model, dtype=np.uint8),
                np.empty(0, dtype=np.uint8),
                (SMALL_SIDE, SMALL_SIDE),
                score_threshold,
            )
            self._look(np.zeros((64, 64, 3), dtype=np.uint8), 64)
        except (cv2.error, ValueError, IndexError) as error:
            raise FaceModelError(
                f"{source} is not a YuNet model that OpenCV {cv2.__version__} can read: get "
                "face_detection_yunet_2023mar.onnx from https://huggingface.co/opencv/face_detection_yunet."
            ) from error

    def detect(self, image: NDArray[np.uint8]) -> Detection:
        check_image(image)
        longer = max(image.shape[:2])
        side = max(min(longer, LONG_SIDE), SMALL_SIDE)
        faces = self._look(image, side)
        largest = max((max(face.box[2:]) for face in faces), default=longer) * side / longer
        if side > CLOSE_UP_SIDE and largest > CLOSE_UP_SIDE / 2:
            close_ups = self._look(image, CLOSE_UP_SIDE)
            faces = close_ups + [face for face in faces if not any(_same(face, other) for other in close_ups)]
        return Detection(largest_first(faces), self.name)

    def _look(self, image: NDArray[np.uint8], side: int) -> list[Face]:
        """Faces found with the photo scaled to a longer side of ``side`` pixels."""
        height, width = image.shape[:2]
        scale = side / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        scaled = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
        bgr = cv2.cvtColor(scaled, cv2.COLOR_RGB2BGR)
        below, right = max(MIN_INPUT - size[1], 0), max(MIN_INPUT - size[0], 0)
        bgr = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT)
        with self._lock:
            self._network.setInputSize((bgr.shape[1], bgr.shape[0]))
            found = cast("NDArray[np.float32] | None", self._network.detect(bgr)[1])
        if found is None:
            return []
        per_pixel = np.array([width / size[0], height / size[1]])
        faces = []
        for row in np.asarray(found, dtype=np.float64):
            left, top = row[:2] * per_pixel
            right, bottom = (row[:2] + row[2:4]) * per_pixel
            box = clip_box(left, top, right, bottom, width, height)
            landmarks = tuple((float(x), float(y)) for x, y in row[4:14].reshape(5, 2) * per_pixel)
            faces.append(Face(box, min(float(row[14]), 1.0), landmarks))
        return faces


def _same(face: Face, other: Face) -> bool:
    """Whether the middle of either box lies in the other."""
    return _holds(face.box, other.box) or _holds(other.box, face.box)


def _holds(box: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    x, y = other[0] + other[2] / 2, other[1] + other[3] / 2
    return box[0] <= x <= box[0] + box[2] and box[1] <= y <= box[1] + box[3]
