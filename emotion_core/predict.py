"""What does this face express? Photos in, explained emotions out.

Finding faces and reading them are separate steps, so that several networks can read the same faces side by side::

    photos = find_faces(["a.jpg", "b.jpg"], load_detector())
    readings = [Predictor.from_run(run).read(crops) for run in runs]

:meth:`Predictor.predict` does both.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.data.transforms import resize_square
from emotion_core.errors import CheckpointError, ImageError
from emotion_core.explain import cam_for_all, explain, normalise_maps
from emotion_core.explain.neighbours import features_of
from emotion_core.faces import Face, FaceDetector, crop_face, load_detector, whole_image_face
from emotion_core.images import read_image
from emotion_core.labels import EXPRESSIONS, OUTPUTS
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import to_input
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.run import DEFAULT_RUN, Run, find_run

CROP_SIDE = 336
"""Faces are kept at no more than this many pixels a side; it is half again what the largest network sees."""

Image = npt.NDArray[np.uint8]
Source = bytes | bytearray | memoryview | str | os.PathLike[str] | Image
"""A photo: the bytes of a file, a path, or upright RGB pixels ``(H, W, 3)``."""
Whole = Literal["never", "fallback", "always"]
"""When the whole picture counts as one face: never, where no face is found, or without looking for any."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What a network reads from one face.

    Attributes:
        expression: the most probable of :data:`~emotion_core.labels.EXPRESSIONS`.
        probabilities: of each expression; they sum to 1. Empty when the network was not taught expressions.
        valence: in [-1, 1]; ``None`` when the network was not taught it.
        arousal: likewise.
        maps: Grad-CAM of every output that was taught, shape ``(h, w)`` of the last feature map, in [0, 1]: where the face
            speaks for this output.
    """

    expression: str | None
    probabilities: Mapping[str, float]
    valence: float | None
    arousal: float | None
    maps: Mapping[str, npt.NDArray[np.float32]]


@dataclass(frozen=True, kw_only=True)
class FoundFace:
    """A face in a photo, cut out.

    Attributes:
        face: where it is, and how sure the detector is.
        crop: square RGB, shape ``(S, S, 3)``, at most :data:`CROP_SIDE` px.
    """

    face: Face
    crop: Image


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
    """

    name: str
    width: int = 0
    height: int = 0
    detector: str = "none"
    faces: tuple[FoundFace, ...] = ()
    seconds: float = 0.0
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """A photo and what one network reads from each of its faces.

    Attributes:
        photo: with its faces.
        readings: one for each of ``photo.faces``, in the same order.
        run: name of the run that read them.
        device: where it ran.
        seconds: for the whole photo: decoding, detection, and its share of the network's time.
    """

    photo: Photo
    readings: tuple[Reading, ...]
    run: str
    device: str
    seconds: float

    def to_dict(self) -> dict[str, Any]:
        """As plain data, one JSON object a photo."""
        if self.photo.error is not None:
            return {"image": self.photo.name, "error": self.photo.error}
        return {
            "image": self.photo.name,
            "width": self.photo.width,
            "height": self.photo.height,
            "device": self.device,
            "run": self.run,
            "detector": self.photo.detector,
            "seconds": round(self.seconds, 4),
            "faces": [
                {
                    "box": list(found.face.box),
                    "score": None if found.face.score is None else round(found.face.score, 4),
                    "expression": reading.expression,
                    "probabilities": {name: round(value, 4) for name, value in reading.probabilities.items()},
                    "valence": None if reading.valence is None else round(reading.valence, 4),
                    "arousal": None if reading.arousal is None else round(reading.arousal, 4),
                }
                for found, reading in zip(self.photo.faces, self.readings, strict=True)
            ],
        }


