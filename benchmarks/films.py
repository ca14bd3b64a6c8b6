"""How fast a film of one drawn face is read, and how much memory it takes. ``python -m benchmarks.films``.

A film of 640 × 360 px is drawn and encoded (H.264), then read at the rates that are asked for as ``predict FILM`` does it, maps
of all ten outputs included; with ``--apart`` it is decoded in a process of its own, as on the Predict page. Printed are frames
that are read a second, how many times faster than the film plays that is, and the resident memory of this process after each
minute of film.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from emotion_core import Predictor
from emotion_core.data.schematic import SchematicSource, sample_id
from emotion_core.faces import load_detector
from emotion_core.films.apart import open_apart
from emotion_core.films.opening import open_film
from emotion_core.films.reading import read_film
from emotion_core.films.table import FilmLog
from emotion_core.images import read_image

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


def measure(path: Path, predictor: Predictor, *, rate: float, apart: bool) -> None:
    """Read the film once and print."""
    film = open_apart(path.read_bytes(), rate=rate) if apart else open_film(path, rate=rate)
    log, minute, found = FilmLog(), 1, []
    started = time.perf_counter()
    for frame in read_film(predictor, film, load_detector()):
        log.add(frame)
        if frame.time >= 60 * minute:
            found.append(f"{resident():.0f}")
            minute += 1
    took = time.perf_counter() - started
    film.close()
    faces = len(log.table())
    print(
        f"{rate:g} frames a second{', decoded apart' if apart else ''}: {log.frames} frames, {faces} faces in {took:.1f} s: "
        f"{log.frames / took:.1f} frames a second, {log.time / took:.1f} times real time; "
        f"memory at each minute {', '.join(found) or '-'}, in the end {resident():.0f} MB",
        flush=True,
    )


def main() -> None:
    """Draw, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--rates", type=float, nargs="+", default=[5.0, 25.0])
    parser.add_argument("--apart", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        write_film(path, arguments.seconds)
        predictor = Predictor.from_run()
        print(f"{arguments.seconds} s, {path.stat().st_size:,} bytes; before reading {resident():.0f} MB", flush=True)
        for rate in arguments.rates:
            measure(path, predictor, rate=rate, apart=arguments.apart)


if __name__ == "__main__":
    main()
