"""One trained network that reads faces."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.data.transforms import resize_square
from emotion_core.errors import CheckpointError
from emotion_core.explain import contributions_to_all, explain, normalise_maps
from emotion_core.explain.neighbours import features_of
from emotion_core.explain.trust import TrustTest, blur_test
from emotion_core.faces import FaceDetector, load_detector
from emotion_core.labels import AFFECT, EXPRESSIONS, OUTPUTS
from emotion_core.metrics.conformal import COVERAGE
from emotion_core.metrics.priors import EVERYDAY, Prior
from emotion_core.models.checkpoint import load_network
from emotion_core.models.device import resolve_device
from emotion_core.models.inference import mirror_mean, to_input, with_mirror
from emotion_core.models.network import EmotionNetwork
from emotion_core.models.runtimes import expect, open_runtime
from emotion_core.predict.photos import Image, Photo, Source, Whole, as_list, find_faces
from emotion_core.predict.readings import Prediction, Reading, interpret_readings
from emotion_core.results.calibration import read_calibration
from emotion_core.results.find import DEFAULT_RUN, find_run
from emotion_core.results.interpretation import interpret
from emotion_core.results.run import Run


class Predictor:
    """One trained network, ready to read faces. Threads may share it: one lock guards the network.

    Args:
        run: which run.
        network: its network, with its weights, on its device.
        device: where it runs.
        detector: finds faces in :meth:`predict`; loaded at first use when ``None``.
        runtime: what computes the network, as in :func:`~emotion_core.models.runtimes.open_runtime`.
        prior: that probabilities are to hold under, as :func:`~emotion_core.metrics.priors.read_prior` gives it. For
            ``"estimate"`` see :func:`~emotion_core.predict.estimate_mix`.
        coverage: share of faces whose prediction set is to hold the true expression.
    """

    def __init__(
        self,
        run: Run,
        network: EmotionNetwork,
        device: torch.device,
        *,
        detector: FaceDetector | None = None,
        runtime: str = "auto",
        prior: Prior | str = EVERYDAY,
        coverage: float = COVERAGE,
    ) -> None:
        self.run = run
        self.device = device
        calibration = read_calibration(run)
        self.interpretation = interpret(run, prior, coverage=coverage, calibration=calibration)
        self._familiarity = calibration.familiarity
        self.outputs = tuple(
            name for name in OUTPUTS if ("expression" if name in EXPRESSIONS else "affect") in run.info.outputs
        )
        self._network = network.eval().requires_grad_(False)
        self._runtime = open_runtime(self._network, runtime)
        self._detector = detector
        self._lock = threading.Lock()

    @classmethod
    def from_run(
        cls,
        path_or_name: str | Path = DEFAULT_RUN,
        *,
        device: str = "auto",
        detector: FaceDetector | None = None,
        runtime: str = "auto",
        prior: Prior | str = EVERYDAY,
        coverage: float = COVERAGE,
    ) -> Predictor:
        """Load a run's network.

        Args:
            path_or_name: a run folder, or the name of one in ``checkpoints/``.
            device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"`` or ``"mps"``.
            detector: finds faces; the best there is by default.
            runtime: as above.
        prior: as above.
            coverage: as above.

        Raises:
            CheckpointNotFoundError: no such run, or it has no weights.
            CheckpointError: it is damaged, or its weights belong to another network.
            DeviceError: no such device.
            ConfigError: no such runtime, a coverage that is none, or a prior that rules out every expression that the run
                knows.
        """
        where = resolve_device(device)
        run = find_run(path_or_name)
        if not run.has_weights:
            raise CheckpointError(f"The run '{run.name}' holds results only, no weights. Choose another run to predict with.")
        network = load_network(run.info.network, run.weights)
        return cls(run, network.to(where), where, detector=detector, runtime=runtime, prior=prior, coverage=coverage)

    @property
    def name(self) -> str:
        """The run's name."""
        return self.run.name

    @property
    def runtime(self) -> str:
        """What computed the network last, as :data:`~emotion_core.models.runtimes.NAMES` call it."""
        return self._runtime.name

    def expect(self, faces: int) -> None:
        """Say that so many faces come, so that what reads many quickly is there for the first. May take seconds, once."""
        with self._lock:
            expect(self._runtime, faces)

    def read(self, crops: Sequence[Image], *, batch_size: int = 32, flip: bool = False) -> list[Reading]:
        """Read faces: probabilities, valence, arousal and the maps of all outputs from one forward pass a batch.

        Args:
            crops: square RGB faces, each ``(S, S, 3)`` of any size.
            batch_size: faces a forward pass.
            flip: flip test-time augmentation, the mean over each face and its mirror image; half as fast. The maps are
                the means of both, too.
        """
        readings: list[Reading] = []
        for start in range(0, len(crops), batch_size):
            readings += self._read_batch(crops[start : start + batch_size], flip=flip)
        return readings

    def _read_batch(self, crops: Sequence[Image], *, flip: bool) -> list[Reading]:
        with self._lock, torch.inference_mode():
            images = to_input(self._network, self._stack(crops))
            outputs, signed = contributions_to_all(self._runtime, with_mirror(images) if flip else images)
            logits, affect, pooled = outputs.logits, outputs.affect, outputs.pooled
            if flip:
                logits, affect, pooled = mirror_mean(logits), mirror_mean(affect), mirror_mean(pooled)
                signed = torch.cat([signed[: len(crops)], signed[len(crops) :].flip(3)])  # places of the face as it is
            raw = mirror_mean(signed.relu()) if flip else signed.relu()
            added = (mirror_mean(signed) if flip else signed).float().cpu().numpy()
            values = affect.clamp(-1, 1).cpu().numpy()
            maps = normalise_maps(raw).cpu().numpy()
            said, features = logits.float().cpu().numpy(), pooled.float().cpu().numpy()
        strange = np.zeros(len(crops), dtype=bool) if self._familiarity is None else self._familiarity.unfamiliar(features)
        knows_expression = "expression" in self.run.info.outputs
        knows_affect = "affect" in self.run.info.outputs
        readings = [
            Reading(
                expression=None,
                probabilities={},
                valence=float(values[i, 0]) if knows_affect else None,
                arousal=float(values[i, 1]) if knows_affect else None,
                maps={name: maps[i, OUTPUTS.index(name)] for name in self.outputs},
                contributions={name: added[i, OUTPUTS.index(name)] for name in self.outputs},
                logits=tuple(map(float, said[i])) if knows_expression else (),
                unfamiliar=bool(strange[i]),
            )
            for i in range(len(crops))
        ]
        return interpret_readings(readings, self.interpretation)

    def explain(
        self,
        crops: Sequence[Image],
        output: str,
        *,
        method: str = "gradcam",
        progress: Callable[[float], object] | None = None,
    ) -> npt.NDArray[np.float32]:
        """Maps of one output by one method.

        Args:
            crops: square RGB faces.
            output: one of :data:`~emotion_core.labels.OUTPUTS`.
            method: one of :data:`emotion_core.explain.METHODS`.
            progress: as in :func:`~emotion_core.explain.explain`.

        Returns:
            In [0, 1], shape ``(B, S, S)`` with the network's input size ``S``.

        Raises:
            ConfigError: unknown output or method.
        """
        with self._lock:
            images = to_input(self._network, self._stack(crops))
            return explain(self._network, images, output, method=method, progress=progress)

    def test_trust(self, crop: Image, output: str, heat_map: npt.NDArray[np.floating], *, flip: bool = False) -> TrustTest:
        """What the network predicts with the warm places of a face blurred, and with as much elsewhere blurred.

        Args:
            crop: a square RGB face.
            output: one of :data:`outputs`.
            heat_map: of this face, shape ``(h, w)``; large is warm.
            flip: as in :meth:`read`.
        """

        def score(images: torch.Tensor) -> npt.NDArray[np.float64]:
            outputs = self._network(with_mirror(images) if flip else images)
            both = outputs.logits if output in EXPRESSIONS else outputs.affect
            values = (mirror_mean(both) if flip else both).float().cpu().numpy()
            if output in EXPRESSIONS:
                return self.interpretation.probabilities(values)[:, EXPRESSIONS.index(output)]
            column: npt.NDArray[np.float64] = values.clip(-1, 1)[:, AFFECT.index(output)].astype(np.float64)
            return column

        with self._lock, torch.inference_mode():
            return blur_test(score, to_input(self._network, self._stack([crop])), heat_map)

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
        sources: Source | Iterable[Source],
        *,
        names: Sequence[str] | None = None,
        whole: Whole = "never",
        batch_size: int = 32,
        flip: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> list[Prediction]:
        """Find and read every face of every photo.

        Args:
            sources: photos: paths, bytes, or upright RGB pixels; also a single one.
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
        sources: Source | Iterable[Source],
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
        for photo in find_faces(as_list(sources), self._detector, names=names, whole=whole):
            waiting.append(photo)
            # Photos without faces wait too, so that results come in the order of the photos.
            if sum(len(each.faces) for each in waiting) >= batch_size or len(waiting) >= batch_size:
                yield from self.read_photos(waiting, batch_size=batch_size, flip=flip, progress=progress)
                waiting = []
        yield from self.read_photos(waiting, batch_size=batch_size, flip=flip, progress=progress)

    def read_photos(
        self,
        photos: Sequence[Photo],
        *,
        batch_size: int = 32,
        flip: bool = False,
        progress: Callable[[int], object] | None = None,
    ) -> Iterator[Prediction]:
        """Read the faces of photos that were searched before; faces of several photos share a forward pass.

        Args:
            photos: as :func:`find_faces` gives them.
            batch_size: faces a forward pass.
            flip: as in :meth:`read`.
            progress: called with the number of photos done.

        Yields:
            One prediction for each photo, in order.
        """
        crops = [found.crop for photo in photos for found in photo.faces]
        started = time.perf_counter()
        readings = iter(self.read(crops, batch_size=batch_size, flip=flip) if crops else ())
        share = (time.perf_counter() - started) / max(len(crops), 1)
        for photo in photos:
            mine = tuple(next(readings) for _ in photo.faces)
            seconds = photo.seconds + share * len(mine)
            yield Prediction(
                photo=photo,
                readings=mine,
                run=self.name,
                device=str(self.device),
                runtime=self.runtime,
                seconds=seconds,
                interpretation=self.interpretation,
            )
            if progress is not None:
                progress(1)

    def _stack(self, crops: Sequence[Image]) -> torch.Tensor:
        size = self._network.config.input_size
        return torch.from_numpy(np.stack([resize_square(crop, size) for crop in crops]).transpose(0, 3, 1, 2))