def find_faces(
    sources: Iterable[Source],
    detector: FaceDetector,
    *,
    names: Sequence[str] | None = None,
    whole: Whole = "never",
) -> Iterator[Photo]:
    """Read photos and find their faces; one that cannot be read is a result with its reason.

    Args:
        sources: photos.
        detector: finds the faces.
        names: what to call each photo; paths name themselves, others are numbered.
        whole: when the whole picture counts as one face.

    Yields:
        One photo for each source, in order.
    """
    for index, source in enumerate(sources):
        name = names[index] if names is not None else _name(source, index)
        started = time.perf_counter()
        try:
            image = source if isinstance(source, np.ndarray) else read_image(source)
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
        found = tuple(FoundFace(face=face, crop=_limit(crop_face(image, face))) for face in faces)
        height, width = image.shape[:2]
        yield Photo(
            name=name, width=width, height=height, detector=used, faces=found, seconds=time.perf_counter() - started
        )  # fmt: skip


class Predictor:
    """One trained network, ready to read faces. Threads may share it: one lock guards the network.

    Args:
        run: which run.
        network: its network, with its weights, on its device.
        device: where it runs.
        detector: finds faces in :meth:`predict`; loaded at first use when ``None``.
    """

    def __init__(
        self, run: Run, network: EmotionNetwork, device: torch.device, *, detector: FaceDetector | None = None
    ) -> None:
        self.run = run
        self.device = device
        self.outputs = tuple(
            name for name in OUTPUTS if ("expression" if name in EXPRESSIONS else "affect") in run.info.outputs
        )
        self._network = network.eval().requires_grad_(False)
        self._detector = detector
        self._lock = threading.Lock()

    @classmethod
    def from_run(
        cls, path_or_name: str | Path = DEFAULT_RUN, *, device: str = "auto", detector: FaceDetector | None = None
    ) -> Predictor:
        """Load a run's network.

        Args:
            path_or_name: a run folder, or the name of one in ``checkpoints/``.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
            detector: finds faces; the best there is by default.

        Raises:
            CheckpointNotFoundError: no such run, or it has no weights.
            CheckpointError: it is damaged, or its weights belong to another network.
            DeviceError: no such device.
        """
        where = resolve_device(device)
        run = find_run(path_or_name)
        if not run.has_weights:
            raise CheckpointError(f"The run '{run.name}' holds results only, no weights. Choose another run to predict with.")
        network = load_network(run.info.network, run.weights)
        return cls(run, network.to(where), where, detector=detector)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    def read(self, crops: Sequence[Image], *, batch_size: int = 32, flip: bool = False) -> list[Reading]:
        """Read faces: probabilities, valence, arousal and the maps of all outputs from one forward pass a batch.

        Args:
            crops: square RGB faces, each ``(S, S, 3)`` of any size.
            batch_size: faces a forward pass.
            flip: average over each face and its mirror image, as ``evaluate`` does with ``flip``; half as fast. The maps are
                the means of both, too.
        """
        readings: list[Reading] = []
        for start in range(0, len(crops), batch_size):
            readings += self._read_batch(crops[start : start + batch_size], flip=flip)
        return readings

    def _read_batch(self, crops: Sequence[Image], *, flip: bool) -> list[Reading]:
        with self._lock, torch.inference_mode():
            images = to_input(self._network, self._stack(crops))
            outputs, raw = cam_for_all(self._network, torch.cat([images, images.flip(3)]) if flip else images)
            logits, affect = outputs.logits, outputs.affect
            if flip:
                logits, affect = _mean_of_halves(logits), _mean_of_halves(affect)
                straight, mirrored = raw.chunk(2)
                raw = (straight + mirrored.flip(3)) / 2
            probs = torch.softmax(logits / self.run.info.temperature, dim=1).cpu().numpy()
            values = affect.clamp(-1, 1).cpu().numpy()
            maps = normalise_maps(raw).cpu().numpy()
        knows_expression = "expression" in self.run.info.outputs
        knows_affect = "affect" in self.run.info.outputs
        return [
            Reading(
                expression=EXPRESSIONS[int(probs[i].argmax())] if knows_expression else None,
                probabilities=_named(EXPRESSIONS, probs[i]) if knows_expression else {},
                valence=float(values[i, 0]) if knows_affect else None,
                arousal=float(values[i, 1]) if knows_affect else None,
                maps={name: maps[i, OUTPUTS.index(name)] for name in self.outputs},
            )
            for i in range(len(crops))
        ]

    def explain(self, crops: Sequence[Image], output: str, *, method: str = "gradcam") -> npt.NDArray[np.float32]:
        """Maps of one output by one method.

        Args:
            crops: square RGB faces.
            output: one of :data:`~emotion_core.labels.OUTPUTS`.
            method: one of :data:`emotion_core.explain.METHODS`.

        Returns:
            In [0, 1], shape ``(B, S, S)`` with the network's input size ``S``.

        Raises:
            ConfigError: unknown output or method.
        """
        with self._lock:
            return explain(self._network, to_input(self._network, self._stack(crops)), output, method=method)

    def features(self, crops: Sequence[Image], *, batch_size: int = 64) -> npt.NDArray[np.float16]:
        """Pooled features of faces, shape ``(N, C)``: what the heads read from.

        Args:
            crops: square RGB faces, at least one.
            batch_size: faces a forward pass.
        """
        pixels = self._stack(crops).numpy()
        with self._lock:
            return features_of(self._network, pixels, batch_size=batch_size).pooled

    def predict(
        self,
        sources: Iterable[Source],
        *,
        names: Sequence[str] | None = None,
        whole: Whole = "never",
        batch_size: int = 32,
        flip: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> list[Prediction]:
        """Find and read every face of every photo.

        Args:
            sources: photos: paths, bytes, or upright RGB pixels.
            names: what to call each photo; paths name themselves, others are numbered.
            whole: when the whole picture counts as one face.
            batch_size: faces a forward pass; faces of several photos share one.
            flip: as in :meth:`read`.
            progress: called with the number of photos done.

        Returns:
            One result a photo, in order. A photo that cannot be read, or has no face, is a result too.
        """
        return list(
            self.iter_predict(sources, names=names, whole=whole, batch_size=batch_size, flip=flip, progress=progress)
        )  # fmt: skip

    def iter_predict(
        self,
        sources: Iterable[Source],
        *,
        names: Sequence[str] | None = None,
        whole: Whole = "never",
        batch_size: int = 32,
        flip: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> Iterator[Prediction]:
        """Like :meth:`predict`, handing out results as soon as a batch of faces is full."""
        if self._detector is None:
            self._detector = load_detector()
        waiting: list[Photo] = []
        for photo in find_faces(sources, self._detector, names=names, whole=whole):
            waiting.append(photo)
            # Photos without faces wait too, so that results come in the order of the photos.
            if sum(len(each.faces) for each in waiting) >= batch_size or len(waiting) >= batch_size:
                yield from self._read_photos(waiting, batch_size, flip, progress)
                waiting = []
        yield from self._read_photos(waiting, batch_size, flip, progress)

    def _read_photos(
        self, photos: list[Photo], batch_size: int, flip: bool, progress: Callable[[int], object] | None
    ) -> Iterator[Prediction]:
        crops = [found.crop for photo in photos for found in photo.faces]
        started = time.perf_counter()
        readings = iter(self.read(crops, batch_size=batch_size, flip=flip))
        share = (time.perf_counter() - started) / max(len(crops), 1)
        for photo in photos:
            mine = tuple(next(readings) for _ in photo.faces)
            seconds = photo.seconds + share * len(mine)
            yield Prediction(photo=photo, readings=mine, run=self.name, device=str(self.device), seconds=seconds)
            if progress is not None:
                progress(1)

    def _stack(self, crops: Sequence[Image]) -> torch.Tensor:
        size = self._network.config.input_size
        return torch.from_numpy(np.stack([resize_square(crop, size) for crop in crops]).transpose(0, 3, 1, 2))


def _mean_of_halves(values: torch.Tensor) -> torch.Tensor:
    first, second = values.chunk(2)
    return (first + second) / 2


def _named(names: Sequence[str], values: npt.NDArray[np.float32]) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _name(source: Source, index: int) -> str:
    return os.fspath(source) if isinstance(source, str | os.PathLike) else f"photo {index + 1}"


def _limit(crop: Image) -> Image:
    return resize_square(crop, CROP_SIDE) if len(crop) > CROP_SIDE else crop
