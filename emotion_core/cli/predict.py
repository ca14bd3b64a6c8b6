"""``predict``: what the faces in photos and films express."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emotion_core.cli.options import AddCommand, device_option, prior_option, runtime_option
from emotion_core.cli.own_models import model_options, predict_with_model
from emotion_core.errors import ConfigError
from emotion_core.films.decode import PREDICTED, RATE
from emotion_core.films.opening import moves
from emotion_core.labels import OUTPUTS
from emotion_core.metrics.conformal import COVERAGE
from emotion_core.metrics.priors import ESTIMATE, read_prior
from emotion_core.results.files import strict_json
from emotion_core.results.find import DEFAULT_RUN
from emotion_core.texts import listing, printable

if TYPE_CHECKING:
    from emotion_core.predict import Prediction, Predictor
    from emotion_core.predict.photos import Photo
    from emotion_core.results.interpretation import Interpretation


def add(command: AddCommand) -> None:
    """Register the commands of this module."""
    predict = command("predict", _predict, "say what the faces in photos and films express")
    predict.add_argument("images", nargs="+", metavar="IMAGE", help="photos, folders of photos, or films")
    predict.add_argument("--run", help="run folder, or name of a run (default: the one that comes with the program)")
    predict.add_argument("--cam", metavar="DIR", type=Path, help="write a Grad-CAM overlay of every output of every face here")
    predict.add_argument("--json", action="store_true", help="print one JSON object a line and image, or frame of a film")
    predict.add_argument(
        "--rate",
        type=float,
        default=RATE,
        metavar="FPS",
        help=f"frames of a film that are read each second (default: {RATE:g})",
    )
    predict.add_argument(
        "--annotated",
        metavar="OUT.mp4",
        type=Path,
        help="write the film with its faces drawn in here: boxes, what they show, and heat maps",
    )
    predict.add_argument(
        "--heat-map",
        choices=(PREDICTED, "none", *OUTPUTS),
        default=PREDICTED,
        help="of which output --annotated shows heat maps (default: the expression that each face shows)",
    )
    predict.add_argument(
        "--whole-image",
        choices=("never", "fallback", "always"),
        default="never",
        help="take the whole picture as one face: never, where no face is found, or without looking (face crops)",
    )
    predict.add_argument(
        "--flip", action="store_true", help="flip test-time augmentation: the mean over each face and its mirror image"
    )
    prior_option(predict, "everyday")
    predict.add_argument(
        "--coverage",
        type=float,
        default=COVERAGE,
        metavar="RATE",
        help="share of faces whose set of expressions is to hold the true one (default: 0.9)",
    )
    device_option(predict)
    runtime_option(predict)
    model_options(predict)


def _predict(arguments: argparse.Namespace) -> int:
    from tqdm import tqdm

    from emotion_core.cli.films import check_annotated, read_to_lines
    from emotion_core.predict import Predictor, estimate_mix

    if arguments.model:
        return predict_with_model(arguments, _expand(arguments.images))
    prior = read_prior(arguments.prior or "everyday")
    films = [image for image in arguments.images if moves(image) and not os.path.isdir(image)]
    paths = _expand([image for image in arguments.images if image not in films])
    if films and prior == ESTIMATE:
        raise ConfigError("The mix of a film cannot be estimated, since its frames are read one after the other: name another.")
    check_annotated(arguments.annotated, films, photos=bool(paths))
    run = arguments.run or DEFAULT_RUN
    predictor = Predictor.from_run(
        run, device=arguments.device, runtime=arguments.runtime, prior=prior, coverage=arguments.coverage
    )
    overlays = None if arguments.cam is None else Overlays(arguments.cam)
    failed = False
    # A bar between lines of results would only disturb; it is for a person who waits for a file to fill.
    hidden = len(paths) < 2 or sys.stdout.isatty() or not sys.stderr.isatty()
    with tqdm(total=len(paths), unit="photo", disable=hidden) as bar:
        results: Iterable[Prediction] = predictor.iter_predict(
            paths, whole=arguments.whole_image, flip=arguments.flip, progress=bar.update
        )
        if prior == ESTIMATE:
            # The mix is that of all faces, so none is known before the last one is read.
            results = estimate_mix(list(results))
            _tell_prior(results[0].interpretation if results else None, predictor)
        else:
            _tell_prior(predictor.interpretation, predictor)
        for prediction in results:
            failed |= prediction.photo.error is not None
            record = prediction.to_dict()
            if overlays is not None:
                overlays.write(prediction, record)
            print(strict_json(record) if arguments.json else describe(prediction, record), flush=True)
    for path in films:
        failed |= not read_to_lines(path, predictor, arguments, overlays)
    return int(failed)


def _tell_prior(interpretation: Interpretation | None, predictor: Predictor) -> None:
    if interpretation is not None and "expression" in predictor.run.info.outputs:
        print(f"{interpretation.describe()} Another mix: --prior.", file=sys.stderr)


def _expand(images: Sequence[str]) -> list[str]:
    """Folders become the pictures in them; everything else stays as it is, so that a wrong name gets its own error line."""
    from emotion_core.images import ENDINGS, is_picture

    paths: list[str] = []
    for image in images:
        if not os.path.isdir(image):
            paths.append(image)
            continue
        files = sorted(str(path) for path in Path(image).rglob("*") if path.is_file())
        found = [path for path in files if is_picture(path)]
        if not found:
            raise ConfigError(f"The folder '{image}' holds no pictures ({', '.join(ENDINGS)}).")
        if len(found) < len(files):
            print(f"{len(files) - len(found):,} of {len(files):,} files in '{image}' are no pictures.", file=sys.stderr)
        paths += found
    return paths


def describe(prediction: Prediction, record: dict[str, Any], name: str | None = None) -> str:
    """What was found, a line a face.

    Args:
        prediction: of a photo.
        record: the same as plain data.
        name: what to call it; as its file by default.
    """
    name = printable(record["image"]) if name is None else name
    if "error" in record:
        return f"{name}: {printable(record['error'])}"
    if not record["faces"]:
        return f"{name}: no face found by {record['detector']} (--whole-image fallback takes the picture as one)"
    lines = []
    for face, reading in zip(record["faces"], prediction.readings, strict=True):
        parts = []
        if reading.expression is not None:
            unsure = "" if reading.stands in (True, None) else f" ({reading.expression}"
            parts.append(f"{reading.verdict}{unsure} {reading.probabilities[reading.expression]:.2f}{')' if unsure else ''}")
        if face["valence"] is not None:
            parts.append(f"valence {face['valence']:+.2f}, arousal {face['arousal']:+.2f}")
        x, y, width, height = face["box"]
        care = f"; read with care: the face is {listing(face['warnings'])}" if face["warnings"] else ""
        lines.append(f"{name}: {', '.join(parts)} (face of {width} × {height} px at {x}, {y}){care}")
    if record["left_out"]:
        lines.append(f"{name}: the {record['left_out']:,} smallest faces were not read")
    return "\n".join(lines)


class Overlays:
    """Writes overlays under names that no picture's name can lead out of the folder, or to another picture's overlay."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.taken: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"The folder '{folder}' cannot be made ({error.strerror}).") from error

    def write(self, prediction: Prediction, record: dict[str, Any], name: str | None = None) -> None:
        """Write every overlay of one photo and note the files in its record; ``name`` is the photo's by default."""
        self.write_maps(prediction.photo, [reading.maps for reading in prediction.readings], record, name)

    def write_maps(
        self, photo: Photo, maps: Sequence[Mapping[str, Any]], record: dict[str, Any], name: str | None = None
    ) -> None:
        """The same for the maps of every face, by output."""
        from PIL import Image

        from emotion_core.explain import overlay

        if photo.error is not None:
            return
        stem = self._stem(name or photo.name)
        for number, (found, heats) in enumerate(zip(photo.faces, maps, strict=True)):
            files = {}
            for output, heat in heats.items():
                path = self.folder / f"{stem}-{number}-{output}.png"
                try:
                    Image.fromarray(overlay(found.crop, heat)).save(path)
                except OSError as error:
                    raise ConfigError(f"'{path}' cannot be written ({error.strerror or error}).") from error
                files[output] = str(path)
            record["faces"][number]["cam"] = files

    def _stem(self, name: str) -> str:
        plain = re.sub(r"[^\w.-]+", "_", Path(name).stem)[:80].strip(".") or "photo"
        stem, count = plain, 1
        while stem in self.taken:
            count += 1
            stem = f"{plain}-{count}"
        self.taken.add(stem)
        return stem
