"""Pictures that are decoded in another process."""

from __future__ import annotations

import io
import os
import resource
import signal
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotion_core import apart
from emotion_core.apart import Worker, Workers
from emotion_core.errors import ImageError
from emotion_core.images import read_image

pytestmark = pytest.mark.skipif(not apart.limited(), reason="this system cannot limit a process")


@pytest.fixture(scope="module")
def workers() -> Iterator[Workers]:
    made = Workers(2)
    yield made
    made.close()


def encoded(kind: str, side: int = 300, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 255, (side // 10, side // 10, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).resize((side, side // 2)).save(stream, kind, **options)
    return stream.getvalue()


def flat(kind: str, side: int = 4000, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (side, side), (9, 9, 9)).save(stream, kind, **options)
    return stream.getvalue()


def run_length_bmp(width: int, height: int) -> bytes:
    row = bytes([255, 1]) * (width // 255) + bytes([width % 255, 1]) + b"\0\0"
    body = row * height + b"\0\1"
    start = 14 + 40 + 1024
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(body), 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", start + len(body), 0, 0, start) + head + bytes(1024) + body


def with_chunks(count: int) -> bytes:
    content = encoded("PNG", 20)
    chunk = struct.pack(">I", 0) + b"teSt" + struct.pack(">I", zlib.crc32(b"teSt"))
    return content[:33] + chunk * count + content[33:]


def with_scans(count: int) -> bytes:
    content = encoded("JPEG", 40, progressive=True)
    first = content.index(b"\xff\xda")
    return content[:first] + content[first:-2] * count + content[-2:]


TURNED = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
@pytest.mark.parametrize("options", [{}, {"exif": TURNED}, {"side": 1500}], ids=["plain", "turned", "several strips"])
def test_the_same_pixels_as_in_this_process(workers: Workers, kind: str, options: dict[str, Any]) -> None:
    data = encoded(kind, **options)
    pixels = workers.read(data)
    assert np.array_equal(pixels, read_image(data))
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous


def test_the_memory_of_a_picture_is_its_own_and_goes_with_it(workers: Workers) -> None:
    def mapped() -> int:
        return Path("/proc/self/maps").read_text().count("memfd:picture")

    before = mapped()
    pixels = workers.read(encoded("PNG"))
    other = workers.read(encoded("JPEG"))
    assert mapped() == before + 2
    del pixels
    assert mapped() == before + 1
    assert np.array_equal(other, read_image(encoded("JPEG")))
    del other
    assert mapped() == before


def test_a_large_photo_comes_at_half_its_size(workers: Workers) -> None:
    data = encoded("JPEG", 8000)
    pixels = workers.read(data)
    assert pixels.shape == (2000, 4000, 3)
    whole = np.asarray(Image.fromarray(read_image(data)).resize((4000, 2000), Image.Resampling.BOX))
    assert np.abs(pixels.astype(int) - whole).mean() < 5


@pytest.mark.parametrize("data", [b"", b"no picture", encoded("PNG", 40)[:200], b"<svg/>", encoded("JPEG", 40)[:60]])
def test_the_same_sentence_as_in_this_process(workers: Workers, data: bytes) -> None:
    with pytest.raises(ImageError) as here:
        read_image(data)
    with pytest.raises(ImageError) as there:
        workers.read(data)
    assert str(there.value) == str(here.value)


def test_a_file_is_called_by_its_path(workers: Workers, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded("PNG"))
    assert workers.read(tmp_path / "a.png").shape == (150, 300, 3)
    (tmp_path / "b.png").write_bytes(b"no picture")
    with pytest.raises(ImageError, match=r"'.*b\.png' cannot be read as a picture"):
        workers.read(str(tmp_path / "b.png"))
    with pytest.raises(ImageError, match="There is no file at"):
        workers.read(tmp_path / "c.png")


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: flat("WEBP", lossless=True), r"measures 4,000 x 4,000 pixels in [\d,]+ bytes, so there is nothing to see"),
        (lambda: flat("AVIF"), "measures 4,000 x 4,000 pixels in"),
        (lambda: run_length_bmp(30_000, 1_666), "is a run-length encoded BMP of 49,980,000 pixels: save it again as PNG"),
        (lambda: with_chunks(60_000), "has more than 50,000 chunks"),
        (lambda: with_scans(60), "has [0-9]+ scans, as no camera writes it"),
        (lambda: b"\xff\xd8" + b"\xff" * 100_000 + encoded("JPEG")[2:], "has a long run of fill bytes"),
        (lambda: encoded("BMP")[:18] + struct.pack("<i", -100) + encoded("BMP")[22:], r"has a negative width \(-100\)"),
    ],
    ids=["flat WebP", "flat AVIF", "BMP", "chunks", "scans", "fill", "negative"],
)
def test_what_would_keep_a_decoder_busy_is_refused_before_it_starts(
    make: Callable[[], bytes], reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = make()

    def decoded(*_: object) -> None:
        raise AssertionError("a decoder was started")

    monkeypatch.setattr(Image.Image, "load", decoded)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decoded)
    with pytest.raises(ImageError, match=reason):
        read_image(data)


def test_memory_is_limited_and_the_next_picture_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "MEMORY", 20 << 20)
    made = Workers(1)
    try:
        # Whether the decoder says that memory is short, or ends without a word, is up to the decoder.
        with pytest.raises(
            ImageError, match=r"^The picture (is too large to be decoded|cannot be decoded within the limits): "
        ):
            made.read(encoded("PNG", 4000))
        assert made.read(encoded("PNG", 300)).shape == (150, 300, 3)
    finally:
        made.close()


@pytest.mark.parametrize(
    ("sign", "reason"), [("SIGXCPU", "takes more than 3 seconds to decode"), ("SIGSEGV", "within the limits")]
)
def test_a_worker_that_dies_costs_one_picture(sign: str, reason: str) -> None:
    made = Workers(1)
    try:
        made.start()
        worker = made._free.get()
        assert worker is not None
        assert worker.read("x", encoded("PNG")).shape == (150, 300, 3)
        os.kill(worker._process.pid, getattr(signal, sign))
        with pytest.raises(ImageError, match=f"^x .*{reason}: save it again as JPEG or PNG, or make it smaller"):
            worker.read("x", encoded("PNG"))
        assert not worker.alive
        made._free.put(worker)
        assert made.read(encoded("PNG")).shape == (150, 300, 3)
    finally:
        made.close()


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux tells the limits of another process")
def test_processor_time_and_memory_are_limited_for_each_picture_anew() -> None:
    worker = Worker()
    try:
        limits = []
        for side in (300, 900):
            worker.read("x", encoded("JPEG", side))
            seconds = resource.prlimit(worker._process.pid, resource.RLIMIT_CPU)[0]
            memory = resource.prlimit(worker._process.pid, resource.RLIMIT_AS)[0]
            limits.append((seconds, memory))
        # Of a process that has used less than two seconds in all.
        assert all(4 <= seconds <= 6 for seconds, _ in limits)
        assert all(300 << 20 < memory < 2 << 30 for _, memory in limits)
    finally:
        worker.close()


def test_visitors_wait_for_each_other_and_none_is_lost(workers: Workers) -> None:
    good, refused, results = encoded("JPEG"), with_chunks(60_000), []
    expected = read_image(good)

    def visit(data: bytes) -> None:
        try:
            results.append(np.array_equal(workers.read(data), expected))
        except ImageError:
            results.append(None)

    visitors = [threading.Thread(target=visit, args=(data,)) for _ in range(8) for data in (good, refused, b"x")]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert results.count(True) == 8
    assert False not in results
