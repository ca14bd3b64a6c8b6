"""What it costs to decode photos apart: ``python -m benchmarks.decoding``.

Honest photos are read in this process and in a worker's, by turns, so that both meet the same load of the machine. Printed as
JSON: for each photo the medians in milliseconds, by the clock and of processor time in both processes together, and the median
ratio of apart to here, of both.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from emotion_core.apart import Worker
from emotion_core.images import read_image

PHOTOS = {
    "JPEG, 12 megapixels": (4000, 3000, "JPEG", {"quality": 90}),
    "JPEG, 2 megapixels": (1600, 1200, "JPEG", {"quality": 90}),
    "PNG, 2 megapixels": (1600, 1200, "PNG", {}),
    "WebP, 12 megapixels": (4000, 3000, "WEBP", {"quality": 85}),
}


def photo(width: int, height: int, kind: str, options: dict[str, object]) -> bytes:
    """Something with large forms and the grain of a sensor."""
    chance = np.random.default_rng(0)
    forms = Image.fromarray(chance.integers(0, 255, (height // 100, width // 100, 3), dtype=np.uint8))
    forms = forms.resize((width, height), Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(2))
    grain = chance.normal(0, 4, (height, width, 1))
    stream = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(forms) + grain, 0, 255).astype(np.uint8)).save(stream, kind, **options)
    return stream.getvalue()


def processor_seconds(pid: int) -> float:
    """Of a process so far."""
    words = Path(f"/proc/{pid}/schedstat").read_text().split()
    return int(words[0]) / 1e9


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="how often each photo is read each way (default: 15)")
    rounds = parser.parse_args().rounds
    worker = Worker()
    ways = {"here": read_image, "apart": lambda data: worker.read("The photo", data)}
    pids = (os.getpid(), worker._process.pid)
    try:
        for title, (width, height, kind, options) in PHOTOS.items():
            data = photo(width, height, kind, options)
            assert np.array_equal(*(way(data) for way in ways.values()))
            taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
            for _ in range(rounds):
                for way, read in ways.items():
                    started, used = time.perf_counter(), sum(map(processor_seconds, pids))
                    # Whoever reads a photo looks at it.
                    read(data).max()
                    taken[way].append((time.perf_counter() - started, sum(map(processor_seconds, pids)) - used))
            told: dict[str, object] = {"photo": title, "bytes": len(data)}
            for i, unit in enumerate(("clock", "processor")):
                told[f"{unit}_ms"] = {way: round(1e3 * statistics.median(each[i] for each in taken[way]), 1) for way in ways}
                pairs = zip(taken["apart"], taken["here"], strict=True)
                told[f"{unit}_ratio"] = round(statistics.median(apart[i] / here[i] for apart, here in pairs), 3)
            print(json.dumps(told), flush=True)
    finally:
        worker.close()


if __name__ == "__main__":
    main()
