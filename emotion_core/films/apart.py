"""Films from strangers, decoded in a process of its own with limits; frames come through a pipe as they are asked for.

A decoder that crashes, takes too much memory or time, or waits for ever costs one film and nothing else. The process may
write no file. It runs as the same user and may use the network, as any process of this user. Elsewhere than on Linux films are
decoded in this process, with the checks of :func:`~emotion_core.films.opening.open_film` alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import struct
import sys
import threading
from collections.abc import Iterator
from typing import IO, cast

import numpy as np

from emotion_core.apart import address_space, exactly, limited, start_process
from emotion_core.errors import FilmError
from emotion_core.films.decode import MAX_PIXELS, MAX_SECONDS, RATE, FilmInfo, Frame
from emotion_core.films.opening import open_film

MEMORY = 1 << 30
"""Bytes that decoding may take, beside the file and the decoder's own code."""

PATIENCE = 60.0
"""Seconds, by the clock, after which a process that gives no frame is ended."""

HEAD = struct.Struct("<cQ")
"""Kind of a message (i, info; f, a frame; n, notes at the end; e, an error) and length of what follows as JSON."""


class ApartFilm:
    """As :class:`~emotion_core.films.decode.Film`, in another process.

    Args:
        content: of the file.
        rate: frames a second.
        at: s, of the one frame that is wanted; ``None`` for all.

    Raises:
        FilmError: it cannot be opened.
    """

    def __init__(self, content: bytes | memoryview, *, rate: float = RATE, at: float | None = None) -> None:
        self._notes: list[str] = []
        handle = os.memfd_create("film")
        try:
            with open(handle, "wb", closefd=False) as file:
                file.write(content)
            self._process = start_process(__name__, handle, float(rate), at, MEMORY)
        finally:
            os.close(handle)
        # Nothing is asked of it but the film that it is given.
        cast(IO[bytes], self._process.stdin).close()
        self._said = cast(io.BufferedReader, self._process.stdout)
        try:
            self.info = FilmInfo(**self._next()[1])
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[Frame]:
        """Frames; see :class:`~emotion_core.films.decode.Film`.

        Raises:
            FilmError: as there, or the limits are reached.
        """
        while True:
            kind, told, image = self._next()
            if kind == b"n":
                self._notes = list(told["notes"])
                return
            yield Frame(number=told["number"], time=told["time"], image=image)

    def notes(self) -> list[str]:
        """What there is to know about how reading went, a sentence each."""
        return self._notes

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._said.close()
        self._process.wait()

    def __del__(self) -> None:
        # Whoever leaves the page while a film is read leaves no process behind.
        if hasattr(self, "_said"):
            self.close()

    def _next(self) -> tuple[bytes, dict, np.ndarray]:  # type: ignore[type-arg]
        watch = threading.Timer(PATIENCE, self._process.kill)
        watch.start()
        try:
            kind, size = HEAD.unpack(exactly(self._said, HEAD.size))
            told = json.loads(exactly(self._said, min(size, 1 << 20)))
            image = np.empty((0, 0, 3), dtype=np.uint8)
            if kind == b"f":
                height, width = int(told["height"]), int(told["width"])
                if not 0 < height * width <= MAX_PIXELS:
                    raise EOFError
                image = np.empty((height, width, 3), dtype=np.uint8)
                if self._said.readinto(image.data.cast("B")) < image.size:
                    raise EOFError
        except (EOFError, OSError, ValueError):
            self.close()
            late = self._process.returncode == -signal.SIGXCPU
            reason = "takes too long to decode" if late else "cannot be decoded within the limits"
            raise FilmError(f"The film {reason}: export it again as MP4 (H.264), or make it smaller.") from None
        finally:
            watch.cancel()
        if kind == b"e":
            self.close()
            raise FilmError(str(told["reason"]))
        return kind, told, image


def work(handle: int, rate: float, at: float | None, memory: int) -> None:
    """What the process does.

    Args:
        handle: of the film.
        rate: frames a second.
        at: s, of the one frame that is wanted; ``None`` for all.
        memory: bytes that it may take.
    """
    import resource

    # What the decoder itself takes is not the film's.
    with contextlib.suppress(ImportError):
        import av  # noqa: F401
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    out = sys.stdout.buffer
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (address_space() + memory, resource.RLIM_INFINITY))
    with contextlib.suppress(BrokenPipeError):
        try:
            with os.fdopen(handle, "rb") as file, open_film(file, rate=rate, threads=1) as film:
                _tell(out, b"i", vars(film.info))
                # A slow machine decodes 4K in its own time.
                seconds = 60 if at is not None else 60 + 4 * int(film.info.seconds or MAX_SECONDS)
                resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
                for frame in film if at is None else [film.seek(at)]:
                    height, width = frame.image.shape[:2]
                    _tell(out, b"f", {"number": frame.number, "time": frame.time, "height": height, "width": width})
                    out.write(frame.image.data)
                _tell(out, b"n", {"notes": film.notes() if at is None else []})
        except FilmError as error:
            _tell(out, b"e", {"reason": str(error)})
        except MemoryError:
            _tell(out, b"e", {"reason": "The film takes too much memory to decode: make it smaller."})
        out.flush()


def open_apart(content: bytes | memoryview, *, rate: float = RATE) -> ApartFilm:
    """Open a film in a process with limits; see :class:`ApartFilm`."""
    return ApartFilm(content, rate=rate) if limited() else cast(ApartFilm, open_film(bytes(content), rate=rate))


def frame_apart(content: bytes | memoryview, time: float) -> Frame:
    """The frame at a time, decoded in a process with limits.

    Raises:
        FilmError: there is none that can be decoded.
    """
    if not limited():
        with open_film(bytes(content)) as film:
            return film.seek(time)
    apart = ApartFilm(content, at=time)
    try:
        return next(iter(apart))
    finally:
        apart.close()


def _tell(out: IO[bytes], kind: bytes, told: object) -> None:
    text = json.dumps(told, allow_nan=False).encode()
    out.write(HEAD.pack(kind, len(text)) + text)
