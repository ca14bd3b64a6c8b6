"""Damaged pictures by the thousand, each read as a stranger's upload: ``python -m benchmarks.fuzz``.

Pictures of every format are made, and each copy is changed at random places: bytes flipped, parts cut out, doubled or moved; in
PNG the checksums are repaired, so that the damage reaches the decoder. What counts is that each ends as a picture or as a
sentence, how long the slowest took, and what the server's process holds afterwards. ``--frames 10000`` instead reads an
animated GIF of so many frames, all of them different, as a photo and as a film.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import struct
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from emotion_core.apart import Workers
from emotion_core.errors import ImageError
from emotion_core.films.apart import ApartFilm

KINDS = {"JPEG": {}, "JPEG progressive": {"progressive": True}, "PNG": {}, "WEBP": {}, "WEBP lossless": {"lossless": True},
         "GIF": {}, "BMP": {}, "TIFF": {}, "TIFF lzw": {"compression": "tiff_lzw"}, "AVIF": {}}  # fmt: skip


def make(kind: str) -> bytes:
    """A picture with something in it, 96 × 80 px."""
    pixels = np.random.default_rng(len(kind)).integers(0, 255, (10, 12, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((96, 80), Image.Resampling.BICUBIC).save(stream, kind.split()[0], **KINDS[kind])
    return stream.getvalue()


def mutate(data: bytes, chance: random.Random) -> bytes:
    """The same with one to eight changes."""
    content = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at, length = chance.randrange(max(len(content), 1)), chance.choice((1, 1, 2, 4, 64))
        match chance.randrange(5):
            case 0:
                content[at : at + length] = chance.randbytes(length)
            case 1:
                del content[at : at + length]
            case 2:
                content[at:at] = content[at : at + length]
            case 3:
                content[at : at + length] = chance.choice((b"\xff", b"\0", b"\x7f")) * length
            case _:
                content[at:at] = chance.randbytes(length)
    return repaired(bytes(content)) if data.startswith(b"\x89PNG") and chance.random() < 0.8 else bytes(content)


def repaired(data: bytes) -> bytes:
    """A PNG whose chunks have the checksums of what is in them."""
    content, at = bytearray(data), 8
    while at + 12 <= len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        if end + 4 > len(content):
            break
        content[end : end + 4] = struct.pack(">I", zlib.crc32(content[at + 4 : end]))
        at = end + 4
    return bytes(content)


def held() -> float:
    """What this process holds in memory, MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def read_animation(frames: int) -> dict[str, object]:
    """What a GIF of many different frames costs: its first frame as a photo, all of them as a film."""
    chance = np.random.default_rng(0)
    pictures = (Image.fromarray(chance.integers(0, 255, (48, 64), dtype=np.uint8)) for _ in range(frames))
    stream = io.BytesIO()
    next(pictures).save(stream, "GIF", save_all=True, append_images=pictures, duration=40)
    workers, before = Workers(1), held()
    started = time.perf_counter()
    workers.read(stream.getvalue())
    photo = time.perf_counter()
    film = ApartFilm(stream.getbuffer(), rate=25.0)
    seen = sum(1 for _ in film)
    film.close()
    workers.close()
    return {
        "frames": frames,
        "megabytes": round(len(stream.getvalue()) / 1e6, 1),
        "photo_seconds": round(photo - started, 3),
        "film_frames": seen,
        "film_seconds": round(time.perf_counter() - photo, 1),
        "more_mb": round(held() - before, 1),
    }


def main() -> None:
    """Read them all and print totals as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000, help="how many (default: 10,000)")
    parser.add_argument("--seed", type=int, default=0, help="of the changes (default: 0)")
    parser.add_argument("--frames", type=int, help="of an animated GIF that is read instead")
    arguments = parser.parse_args()
    if arguments.frames:
        print(json.dumps(read_animation(arguments.frames)))
        return
    chance, workers = random.Random(arguments.seed), Workers(1)  # noqa: S311 - not for secrets
    sound = {kind: make(kind) for kind in KINDS}
    ends: Counter[str] = Counter()
    slowest = 0.0
    workers.start()
    before = held()
    for number in range(arguments.files):
        kind = list(KINDS)[number % len(KINDS)]
        started = time.perf_counter()
        try:
            workers.read(mutate(sound[kind], chance))
            ends["picture"] += 1
        except ImageError as error:
            ends["within limits" if "within the limits" in str(error) or "seconds to decode" in str(error) else "sentence"] += 1
        slowest = max(slowest, time.perf_counter() - started)
    print(
        json.dumps(
            {"files": arguments.files, **ends, "slowest_seconds": round(slowest, 3), "more_mb": round(held() - before, 1)}
        )
    )
    workers.close()


if __name__ == "__main__":
    main()
