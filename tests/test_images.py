from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from emotion_core.errors import ImageError
from emotion_core.images import MAX_PIXELS, is_picture, read_image

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)
ORIENTATION = 0x0112


def encode(image: Image.Image, fmt: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, fmt, **options)
    return stream.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    return tags


def marked(width: int = 48, height: int = 32) -> Image.Image:
    """Blue, with a red block in the upper left corner."""
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, 16, 16))
    return image


def png(width: int, height: int, pixels: bytes = b"\x00") -> bytes:
    """A PNG whose header says what it likes."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")


SAMPLES = {
    "jpeg": encode(marked(), "JPEG"),
    "png": encode(marked(), "PNG"),
    "webp": encode(marked(), "WEBP", lossless=True),
    "gif": encode(marked(), "GIF"),
    "bmp": encode(marked(), "BMP"),
    "tiff": encode(marked(), "TIFF"),
    "tiff-lzw": encode(marked(), "TIFF", compression="tiff_lzw"),
    "avif": encode(marked(), "AVIF"),
}


def close(pixel: np.ndarray, colour: tuple[int, int, int], tolerance: int = 12) -> bool:
    return bool((np.abs(pixel.astype(int) - colour) <= tolerance).all())


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_is_read(name: str) -> None:
    rgb = read_image(SAMPLES[name])
    assert rgb.shape == (32, 48, 3)
    assert rgb.dtype == np.uint8
    assert rgb.flags.c_contiguous
    assert rgb.flags.writeable
    assert close(rgb[4, 4], RED)
    assert close(rgb[28, 44], BLUE)
    if name not in ("jpeg", "avif"):
        np.testing.assert_array_equal(rgb, np.asarray(marked()))


def test_bytes_views_and_paths_give_the_same_picture(tmp_path: Path) -> None:
    path = tmp_path / "wrong-name.txt"
    path.write_bytes(SAMPLES["png"])
    wanted = np.asarray(marked())
    for source in (SAMPLES["png"], bytearray(SAMPLES["png"]), memoryview(SAMPLES["png"]), str(path), path):
        np.testing.assert_array_equal(read_image(source), wanted)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(fmt: str, orientation: int) -> None:
    data = encode(marked(), fmt, exif=exif(orientation), **({"lossless": True} if fmt == "WEBP" else {}))
    tagged = marked()
    tagged.getexif()[ORIENTATION] = orientation
    np.testing.assert_array_equal(read_image(data), np.asarray(ImageOps.exif_transpose(tagged)))


@pytest.mark.parametrize("fmt", ["JPEG", "AVIF"])
def test_orientation_6_turns_the_upper_left_corner_to_the_right(fmt: str) -> None:
    rgb = read_image(encode(marked(), fmt, exif=exif(6)))
    assert rgb.shape == (48, 32, 3)
    assert close(rgb[4, 28], RED)
    assert close(rgb[4, 4], BLUE)


def test_damaged_exif_does_not_cost_the_picture() -> None:
    block = b"Exif\x00\x00II*\x00\x08\x00\x00\x00\xff\xff\x12\x01garbage"
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    plain = SAMPLES["jpeg"]
    application_0 = 4 + int.from_bytes(plain[4:6], "big")  # a camera's file has EXIF in place of JFIF
    assert read_image(plain[:2] + segment + plain[application_0:]).shape == (32, 48, 3)


@pytest.mark.parametrize(("fmt", "order"), [("PNG", "<u2"), ("TIFF", "<u2"), ("TIFF", ">u2")])
def test_16_bit_grey_is_scaled_not_clipped(fmt: str, order: str) -> None:
    levels = np.arange(256)
    data = encode(Image.fromarray((levels * 257).astype(order).reshape(16, 16)), fmt)
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode.startswith("I;16")
    np.testing.assert_array_equal(read_image(data), np.repeat(levels.reshape(16, 16, 1), 3, axis=2))


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        (np.array([[-5, 0, 51, 255]], dtype=np.int32), [0, 0, 51, 255]),
        (np.array([[0, 257, 32896, 65535]], dtype=np.int32), [0, 1, 128, 255]),
        (np.array([[0, 1_000_000]], dtype=np.int32), [0, 255]),
        (np.array([[-1, 0, 0.2, 1]], dtype=np.float32), [0, 0, 51, 255]),
        (np.array([[0, 51, 255]], dtype=np.float32), [0, 51, 255]),
        (np.array([[np.nan, np.inf, 0.2, 1]], dtype=np.float32), [0, 0, 51, 255]),
        (np.array([[0, 0]], dtype=np.float32), [0, 0]),
    ],
)
def test_32_bit_grey_is_scaled_from_the_smallest_usual_range(values: np.ndarray, wanted: list[int]) -> None:
    rgb = read_image(encode(Image.fromarray(values), "TIFF"))
    np.testing.assert_array_equal(rgb, np.repeat(np.array([wanted])[:, :, None], 3, axis=2))


def test_grey_and_bilevel() -> None:
    grey = Image.new("L", (3, 2), 77)
    assert (read_image(encode(grey, "PNG")) == 77).all()
    bilevel = Image.new("1", (3, 2), 1)
    assert (read_image(encode(bilevel, "PNG")) == 255).all()


@pytest.mark.parametrize("fmt", ["JPEG", "TIFF"])
def test_cmyk_red_is_red(fmt: str) -> None:
    rgb = read_image(encode(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), fmt))
    assert close(rgb[8, 8], RED, tolerance=4)


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "TIFF"])
def test_transparency_is_laid_on_white(fmt: str) -> None:
    layer = Image.new("RGBA", (3, 1))
    for x, alpha in enumerate((0, 128, 255)):
        layer.putpixel((x, 0), (255, 0, 0, alpha))
    options = {"lossless": True, "exact": True} if fmt == "WEBP" else {}
    rgb = read_image(encode(layer, fmt, **options))
    np.testing.assert_array_equal(rgb[0, 0], WHITE)
    np.testing.assert_allclose(rgb[0, 1], (255, 127, 127), atol=1)
    np.testing.assert_array_equal(rgb[0, 2], RED)


def test_grey_with_alpha_is_laid_on_white() -> None:
    assert (read_image(encode(Image.new("LA", (2, 2), (0, 51)), "PNG")) == 204).all()


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
def test_transparent_palette_colour_is_white(transparency: int | bytes) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *BLUE])
    image.putpixel((1, 0), 1)
    rgb = read_image(encode(image, "PNG", transparency=transparency))
    np.testing.assert_array_equal(rgb[0], [WHITE, BLUE])


@pytest.mark.parametrize("fmt", ["GIF", "WEBP", "PNG", "TIFF"])
def test_first_frame_of_an_animation(fmt: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    options = {"lossless": True} if fmt == "WEBP" else {}
    data = encode(frames[0], fmt, save_all=True, append_images=frames[1:], **options)
    with Image.open(io.BytesIO(data)) as image:
        assert getattr(image, "n_frames", 1) == 2
    assert (read_image(data) == RED).all()


def test_one_pixel_is_a_picture() -> None:
    np.testing.assert_array_equal(read_image(encode(Image.new("RGB", (1, 1), RED), "PNG")), [[RED]])


def heic(size: tuple[int, int] = (64, 48)) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(Image.new("RGB", size, RED)).save(stream)
    return stream.getvalue()


def test_photos_of_phones_are_read() -> None:
    picture = read_image(heic())
    assert picture.shape == (48, 64, 3)
    np.testing.assert_allclose(picture.reshape(-1, 3), np.tile(RED, (48 * 64, 1)), atol=4)
    with pytest.raises(ImageError, match="more than the 1,000 pixels allowed"):
        read_image(heic(), max_pixels=1000)
    with pytest.raises(ImageError, match=r"truncated|damaged"):
        read_image(heic()[:300])


def test_photos_of_phones_name_the_package_that_reads_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif.as_plugin", None)
    with pytest.raises(ImageError, match=r"is an HEIC photo.*pip install pillow-heif, or export it as JPEG"):
        read_image(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic")


@pytest.mark.parametrize("name", ["a.jpg", "a.JFIF", "b/a.jpe", "c\\a.avif", "a.webp", "a.heic", ".hidden.png"])
def test_names_of_pictures(name: str) -> None:
    assert is_picture(name)


@pytest.mark.parametrize("name", ["._a.jpg", "b/._a.jpg", "a.txt", "jpg", "a.jpg.zip", ""])
def test_names_of_other_files(name: str) -> None:
    assert not is_picture(name)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", r"^The picture is empty \(0 bytes\): choose another file\.$"),
        (b"Dear diary, this is not a photo.", "cannot be read as a picture: use JPEG, PNG, .* or AVIF"),
        (b"\x00" * 1000, "cannot be read as a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", r"vector drawing \(SVG\), not a photo: export it as PNG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- a -->\n<SVG/>", r"vector drawing \(SVG\)"),
        (b"<html><body>Not found</body></html>", "cannot be read as a picture"),
        (b"8BPS\x00\x01" + b"\x00" * 100, "cannot be read as a picture"),
        (png(0, 10), "has no pixels"),
        (png(10, 0), "has no pixels"),
        (b"GIF89a" + bytes(7) + b"," + bytes(9) + b"\x02\x00;", "has no pixels"),
        (b"BMW is a make of car, and this is a text about cars.", "cannot be read as a picture"),
        (b"GIF89a", "is truncated"),
        (b"\xff\xd8\xff", "its header is cut off"),
        (SAMPLES["png"].replace(b"IHDR", b"IHDX"), "damaged or of an unsupported kind"),
    ],
)
def test_unusable_content_is_named(data: bytes, message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        read_image(data)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "bmp"])
def test_missing_end_is_called_truncated_or_damaged(name: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    data = encode(Image.fromarray(noise), name.upper())
    message = "is truncated, its end is missing: copy or download it again" if name != "webp" else "is (truncated|damaged)"
    with pytest.raises(ImageError, match=message):
        read_image(data[: len(data) * 2 // 3])


@pytest.mark.parametrize("name", SAMPLES)
def test_damaged_bytes_raise_nothing_but_image_error(name: str) -> None:
    rng = np.random.default_rng(5)
    sample = SAMPLES[name]
    for trial in range(150):
        data = bytearray(sample)
        for position in rng.integers(0, len(data) if trial % 2 else min(len(data), 120), size=3):
            data[position] = rng.integers(0, 256)
        if trial % 5 == 0:
            del data[rng.integers(1, len(data)) :]
        try:
            rgb = read_image(data)
        except ImageError:
            continue
        assert rgb.dtype == np.uint8
        assert rgb.ndim == 3


@pytest.mark.parametrize("error", [struct.error, SyntaxError, ValueError, OverflowError, zlib.error, KeyError, EOFError])
def test_any_exception_of_a_decoder_becomes_an_image_error(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise error("boom")

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(ImageError, match=r"is truncated|is damaged"):
        read_image(SAMPLES["png"])


def test_running_out_of_memory_is_an_image_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", fail)
    with pytest.raises(ImageError, match="too large to be decoded: make it smaller"):
        read_image(SAMPLES["png"])


@pytest.mark.parametrize("side", [7_072, 10_000, 20_000, 2**31 - 1])
def test_claimed_size_is_refused_before_decoding(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(*_: object) -> None:
        pytest.fail("the picture was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    with pytest.raises(ImageError, match=f"measures {side:,} x {side:,} pixels, more than the 50,000,000 pixels"):
        read_image(png(side, side))


def test_limits_are_inclusive() -> None:
    data = SAMPLES["png"]
    assert read_image(data, max_pixels=48 * 32, max_side=48, max_bytes=len(data)).shape == (32, 48, 3)
    with pytest.raises(ImageError, match="measures 48 x 32 pixels, more than the 1,535 pixels allowed: make it smaller"):
        read_image(data, max_pixels=48 * 32 - 1)
    with pytest.raises(ImageError, match="more than the 47 pixels a side allowed"):
        read_image(data, max_side=47)
    with pytest.raises(ImageError, match=f"has {len(data):,} bytes, more than the {len(data) - 1:,} allowed"):
        read_image(data, max_bytes=len(data) - 1)


def test_large_files_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.png"
    with path.open("wb") as stream:
        stream.truncate(3_000_000)
    with pytest.raises(ImageError, match="has 3,000,000 bytes, more than the 2,000,000 allowed"):
        read_image(path, max_bytes=2_000_000)


def test_paths_without_a_picture_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"no file at '.*missing\.jpg'"):
        read_image(tmp_path / "missing.jpg")
    with pytest.raises(ImageError, match=f"'{tmp_path}' is a folder"):
        read_image(tmp_path)
    with pytest.raises(ImageError):
        read_image("bad\x00name.jpg")
    with pytest.raises(ImageError):
        read_image("x" * 5000)
    (tmp_path / "empty.png").touch()
    with pytest.raises(ImageError, match=r"empty\.png' is empty"):
        read_image(tmp_path / "empty.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(ImageError, match="not an ordinary file"):
        read_image(tmp_path / "pipe.png")


def test_pillows_settings_are_left_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    read_image(SAMPLES["png"])
    with pytest.raises(ImageError):
        read_image(png(20_000, 20_000))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    assert before[0] is None or before[0] > MAX_PIXELS


def test_threads_read_different_pictures() -> None:
    pictures = [Image.new("RGB", (10 + n, 20 + n), (n, 255 - n, 7)) for n in range(40)]
    with ThreadPoolExecutor(8) as pool:
        arrays = list(pool.map(lambda picture: read_image(encode(picture, "PNG")), pictures))
    for array, picture in zip(arrays, pictures, strict=True):
        np.testing.assert_array_equal(array, np.asarray(picture))
