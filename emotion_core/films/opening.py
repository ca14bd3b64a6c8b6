"""Opening films that nobody has checked.

Container and codec are chosen from short lists, and only the file itself is opened: of a playlist, or of a film that refers to
other files, nothing is followed. Size, pixels and duration are checked before a frame is decoded.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from PIL import GifImagePlugin

from emotion_core.errors import FilmError
from emotion_core.films import decode
from emotion_core.films.decode import RATE, Film, FilmInfo, check_pixels
from emotion_core.texts import listing

MAX_RATE = 60.0
"""More than this is not asked for."""

MAX_BYTES = 8 << 30
"""Largest film that is read, in bytes: two hours at 9 Mbit/s."""

ENDINGS = (".mp4", ".m4v", ".mov", ".webm", ".mkv", ".avi")
"""What a film's name ends with; a GIF is one when it moves. How it is read is up to its content."""

FORMATS = "MP4, MOV, WebM, MKV, AVI or GIF"

CODECS = (
    "h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "libaom-av1", "mpeg4", "mpeg1video", "mpeg2video",
    "msmpeg4v2", "msmpeg4", "h263", "mjpeg", "prores", "ffv1", "gif", "png", "rawvideo", "dvvideo",
)  # fmt: skip
"""Decoders that are used; all others stay switched off."""

Source = bytes | str | os.PathLike[str] | IO[bytes]
"""A film: the bytes of a file, its path, or the open file."""


def is_film(name: str) -> bool:
    """Whether a file of this name is a film.

    Example:
        >>> is_film("holiday.MP4"), is_film("._holiday.mp4"), is_film("photo.jpg")
        (True, False, False)
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return last.lower().endswith(ENDINGS) and not last.startswith("._")


def moves(path: str) -> bool:
    """Whether the file at a path is a film by its name, or a GIF of several frames."""
    if not path.lower().endswith(".gif"):
        return is_film(path)
    try:
        with GifImagePlugin.GifImageFile(path) as picture:
            return bool(picture.is_animated)
    except Exception:  # no file, or no GIF, in whatever way: as a photo it gets its reason
        return False


def open_film(source: Source, *, rate: float = RATE, threads: int = 0) -> Film:
    """Open a film and check it; no frame is decoded yet.

    Args:
        source: the film. A string is always the path of a file, never an address.
        rate: frames a second that are wanted.
        threads: that decode; 0 for as many as there are cores.

    Raises:
        FilmError: no such file, no film, too large, too long, damaged, or PyAV is not installed; one sentence says which.
    """
    if not 0 < rate <= MAX_RATE:
        raise FilmError(f"{rate:g} frames a second cannot be read: ask for more than 0 and at most {MAX_RATE:g}.")
    av = library()
    subject, file = _open(source)
    own = None if file is source else file
    try:
        return _opened(av, subject, file, own, rate, threads)
    except BaseException:
        if own is not None:
            own.close()
        raise


def _opened(av: ModuleType, subject: str, file: IO[bytes], own: IO[bytes] | None, rate: float, threads: int) -> Film:
    form = _format(subject, file)
    try:
        options = {"codec_whitelist": ",".join(CODECS)}
        container = av.open(file, format=form, options=options, metadata_errors="replace")
    except (av.FFmpegError, EOFError, ValueError, OSError) as error:
        raise FilmError(f"{subject} is truncated or damaged: copy, download or export it again.") from error
    try:
        stream = _video(av, subject, container)
        info = _describe(container, stream)
        _check(subject, info)
        stream.thread_type = "AUTO"
        stream.codec_context.thread_count = threads
        stream.codec_context.options = {"max_pixels": str(decode.MAX_PIXELS)}
    except BaseException:
        container.close()
        raise
    return Film(subject, container, stream, info, rate, own)


def library() -> ModuleType:
    """PyAV.

    Raises:
        FilmError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise FilmError("Films need a further package: pip install av.") from error
    return av


def _open(source: Source) -> tuple[str, IO[bytes]]:
    """What to call the film, and its file."""
    subject = "The film"
    if isinstance(source, bytes):
        file: IO[bytes] | None = io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        subject = f"'{Path(source)}'"
        try:
            # Kept open as long as the film is.
            file = open(source, "rb") if Path(source).is_file() else None  # noqa: SIM115
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise FilmError(f"{subject} cannot be read ({reason}): check the path and its permissions.") from error
    else:
        file = source
    if file is None:
        raise FilmError(f"There is no film at {subject}: check the path.")
    return subject, file


def _format(subject: str, file: IO[bytes]) -> str:
    """FFmpeg's name of the container, by the first bytes; it is never left to guess."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if not size:
        raise FilmError(f"{subject} is empty (0 bytes): choose another file.")
    if size > MAX_BYTES:
        raise FilmError(f"{subject} has {size:,} bytes, more than the {MAX_BYTES:,} allowed: cut it, or make it smaller.")
    head = file.read(16)
    file.seek(0)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mov"
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "matroska"
    if head.startswith(b"RIFF") and head[8:11] == b"AVI":
        return "avi"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    raise FilmError(f"{subject} cannot be read as a film: use {FORMATS}.")


def _video(av: ModuleType, subject: str, container: Any) -> Any:
    """The first stream of moving pictures; the cover of a piece of music is none."""
    cover = av.stream.Disposition.attached_pic
    streams = [each for each in container.streams.video if not each.disposition & cover]
    if not streams:
        kinds = sorted({each.type for each in container.streams})
        raise FilmError(f"{subject} has no video{f', only {listing(kinds)}' if kinds else ''}: choose another file.")
    stream = streams[0]
    name = None if stream.codec_context is None else stream.codec_context.name
    if name not in CODECS:
        raise FilmError(f"{subject} is stored as {name or 'something unknown'}, which is not read: export it as MP4 (H.264).")
    return stream


def _describe(container: Any, stream: Any) -> FilmInfo:
    seconds = None
    if stream.duration:
        seconds = float(stream.duration * stream.time_base)
    elif container.duration:
        seconds = container.duration / 1e6
    rate = stream.average_rate
    return FilmInfo(
        width=stream.codec_context.width,
        height=stream.codec_context.height,
        seconds=seconds,
        rate=float(rate) if rate else None,
        codec=stream.codec_context.name,
    )


def _check(subject: str, info: FilmInfo) -> None:
    if info.width < 1 or info.height < 1:
        raise FilmError(f"{subject} does not say how large its frames are: it is truncated or damaged. Export it again.")
    check_pixels(subject, info.width, info.height)
    if info.seconds is not None and not 0 <= info.seconds <= decode.MAX_SECONDS:
        raise FilmError(
            f"{subject} lasts {info.seconds / 3600:,.1f} hours, more than the {decode.MAX_SECONDS / 3600:g} allowed: cut it."
        )
