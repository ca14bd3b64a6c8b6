"""How long does a face take from a photo's bytes to its overlay, by runtime, and what takes it?

Run with ``python -m benchmarks.predict``. Every round reads the same photo (matplotlib's sample portrait, 640 px high, as JPEG)
once with each runtime, stage by stage, and a stream of copies of it through ``Predictor.predict``; rounds take turns, so that
whatever else the machine does disturbs them alike. Beside it stands the roofline: the share of the machine's matrix product
that the forward pass reaches. Exits with status 1 when a runtime's numbers differ from torch's by more than 1e-4, or its maps
by more than 1e-3.
"""

from __future__ import annotations

import argparse
import io
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from matplotlib.cbook import get_sample_data
from PIL import Image

from emotion_core.explain import contributions_to_all, overlay
from emotion_core.faces import crop_face, load_detector, measure_quality
from emotion_core.images import read_image
from emotion_core.labels import AFFECT
from emotion_core.models.inference import to_input
from emotion_core.models.runtimes import SESSIONS, threads
from emotion_core.predict import Predictor, Reading
from emotion_core.profile import multiply_adds
from emotion_core.results.find import DEFAULT_RUN

STAGES = ("decode", "detect", "crop", "quality", "resize", "forward and maps", "numbers", "overlay")


def photo(side: int = 640) -> bytes:
    """The sample portrait as a JPEG of this longer side."""
    with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as image:
        scale = side / max(image.size)
        stream = io.BytesIO()
        image.resize((round(image.width * scale), round(image.height * scale))).save(stream, "JPEG", quality=90)
    return stream.getvalue()


class Clock:
    """Seconds by stage of one photo."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        start = self.clock()
        yield
        self.seconds[stage] = self.clock() - start


def staged(predictor: Predictor, content: bytes, clock: Clock) -> Reading:
    """One photo the way the predictor goes, stage by stage. The numbers' stage is a whole reading less its forward pass."""
    network, runtime, detector = predictor._network, predictor._runtime, predictor._detector
    assert detector is not None
    with clock("decode"):
        image = read_image(content)
    with clock("detect"):
        face = detector.detect(image).faces[0]
    with clock("crop"):
        crop = crop_face(image, face)
    with clock("quality"):
        measure_quality(face, crop)
    with clock("resize"), torch.inference_mode():
        images = to_input(network, predictor._stack([crop]))
    with clock("forward and maps"):
        contributions_to_all(runtime, images)
    with clock("reading"):
        [reading] = predictor.read([crop])
    clock.seconds["numbers"] = max(
        0.0, clock.seconds.pop("reading") - clock.seconds["resize"] - clock.seconds["forward and maps"]
    )
    with clock("overlay"):
        overlay(crop, reading.maps[reading.expression or AFFECT[0]])
    return reading


def peak(clock: Callable[[], float], size: int = 1024) -> float:
    """Floating-point operations a second of a product of two matrices, in billions; the best of several."""
    one, two = torch.rand(size, size), torch.rand(size, size)
    times = []
    for _ in range(6):
        start = clock()
        one @ two
        times.append(clock() - start)
    return 2 * size**3 / min(times) / 1e9


def difference(one: Reading, other: Reading) -> tuple[float, float]:
    """Largest difference of numbers, and of maps."""
    numbers = [abs(one.probabilities[name] - other.probabilities[name]) for name in one.probabilities]
    numbers += [abs((one.valence or 0) - (other.valence or 0)), abs((one.arousal or 0) - (other.arousal or 0))]
    return max(numbers), max(float(np.abs(one.maps[name] - other.maps[name]).max()) for name in one.maps)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and tell whether all runtimes agree."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.predict", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--run", default=DEFAULT_RUN)
    parser.add_argument("--rounds", type=int, default=20, help="(default %(default)s)")
    parser.add_argument("--stream", type=int, default=64, help="photos of the stream (default %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="time on the processor instead of the wall, for a busy machine")
    arguments = parser.parse_args(argv)
    clock = time.process_time if arguments.cpu_time else time.perf_counter

    content = photo()
    detector = load_detector()
    predictors = {
        name: Predictor.from_run(arguments.run, device="cpu", runtime=name, detector=detector) for name in ("torch", *SESSIONS)
    }
    kind = "processor" if arguments.cpu_time else "wall"
    print(f"{arguments.run}, one face in a 640 px photo, {threads()} thread(s), {kind} time, median (minimum) ms")
    stages: dict[str, list[dict[str, float]]] = {name: [] for name in predictors}
    wholes: dict[str, list[float]] = {name: [] for name in predictors}
    streams: dict[str, list[float]] = {name: [] for name in predictors}
    readings: dict[str, Reading] = {}
    peaks = []
    for number in range(arguments.rounds + 1):
        peaks.append(peak(clock))
        for name, predictor in predictors.items():
            watch = Clock(clock)
            readings[name] = staged(predictor, content, watch)
            start = clock()
            [prediction] = predictor.predict([content])
            reading = prediction.readings[0]
            prediction.to_dict()
            overlay(prediction.photo.faces[0].crop, reading.maps[reading.expression or AFFECT[0]])
            whole = clock() - start
            if number:  # the first round warms up
                stages[name].append(watch.seconds)
                wholes[name].append(whole)
            if number and number <= 3:
                start = clock()
                predictor.predict([content] * arguments.stream)
                streams[name].append(clock() - start)

    def cell(values: Sequence[float]) -> str:
        return f"{1000 * statistics.median(values):.2f} ({1000 * min(values):.2f})".rjust(18)

    print("stage".ljust(18) + "".join(name.rjust(18) for name in predictors))
    for stage in STAGES:
        print(stage.ljust(18) + "".join(cell([each[stage] for each in stages[name]]) for name in predictors))
    print("all, one photo".ljust(18) + "".join(cell(wholes[name]) for name in predictors))
    rates = [arguments.stream / min(streams[name]) for name in predictors]
    print(f"faces/s, {arguments.stream} photos".ljust(18) + "".join(f"{rate:.1f}".rjust(18) for rate in rates))
    work = 2 * multiply_adds(predictors["torch"]._network) / 1e9
    top = max(peaks)
    shares = [work / min(each["forward and maps"] for each in stages[name]) / top for name in predictors]
    print("share of roofline".ljust(18) + "".join(f"{share:.0%}".rjust(18) for share in shares))
    print(f"roofline: {top:.1f} GFLOP/s in a matrix product; a face takes {work:.2f} GFLOP")
    worst = [difference(readings["torch"], readings[name]) for name in predictors]
    print("numbers differ by".ljust(18) + "".join(f"{one:.0e}".rjust(18) for one, _ in worst))
    print("maps differ by".ljust(18) + "".join(f"{one:.0e}".rjust(18) for _, one in worst))
    if not (max(one for one, _ in worst) <= 1e-4 and max(one for _, one in worst) <= 1e-3):
        print("A runtime does not give what torch gives.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
