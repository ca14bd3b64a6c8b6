"""Photos in, faces out: reading a file, finding its faces, cutting them out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from emotion_core.data.transforms import resize_square
from emotion_core.errors import ImageError
from emotion_core.faces import Face, FaceDetector, Quality, crop_face, measure_quality, whole_image_face
from emotion_core.faces.looks import scale_to
from emotion_core.images import PictureSource, read_image

CROP_SIDE = 336
"""Faces are kept at no more than this many pixels a side; it is half again what the largest network sees."""

MAX_FACES = 200
"""So many faces of a photo are read, the largest; their crops take 70 MB."""

Image = npt.NDArray[np.uint8]
Source = bytes | bytearray | memoryview | str | os.PathLike[str] | Image
"""A photo: the bytes of a file, a path, or upright RGB pixels ``(H, W, 3)``."""
Whole = Literal["never", "fallback", "always"]
"""When the whole picture counts as one face: never, where no face is found, or without looking for any."""


@dataclass(frozen=True, kw_only=True)
class FoundFace:
    """A face in a photo, cut out.

    Attributes:
        face: where it is, and how sure the detector is.
        crop: square RGB, shape ``(S, S, 3)``, at most :data:`CROP_SIDE` px.
    """

    face: Face
    crop: Image

    @cached_property
    def quality(self) -> Quality:
        """What the picture of the face allows."""
        return measure_quality(self.face, self.crop)


@dataclass(frozen=True, kw_only=True)
class Photo:
    """A photo after the search for faces.

    Attributes:
        name: what the caller calls it.
        width: px, upright; 0 when it cannot be read.
        height: px, upright; 0 when it cannot be read.
        detector: which detector looked; ``"none"`` when the whole picture counts as a face without a look.
        faces: largest first.
        seconds: decoding and detection.
        error: why it cannot be read; ``None`` when it can.
        left_out: how many faces more were found than are read, the smallest.
        preview: the photo as JPEG, reduced; empty where none was asked for.
    """

    name: str
    width: int = 0
    height: int = 0
    detector: str = "none"
    faces: tuple[FoundFace, ...] = ()
    seconds: float = 0.0
    error: str | None = None
    left_out: int = 0
    preview: bytes = field(default=b"", repr=False)


def find_faces(
    sources: Iterable[Source],
    detector: FaceDetector,
    *,
    names: Sequence[str] | None = None,
    whole: Whole = "never",
    read: Callable[[PictureSource], Image] = read_image,
    preview: int = 0,
) -> Iterator[Photo]:
    """Read photos and find their faces; one that cannot be read is a result with its reason.

    Args:
        sources: photos.
        detector: finds the faces.
        names: what to call each photo; paths name themselves, others are numbered.
        whole: when the whole picture counts as one face.
        read: gives the pixels of a file; :func:`~emotion_core.apart.read_apart` for files from strangers.
        preview: longest side of a reduced photo to keep, px; 0 for none.

    Yields:
        One photo for each source, in order.
    """
    for index, source in enumerate(sources):
        name = names[index] if names is not None else _name(source, index)
        started = time.perf_counter()
        try:
            image = source if isinstance(source, np.ndarray) else read(source)
        except ImageError as error:
            yield Photo(name=name, error=str(error), seconds=time.perf_counter() - started)
            continue
        faces: tuple[Face, ...] = ()
        used = "none"
        if whole != "always":
            detection = detector.detect(image)
            faces, used = detection.faces, detection.detector
        if not faces and whole != "never":
            faces = (whole_image_face(image),)
        found = tuple(FoundFace(face=face, crop=_limit(crop_face(image, face))) for face in faces[:MAX_FACES])
        height, width = image.shape[:2]
        yield Photo(
            name=name,
            width=width,
            height=height,
            detector=used,
            faces=found,
            seconds=time.perf_counter() - started,
            left_out=max(0, len(faces) - MAX_FACES),
            preview=reduced_jpeg(image, preview) if preview else b"",
        )


def reduced_jpeg(image: Image, side: int) -> bytes:
    """A picture as JPEG, at most ``side`` px a side."""
    small = scale_to(image, side).pixels if max(image.shape[:2]) > side else image
    done, content = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return content.tobytes() if done else b""


def as_list(sources: Source | Iterable[Source]) -> Iterable[Source]:
    """One photo as a list of one."""
    alone = isinstance(sources, bytes | bytearray | memoryview | str | os.PathLike)
    if alone or (isinstance(sources, np.ndarray) and sources.ndim == 3):
        return [sources]  # type: ignore[list-item]
    return sources  # type: ignore[return-value]


def _name(source: Source, index: int) -> str:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else f"photo {index + 1}"


def _limit(crop: Image) -> Image:
    return resize_square(crop, CROP_SIDE) if len(crop) > CROP_SIDE else crop
