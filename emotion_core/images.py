"""Reading pictures that nobody has checked: whatever the file holds, the result is RGB or an :class:`ImageError`."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from emotion_core.errors import ImageError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.ImageFile import ImageFile

MAX_PIXELS = 50_000_000
"""Largest picture that is decoded, in pixels: every phone's ordinary photos, 150 MB as RGB."""

MAX_SIDE = 30_000
"""Longest side that is decoded, in pixels. OpenCV addresses coordinates with 16 bits in places."""

MAX_BYTES = 100 * 1024 * 1024
"""Largest file that is read, in bytes."""

FORMATS = ("JPEG", "PNG", "WebP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that are read. Everything else Pillow knows stays switched off."""


ENDINGS = (
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif",
)  # fmt: skip
"""What a picture's name ends with. It decides what counts as a picture in a folder; how it is read is up to its content."""


def is_picture(name: str) -> bool:
    """Whether a file of this name is a picture. Those that macOS leaves beside pictures (``._photo.jpg``) are not.

    Example:
        >>> is_picture("photos/IMG_1.HEIC"), is_picture("photos/._IMG_1.HEIC"), is_picture("notes.txt")
        (True, False, False)
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return last.lower().endswith(ENDINGS) and not last.startswith("._")


PictureSource = bytes | bytearray | memoryview | str | os.PathLike[str]
"""The content of a file, or its path."""

UNNAMED = "The picture"
"""What a picture without a path is called in messages."""

FLAT_PIXELS = 4_000_000
"""Larger pictures have to hold as much as one byte for :data:`PIXELS_A_BYTE`."""

PIXELS_A_BYTE = 10_000
"""More than any photo has: an overexposed one of 12 megapixels takes 70 kB as JPEG, ten times what this asks for."""

MAX_SCANS = 200
"""Of a progressive JPEG, each of which goes through the whole picture; cameras and programs write about ten."""

MAX_CHUNKS = 50_000
"""Of a PNG; the largest file that is read has 13,000 of the usual 8 kB."""

STRIP = 1 << 20
"""Bytes that are copied at a time."""

MAX_RUNS = 10_000_000
"""Pixels of a run-length encoded BMP, which is decoded run by run: some seconds."""


class _JpegImageFile(JpegImagePlugin.JpegImageFile):
    """Opening a JPEG looks up its resolution in EXIF; damaged EXIF must not cost the picture."""

    def getexif(self) -> Image.Exif:
        try:
            return super().getexif()
        except Exception:  # metadata may be damaged in any way
            return Image.Exif()


_PLUGINS: dict[str, type[ImageFile]] = {
    "JPEG": _JpegImageFile,
    "PNG": PngImagePlugin.PngImageFile,
    "WebP": WebPImagePlugin.WebPImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "TIFF",
    b"MM\x00+": "TIFF",
}
_BMP_HEADERS = (12, 40, 52, 56, 64, 108, 124)
"""Header lengths of all versions: 'BM' alone could as well begin a sentence."""
_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(
    source: PictureSource,
    *,
    max_pixels: int = MAX_PIXELS,
    max_side: int = MAX_SIDE,
    max_bytes: int = MAX_BYTES,
) -> NDArray[np.uint8]:
    """Read a picture as upright RGB.

    The size in the header is checked before a pixel is decoded, so a small file that claims a huge picture costs
    nothing. Of an animation the first frame is read. Transparent parts are laid on white. The EXIF orientation is
    applied; one that cannot be read counts as upright. 16-bit grey is scaled from 0..65535; 32-bit integers and floats
    are scaled from the smallest usual range that holds them (0..1 for floats, 0..255, 0..65535, else 0..maximum), what
    is negative becomes 0. Colour profiles are not applied. No global setting of Pillow is changed, and threads may call
    this at the same time.

    Args:
        source: the file's content, or the path of a file (a string is always a path).
        max_pixels: largest number of pixels accepted.
        max_side: longest side accepted, in pixels.
        max_bytes: largest file accepted.

    Returns:
        Array of shape ``(H, W, 3)``, uint8, C-contiguous and writable.

    Raises:
        ImageError: no such file, not a picture, too large, cut short or damaged; the message is one sentence that says
            which, and what to do.
    """
    picture = decode(*load_bytes(source, max_bytes), max_pixels=max_pixels, max_side=max_side)
    width, height = picture.size
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    flat, at = pixels.reshape(-1), 0
    for rows in strips(picture):
        flat[at : at + len(rows)] = np.frombuffer(rows, dtype=np.uint8)
        at += len(rows)
    return pixels


def decode(
    subject: str, data: bytes, *, max_pixels: int = MAX_PIXELS, max_side: int = MAX_SIDE, enough: int | None = None
) -> Image.Image:
    """The same as Pillow's picture, RGB and upright.

    Args:
        subject: what to call the picture in a message.
        data: content of the file.
        max_pixels: largest number of pixels accepted.
        max_side: longest side accepted, in pixels.
        enough: of a JPEG with more pixels than this, half, a quarter or an eighth of each side is decoded, in as much less
            time and memory, but no fewer than a quarter of these pixels.

    Raises:
        ImageError: as in :func:`read_image`.
    """
    plugin = _find_plugin(subject, data)
    _check_structure(subject, data)
    if plugin is _PLUGINS["WebP"] and (claimed := _webp_size(data)) is not None:
        # Its decoder takes memory for the whole picture as soon as it is made.
        _check_size(subject, claimed, max_pixels, max_side)
        _check_cost(subject, claimed, data)
    try:
        # Image.open would do, but it warns (process-wide) about pictures that are large by its own limit, not by ours.
        with plugin(io.BytesIO(data)) as image:
            _check_size(subject, image.size, max_pixels, max_side)
            _check_cost(subject, image.size, data)
            if enough is not None and image.size[0] * image.size[1] > enough:
                image.draft(None, (image.size[0] // 2, image.size[1] // 2))
            image.load()
            rgb = _to_rgb(image)
            # Only now: decoding a TIFF turns it upright.
            orientation = _orientation(image)
        return rgb.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else rgb
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise ImageError(f"{subject} is too large to be decoded: make it smaller and try again.") from error
    except Exception as error:  # decoders raise whatever damaged bytes lead them to: no list of types is complete
        raise ImageError(f"{subject} {_reason(error)}") from error


def strips(picture: Image.Image) -> Iterator[bytes]:
    """Pixels of an RGB picture from top to bottom, some rows at a time: all at once they would be in memory twice."""
    width, height = picture.size
    rows = max(1, STRIP // (3 * width))
    for top in range(0, height, rows):
        yield picture.crop((0, top, width, min(top + rows, height))).tobytes()


def load_bytes(source: PictureSource, max_bytes: int) -> tuple[str, bytes]:
    """What to call the picture in a message, and its bytes.

    Raises:
        ImageError: no such file, too large, or empty.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        subject, size = UNNAMED, memoryview(source).nbytes
        data = bytes(source) if size <= max_bytes else b""
    else:
        path = Path(source)
        subject = f"'{path}'"
        try:
            if path.is_dir():
                raise ImageError(f"{subject} is a folder: choose a picture inside it.")
            if not path.exists():
                raise ImageError(f"There is no file at {subject}: check the path.")
            if not path.is_file():
                raise ImageError(f"{subject} is not an ordinary file: choose a picture.")
            with path.open("rb") as stream:
                size = os.fstat(stream.fileno()).st_size
                data = stream.read(max_bytes + 1) if size <= max_bytes else b""
            size = max(size, len(data))
        except (OSError, ValueError) as error:
            if isinstance(error, ImageError):
                raise
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise ImageError(f"{subject} cannot be read ({reason}): check the path and its permissions.") from error
    if size > max_bytes:
        raise ImageError(f"{subject} has {size:,} bytes, more than the {max_bytes:,} allowed: make it smaller and try again.")
    if not data:
        raise ImageError(f"{subject} is empty (0 bytes): choose another file.")
    return subject, data


def _find_plugin(subject: str, data: bytes) -> type[ImageFile]:
    """Decoder for the content; the file's name has no say."""
    head = data[:4096]
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return _PLUGINS[name]
    if head.startswith(b"BM") and int.from_bytes(head[14:18], "little") in _BMP_HEADERS:
        return _PLUGINS["BMP"]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _PLUGINS["WebP"]
    if head[4:8] == b"ftyp":
        brands = head[8 : max(16, min(64, int.from_bytes(head[:4], "big")))]
        if b"avif" in brands or b"avis" in brands:
            return _PLUGINS["AVIF"]
        if any(brand in brands for brand in (b"heic", b"heix", b"hevc", b"mif1", b"msf1")):
            return _heif_plugin(subject)
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in head.lower():
        raise ImageError(f"{subject} is a vector drawing (SVG), not a photo: export it as PNG and try again.")
    raise ImageError(f"{subject} cannot be read as a picture: use {', '.join(FORMATS[:-1])} or {FORMATS[-1]}.")


def _heif_plugin(subject: str) -> type[ImageFile]:
    """Decoder of an optional package."""
    try:
        from pillow_heif.as_plugin import HeifImageFile
    except ImportError as error:
        raise ImageError(
            f"{subject} is an HEIC photo, which needs a further package: pip install pillow-heif, or export it as JPEG."
        ) from error
    plugin: type[ImageFile] = HeifImageFile
    return plugin


def _check_structure(subject: str, data: bytes) -> None:
    """Refuse a file that is made to keep its decoder busy; counting costs next to nothing."""
    reason = ""
    if data.startswith(b"\xff\xd8") and ((scans := data.count(b"\xff\xda")) > MAX_SCANS or b"\xff" * 65_536 in data):
        reason = f"{scans:,} scans" if scans > MAX_SCANS else "a long run of fill bytes"
    elif data.startswith(b"\x89PNG"):
        chunks, at = 0, 8
        while at + 8 <= len(data) and chunks <= MAX_CHUNKS:
            chunks, at = chunks + 1, at + 12 + int.from_bytes(data[at : at + 4], "big")
        reason = f"more than {MAX_CHUNKS:,} chunks" if chunks > MAX_CHUNKS else ""
    elif data.startswith(b"BM") and data[14:18] != b"\x0c\0\0\0" and int.from_bytes(data[18:22], "little", signed=True) < 0:
        reason = f"a negative width ({int.from_bytes(data[18:22], 'little', signed=True)})"
    if reason:
        raise ImageError(f"{subject} has {reason}, as no camera writes it: save it again as JPEG or PNG and try again.")


def _check_cost(subject: str, size: tuple[int, int], data: bytes) -> None:
    """Refuse a picture that takes far more to decode than its file says."""
    pixels = size[0] * size[1]
    if pixels > FLAT_PIXELS and pixels > PIXELS_A_BYTE * len(data):
        raise ImageError(
            f"{subject} measures {size[0]:,} x {size[1]:,} pixels in {len(data):,} bytes, so there is nothing to see in it: "
            "choose another file."
        )
    if data.startswith(b"BM") and data[30:34] in (b"\1\0\0\0", b"\2\0\0\0") and pixels > MAX_RUNS:
        raise ImageError(f"{subject} is a run-length encoded BMP of {pixels:,} pixels: save it again as PNG and try again.")


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height that a WebP file claims, by its first chunk; ``None`` where that is none of the three kinds."""
    kind, head = data[12:16], data[20:30]
    if len(head) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(head[6:8], "little") & 0x3FFF, int.from_bytes(head[8:10], "little") & 0x3FFF
    return None


def _check_size(subject: str, size: tuple[int, int], max_pixels: int, max_side: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"{subject} has no pixels ({width} x {height}): choose another file.")
    limits = []
    if width * height > max_pixels:
        limits.append(f"{max_pixels:,} pixels")
    if max(width, height) > max_side:
        limits.append(f"{max_side:,} pixels a side")
    if limits:
        raise ImageError(
            f"{subject} measures {width:,} x {height:,} pixels, more than the {' and '.join(limits)} allowed: "
            "make it smaller and try again."
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    """Eight-bit RGB of any mode."""
    if image.mode.startswith("I;16"):
        # 65535 = 255 * 257, so this is the nearest of 256 levels.
        return _grey(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        values = np.nan_to_num(np.asarray(image).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        peak = float(values.max())
        usual = (255.0, 65535.0) if image.mode == "I" else (1.0, 255.0, 65535.0)
        top = next((limit for limit in usual if peak <= limit), peak)
        return _grey(np.rint(np.clip(values / top, 0.0, 1.0) * 255.0).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        canvas = Image.new("RGB", layer.size, "white")
        canvas.paste(layer, mask=layer.getchannel("A"))
        return canvas
    return image if image.mode == "RGB" else image.convert("RGB")


def _grey(values: NDArray[np.uint8]) -> Image.Image:
    return Image.fromarray(values).convert("RGB")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 (upright) where there is none or the metadata are damaged."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # damaged metadata, in whatever way, are no reason to refuse the pixels
        return 1


def _reason(error: Exception) -> str:
    """End of the sentence about a decoder's exception."""
    text = " ".join(str(error).split()) or type(error).__name__
    # Pillow's base class says just this when a header gives a width or height of 0, or ends before it gives them.
    if isinstance(error, SyntaxError) and text == "not identified by this driver":
        return "has no pixels (its size is 0, or its header is cut off): choose another file."
    signs = ("truncated", "end of file", "eof", "not enough", "broken data stream", "premature", "out of data")
    ran_out = any(isinstance(cause, EOFError | IndexError | struct.error) for cause in (error, error.__cause__))
    if ran_out or any(sign in text.lower() for sign in signs):
        return "is truncated, its end is missing: copy or download it again."
    return f"is damaged or of an unsupported kind ({text.rstrip('.')}): save it again as JPEG or PNG."
