"""What is kept of a run's calibration: ``calibration.npz``, beside the numbers in ``run.json``.

It holds the logits and labels of the validation images, which other priors and rates need, and what the training faces look
like to the network.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import CheckpointError
from emotion_core.models.familiarity import Familiarity
from emotion_core.results.checked import open_arrays, parse_json
from emotion_core.results.files import DAMAGED_ARCHIVE, strict_json, write_bytes
from emotion_core.results.run import Run

Array = npt.NDArray[np.float64]

FILE = "calibration.npz"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class JudgedFaces:
    """Validation images of one benchmark, as a network sees them.

    Attributes:
        logits: before any temperature, float16, shape ``(N, 8)``.
        labels: positions in ``EXPRESSIONS``, shape ``(N,)``.
    """

    logits: npt.NDArray[np.float16]
    labels: npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Content of ``calibration.npz``.

    Attributes:
        faces: by benchmark.
        familiarity: of the training faces; ``None`` where nothing is known of them.
    """

    faces: Mapping[str, JudgedFaces]
    familiarity: Familiarity | None = None


NOTHING = Calibration(faces={})


def read_calibration(run: Run) -> Calibration:
    """What a run keeps of its calibration; nothing for a run that was not calibrated.

    Raises:
        CheckpointError: the file is damaged.
    """
    path = run.path / FILE
    # A run that was trained again in the same folder says nothing of a calibration any more.
    if not run.info.calibration or not path.is_file():
        return NOTHING
    try:
        with open_arrays(path) as file:
            about = parse_json(str(file["about"]))
            if about["version"] != VERSION:
                raise ValueError(f"version {about['version']}")
            faces = {
                name: JudgedFaces(logits=file[f"logits_{index}"], labels=file[f"labels_{index}"])
                for index, name in enumerate(about["benchmarks"])
                if name in run.info.calibration
            }
            familiarity = None
            if "mean" in file:
                familiarity = Familiarity(
                    file["mean"],
                    file["directions"].astype(np.float32),
                    file["variances"],
                    float(about["rest"]),
                    float(about["threshold"]),
                )
    except DAMAGED_ARCHIVE as error:
        raise CheckpointError(f"'{path}' cannot be used ({error}). Calibrate the run again.") from error
    return Calibration(faces=faces, familiarity=familiarity)


def write_calibration(run: Run, calibration: Calibration) -> None:
    """Write ``calibration.npz``; ``run.json`` is the caller's."""
    about: dict[str, Any] = {"version": VERSION, "benchmarks": list(calibration.faces)}
    arrays: dict[str, npt.NDArray[Any]] = {}
    for index, faces in enumerate(calibration.faces.values()):
        arrays |= {f"logits_{index}": faces.logits, f"labels_{index}": faces.labels}
    if (known := calibration.familiarity) is not None:
        about |= {"rest": known.rest, "threshold": known.threshold}
        arrays |= {"mean": known.mean, "directions": known.directions.astype(np.float16), "variances": known.variances}
    stream = io.BytesIO()
    np.savez_compressed(stream, about=np.array(strict_json(about)), **arrays)  # type: ignore[arg-type]
    write_bytes(run.path / FILE, stream.getvalue())
