"""Films that nobody has checked: upright RGB frames at a chosen rate, one at a time, or a :class:`FilmError`.

Container and codec are chosen from short lists, and only the file itself is opened: of a playlist, or of a film that refers to
other files, nothing is followed. Size, pixels and duration are checked before a frame is decoded.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from emotion_core.errors import FilmError
from emotion_core.texts import listing

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 5.0
"""Frames that are read of each second: expressions last from half a second on."""

MAX_RATE = 60.0
"""More than this is not asked for."""

MAX_BYTES = 8 << 30
"""Largest film that is read, in bytes: two hours at 9 Mbit/s."""

MAX_SECONDS = 3 * 3600.0
"""Longest film that is read."""

MAX_PIXELS = 4096 * 2304
"""Largest frame that is decoded: 4K."""

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


@dataclass(frozen=True, kw_only=True)
class FilmInfo:
    """What a film says of itself before a frame is decoded.

    Attributes:
        width: px, as it is stored; a film that is turned is shown with width and height exchanged.
        height: px, likewise.
        seconds: how long it lasts; ``None`` where it does not say.
        rate: frames a second on average; ``None`` where it does not say.
        codec: how frames are stored.
    """

    width: int
    height: int
    seconds: float | None
    rate: float | None
    codec: str


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame of a film.

    Attributes:
        number: of the frame in the film, from 0.
        time: s from the film's start.
        image: upright RGB, shape ``(H, W, 3)``, uint8.
    """

    number: int
    time: float
    image: NDArray[np.uint8]


class Film:
    """An open film. Iterating gives frames at the chosen rate; it can be done once.

    Attributes:
        info: what the film says of itself.
        broken: frames that could not be decoded so far; they are left out.
        ended: s at which the last frame was decoded.
        stopped: why reading ended before the film did; empty where it did not.
    """

    def __init__(
        self, subject: str, container: Any, stream: Any, info: FilmInfo, rate: float, own: IO[bytes] | None = None
    ) -> None:
        self.info = info
        self.broken = 0
        self.ended = 0.0
        self.stopped = ""
        self._subject = subject
        self._container = container
        self._stream = stream
        self._rate = rate
        self._own = own

    def __enter__(self) -> Film:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Free what it holds."""
        self._container.close()
        if self._own is not None:
            self._own.close()

    def __iter__(self) -> Iterator[Frame]:
        """Frames nearest after each tick of the rate, in order of time; a slower film gives each frame once.

        Raises:
            FilmError: no frame can be decoded, or frames become larger than is allowed.
        """
        number, due, none = 0, 0, True
        for picture in self._pictures():
            time = self._time(picture, number)
            number += 1
            none = False
            if time > MAX_SECONDS:
                self.stopped = f"The film is longer than {MAX_SECONDS / 3600:g} hours: the rest was not read."
                return
            self.ended = max(self.ended, time)
            # A hair of tolerance: 1/30 s in ticks of 1/15360 s may lie just before 1/30.
            tick = math.floor(time * self._rate + 1e-3)
            if tick >= due:
                due = tick + 1
                yield Frame(number=number - 1, time=time, image=self._upright(picture))
        if none:
            damaged = f"none of its {self.broken:,} frames can be decoded" if self.broken else "it has no frames"
            raise FilmError(f"{self._subject} shows nothing: {damaged}. Export it again as MP4 (H.264).")

    def notes(self) -> list[str]:
        """What there is to know about how reading went, a sentence each; to be asked after the last frame."""
        notes = [self.stopped] if self.stopped else []
        if self.broken:
            one = self.broken == 1
            notes.append(f"{self.broken:,} broken {'frame was' if one else 'frames were'} left out.")
        told = self.info.seconds
        if not self.stopped and told is not None and self.ended < told - max(1.0, 0.05 * told):
            notes.append(f"The film ends after {self.ended:.1f} s though it says it lasts {told:.1f} s: the rest is missing.")
        return notes

    def seek(self, time: float) -> Frame:
        """The last frame at or before a time, or the first there is.

        Raises:
            FilmError: no frame can be decoded there.
        """
        start = self._stream.start_time or 0
        self._container.seek(max(0, int((time + 1e-3) / self._stream.time_base) + start), stream=self._stream)
        found = None
        for picture in self._pictures():
            if found is not None and self._time(picture, 0) > time + 1e-3:
                break
            found = picture
        if found is None:
            raise FilmError(f"{self._subject} has no frame that can be decoded at {time:.1f} s.")
        return Frame(number=-1, time=self._time(found, 0), image=self._upright(found))

    def _pictures(self) -> Iterator[Any]:
        """Decoded frames; those that cannot be are counted."""
        from av.error import FFmpegError

        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (FFmpegError, EOFError):
                self.stopped = "The film is damaged: what follows could not be read."
                return
            try:
                pictures = packet.decode()
            except (FFmpegError, EOFError):
                self.broken += 1
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self.broken += 1
                    continue
                _check_pixels(self._subject, picture.width, picture.height)
                yield picture

    def _time(self, picture: Any, number: int) -> float:
        if picture.pts is None:
            return number / (self.info.rate or 25.0)
        start = self._stream.start_time or 0
        return max(0.0, float((picture.pts - start) * picture.time_base))

    def _upright(self, picture: Any) -> NDArray[np.uint8]:
        # Ten bits become eight, whatever the colour space.
        image: NDArray[np.uint8] = picture.to_ndarray(format="rgb24")
        turns = round(picture.rotation / 90) % 4
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def is_film(name: str) -> bool:
    """Whether a file of this name is a film.

    Example:
        >>> is_film("holiday.MP4"), is_film("._holiday.mp4"), is_film("photo.jpg")
        (True, False, False)
    """
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return last.lower().endswith(ENDINGS) and not last.startswith("._")


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
    av = _library()
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
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    except BaseException:
        container.close()
        raise
    return Film(subject, container, stream, info, rate, own)


def _library() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise FilmError("Films need a further package: pip install av.") from error
    return av


def _open(source: Source) -> tuple[str, IO[bytes]]:
    """What to call the film, and its file."""
    subject = "The film"
    if isinstance(source, bytes):
        file: IO[bytes] = io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        subject = f"'{Path(source)}'"
        try:
            if not Path(source).is_file():
                raise FilmError(f"There is no film at {subject}: check the path.")
            file = Path(source).open("rb")
        except (OSError, ValueError) as error:
            if isinstance(error, FilmError):
                raise
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise FilmError(f"{subject} cannot be read ({reason}): check the path and its permissions.") from error
    else:
        file = source
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
    _check_pixels(subject, info.width, info.height)
    if info.seconds is not None and not 0 <= info.seconds <= MAX_SECONDS:
        raise FilmError(
            f"{subject} lasts {info.seconds / 3600:,.1f} hours, more than the {MAX_SECONDS / 3600:g} allowed: cut it and try again."
        )


def _check_pixels(subject: str, width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise FilmError(
            f"{subject} measures {width:,} x {height:,} pixels, more than the {MAX_PIXELS:,} of a 4K film: make it smaller."
        )
