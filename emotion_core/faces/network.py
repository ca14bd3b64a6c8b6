"""YuNet's network in ONNX Runtime: what ``cv2.FaceDetectorYN`` gives, in less than half the time."""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRIDES = (8, 16, 32)
"""Pixels from one place to the next on each of the three maps that the network gives."""

OVERLAP = 0.3
"""Of two boxes that overlap more (intersection over union), the one that scores less is dropped."""

CANDIDATES = 5000


class YuNetNetwork:
    """Boxes, landmarks and scores of a picture of any size. Threads may share it.

    Args:
        model: content of the ONNX file.
        threshold: boxes that score less are dropped.

    Raises:
        Exception: the package is not there, or the file is not such a network; of whatever type ONNX and its runtime raise.
    """

    def __init__(self, model: bytes, threshold: float) -> None:
        onnx: Any = importlib.import_module("onnx")
        ort: Any = importlib.import_module("onnxruntime")
        graph = onnx.load_model_from_string(model)
        # The file says 640 x 640, though all that it does works for any multiple of 32.
        height, width = graph.graph.input[0].type.tensor_type.shape.dim[2:]
        height.dim_param, width.dim_param = "height", "width"
        for output in graph.graph.output:
            output.type.tensor_type.shape.dim[1].dim_param = f"places_{output.name}"
        del graph.graph.value_info[:]
        options = ort.SessionOptions()
        options.intra_op_num_threads = max(1, min(cv2.getNumThreads(), os.cpu_count() or 1))
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = ort.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self._input = graph.graph.input[0].name
        self._threshold = threshold

    def detect(self, bgr: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Faces as ``cv2.FaceDetectorYN.detect`` gives them, the highest score first.

        Args:
            bgr: shape ``(H, W, 3)``.

        Returns:
            Shape ``(N, 15)``: left, top, width, height, five landmarks (x, y), score; in pixels.
        """
        height, width = bgr.shape[:2]
        below, right = -height % STRIDES[-1], -width % STRIDES[-1]
        padded = cv2.copyMakeBorder(bgr, 0, below, 0, right, cv2.BORDER_CONSTANT) if below or right else bgr
        images = np.ascontiguousarray(padded.transpose(2, 0, 1)[None], dtype=np.float32)
        names = [f"{kind}_{stride}" for stride in STRIDES for kind in ("cls", "obj", "bbox", "kps")]
        maps = dict(zip(names, self._session.run(names, {self._input: images}), strict=True))
        found = np.concatenate([self._at(stride, maps, padded.shape[1] // stride) for stride in STRIDES])
        if len(found) > 1:
            boxes = found[:, :4].astype(np.int32)  # OpenCV compares boxes of whole pixels
            kept = cv2.dnn.NMSBoxes(boxes, found[:, 14].tolist(), self._threshold, OVERLAP, 1.0, CANDIDATES)  # type: ignore[arg-type]
            found = found[np.asarray(kept, dtype=np.int64)]
        return found

    def _at(self, stride: int, maps: dict[str, NDArray[np.float32]], columns: int) -> NDArray[np.float32]:
        """All that scores enough on one of the three maps."""
        scores = np.sqrt(maps[f"cls_{stride}"][0, :, 0].clip(0, 1) * maps[f"obj_{stride}"][0, :, 0].clip(0, 1))
        places = np.flatnonzero(scores >= self._threshold)
        corner = np.stack([places % columns, places // columns], axis=1).astype(np.float32)
        box, points = maps[f"bbox_{stride}"][0, places], maps[f"kps_{stride}"][0, places].reshape(-1, 5, 2)
        size = np.exp(box[:, 2:]) * stride
        start = (corner + box[:, :2]) * stride - size / 2
        landmarks = ((points + corner[:, None]) * stride).reshape(-1, 10)
        rows: NDArray[np.float32] = np.concatenate([start, size, landmarks, scores[places, None]], axis=1).astype(np.float32)
        return rows
