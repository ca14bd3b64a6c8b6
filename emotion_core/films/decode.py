"""Frames of an open film: upright RGB at a chosen rate, one at a time, whatever the film's own rate, colours and damages."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from emotion_core.errors import FilmError

if TYPE_CHECKING:
    from numpy.typing import NDArray

RATE = 5.0
"""Frames that are read of each second: expressions last from half a second on."""

PREDICTED = "predicted"
"""Instead of an output of which heat maps are shown: the expression that each face shows."""

MAX_SECONDS = 3 * 3600.0
"""Longest film that is read."""

MAX_PIXELS = 4096 * 2304
"""Largest frame that is decoded: 4K."""


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
        due, none = 0, True
        for number, picture in enumerate(self._pictures()):
            time = self._time(picture, number)
            none = False
            if time > MAX_SECONDS:
                self.stopped = f"The film is longer than {MAX_SECONDS / 3600:g} hours: the rest was not read."
                return
            self.ended = max(self.ended, time)
            # A hair of tolerance: 1/30 s in ticks of 1/15360 s may lie just before 1/30.
            tick = math.floor(time * self._rate + 1e-3)
            if tick >= due:
                due = tick + 1
                yield Frame(number=number, time=time, image=self._upright(picture))
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
            except MemoryError as error:
                raise FilmError(f"{self._subject} takes too much memory to decode: make it smaller.") from error
            except (FFmpegError, EOFError):
                self.broken += 1
                continue
            for picture in pictures:
                if picture.is_corrupt:
                    self.broken += 1
                    continue
                check_pixels(self._subject, picture.width, picture.height)
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


def check_pixels(subject: str, width: int, height: int) -> None:
    """Raise :class:`FilmError` for frames that are too large."""
    if width * height > MAX_PIXELS:
        raise FilmError(
            f"{subject} measures {width:,} x {height:,} pixels, more than the {MAX_PIXELS:,} of a 4K film: make it smaller."
        )
