"""How fast a film of one drawn face is read, and how much memory it takes. ``python -m benchmarks.films``.

A film of 640 × 360 px is drawn and encoded (H.264), then read at the rates that are asked for as ``predict FILM`` does it, maps
of all ten outputs and the overlay of the predicted one included; with ``--apart`` it is decoded in a process of its own, as on
the Predict page. Printed are frames that are read a second, how many times faster than the film plays that is, processor time a
frame, and the resident memory of this process after each minute of film.

``--beside`` also predicts frame by frame, each as a photo of its own; ``--environment DIR`` runs the video mode of the package
``fer``, which ``benchmarks.foreign`` installs there; all take turns, and of each the best round counts.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from emotion_core import Predictor
from emotion_core.data.schematic import SchematicSource, sample_id
from emotion_core.explain import overlay
from emotion_core.faces import load_detector
from emotion_core.films.apart import open_apart
from emotion_core.films.opening import open_film
from emotion_core.films.reading import read_film
from emotion_core.films.table import FilmLog
from emotion_core.images import read_image
from emotion_core.predict import Prediction

FPS = 25


def write_film(path: Path, seconds: int) -> None:
    """One face that changes every second and moves."""
    faces = [cv2.resize(read_image(SchematicSource().read(sample_id(0, i))), (220, 220)) for i in range(8)]
    with av.open(path, "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 640, 360, "yuv420p"
        stream.codec_context.time_base = Fraction(1, FPS)
        for number in range(seconds * FPS):
            image = np.full((360, 640, 3), 110, np.uint8)
            left = 210 + round(150 * np.sin(number / FPS))
            image[70:290, left : left + 220] = faces[number // FPS % 8]
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def resident() -> float:
    """Resident memory of this process now, MB (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def draw_overlays(prediction: Prediction) -> None:
    """The heat map of what each face shows, over the face."""
    for found, reading in zip(prediction.photo.faces, prediction.readings, strict=True):
        if reading.expression is not None:
            overlay(found.crop, reading.maps[reading.expression])


def measure(path: Path, predictor: Predictor, *, rate: float, apart: bool) -> None:
    """Read the film once and print."""
    film = open_apart(path.read_bytes(), rate=rate) if apart else open_film(path, rate=rate)
    log, minute, found = FilmLog(), 1, []
    started, used = time.perf_counter(), time.process_time()
    for frame in read_film(predictor, film, load_detector()):
        log.add(frame)
        draw_overlays(frame.prediction)
        if frame.time >= 60 * minute:
            found.append(f"{resident():.0f}")
            minute += 1
    took, spent = time.perf_counter() - started, time.process_time() - used
    film.close()
    faces = len(log.table())
    print(
        f"{rate:g} frames a second{', decoded apart' if apart else ''}: {log.frames} frames, {faces} faces in {took:.1f} s: "
        f"{log.frames / took:.1f} frames a second, {log.time / took:.1f} times real time; "
        f"{1000 * spent / max(log.frames, 1):.1f} ms of processor time a frame; "
        f"memory at each minute {', '.join(found) or '-'}, in the end {resident():.0f} MB",
        flush=True,
    )


Way = Callable[[Path], tuple[int, float, float]]
"""Reads a film; gives frames, seconds, and seconds of processor time."""


def _timed(results: Iterator[Prediction]) -> tuple[int, float, float]:
    number, started, used = 0, time.perf_counter(), time.process_time()
    for prediction in results:
        draw_overlays(prediction)
        number += 1
    return number, time.perf_counter() - started, time.process_time() - used


def as_film(predictor: Predictor) -> Way:
    """As ``predict FILM``: batches of frames, faces followed, values smoothed."""
    detector = load_detector()

    def read(path: Path) -> tuple[int, float, float]:
        return _timed(frame.prediction for frame in read_film(predictor, open_film(path, rate=FPS), detector))

    return read


def as_photos(predictor: Predictor) -> Way:
    """Each frame as a photo of its own; no tracks, nothing smoothed."""

    def read(path: Path) -> tuple[int, float, float]:
        return _timed(predictor.predict([frame.image])[0] for frame in open_film(path, rate=FPS))

    return read


def by_fer(environment: Path) -> Way:
    """The video mode of the package ``fer``: one expression of seven a face, no heat map."""
    program = Path(__file__).parent / "foreign" / "film_in_python.py"

    def read(path: Path) -> tuple[int, float, float]:
        command = [str(environment.absolute() / "python" / "bin" / "python"), str(program.absolute()), str(path)]
        # It writes a table into the folder that it runs in: that of the film, which is gone afterwards.
        done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=path.parent)  # noqa: S603
        frames, took, spent = done.stdout.split()[-3:]
        return int(frames), float(took), float(spent)

    return read


def compare(path: Path, ways: dict[str, Way], rounds: int) -> None:
    """Let all ways read the film in turn, and print the best round of each."""
    best: dict[str, tuple[int, float, float]] = {}
    for _ in range(rounds):
        for name, way in ways.items():
            frames, took, spent = way(path)
            before = best.get(name, (frames, took, spent))
            best[name] = frames, min(took, before[1]), min(spent, before[2])
    for name, (frames, took, spent) in best.items():
        print(f"{name}: {frames} frames, {frames / took:.1f} a second, {1000 * spent / frames:.1f} ms of processor time each")


def main() -> None:
    """Draw, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rates", type=float, nargs="*", default=[5.0, 25.0])
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--beside", action="store_true", help="predict frame by frame, too")
    parser.add_argument("--environment", type=Path, help="where benchmarks.foreign has installed 'fer'")
    parser.add_argument("--rounds", type=int, default=3, help="of what stands beside each other (default %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_film(path, arguments.seconds)
        predictor = Predictor.from_run()
        print(f"{arguments.seconds} s, {path.stat().st_size:,} bytes; before reading {resident():.0f} MB", flush=True)
        for rate in arguments.rates:
            measure(path, predictor, rate=rate, apart=arguments.apart)
        ways = {"as a film": as_film(predictor)}
        if arguments.beside:
            ways["frame by frame"] = as_photos(predictor)
        if arguments.environment:
            ways["fer"] = by_fer(arguments.environment)
        if len(ways) > 1:
            compare(path, ways, arguments.rounds)


if __name__ == "__main__":
    main()
