"""A film with its faces drawn in, as an MP4 that browsers play.

All frames are drawn, also those between the ones that were read: boxes move on a straight line from one to the next, and what a
face shows is that of the last one that was read. Sound is left out.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from emotion_core.errors import FilmError
from emotion_core.faces import Face, crop_face
from emotion_core.films.boxes import Mark, draw_marks, marks_of
from emotion_core.films.decode import PREDICTED, Frame
from emotion_core.films.opening import library
from emotion_core.predict.heat import Heat, common_top, default_shows, heat_of
from emotion_core.predict.predictor import Predictor

ENCODERS = ("libx264", "libopenh264", "libvpx-vp9", "mpeg4")
"""The first that FFmpeg has is used: H.264 plays everywhere, VP9 in every browser, MPEG-4 in players alone."""

OPTIONS = {"libx264": {"preset": "veryfast", "crf": "23"}, "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"}}

TICKS = 12_800
"""Of time in a second of the film that is written."""


def heats_of(
    image: npt.NDArray[np.uint8], faces: pd.DataFrame, predictor: Predictor, output: str, *, flip: bool = False
) -> dict[int, Heat]:
    """The heat maps of a frame's faces, by track.

    Args:
        image: the frame, RGB, as it was read.
        faces: ``track``, ``shown`` and the box, a row a face.
        predictor: that read it.
        output: one of :data:`~emotion_core.labels.OUTPUTS`, or :data:`PREDICTED`.
        flip: whether it was read with flip.
    """
    boxes = faces[["left", "top", "width", "height"]].to_numpy().tolist()
    crops = [crop_face(image, Face((int(x), int(y), int(width), int(height)))) for x, y, width, height in boxes]
    heats = {}
    for track, shown, reading in zip(faces["track"], faces["shown"], predictor.read(crops, flip=flip), strict=True):
        name = (shown or "") if output == PREDICTED else output
        if name in reading.contributions:
            heats[int(track)] = heat_of(reading, name, default_shows(name), top=common_top([reading], name))
    return heats


def annotate(
    frames: Iterable[Frame],
    table: pd.DataFrame,
    to: IO[bytes],
    *,
    step: float,
    fps: float,
    colours: Mapping[str, str],
    predictor: Predictor | None = None,
    output: str = PREDICTED,
    flip: bool = False,
) -> Iterator[float]:
    """Write a film with its faces drawn in.

    Args:
        frames: all of the film, or at least those that were read.
        table: as :func:`~emotion_core.films.table.smooth_table` gives it.
        to: where the MP4 goes; it can be sought in.
        step: s from one frame that was read to the next.
        fps: frames a second that are given.
        colours: of expressions.
        predictor: that read the film; ``None`` leaves heat maps out.
        output: of which heat maps are laid over the faces.
        flip: whether it was read with flip.

    Yields:
        The time of each frame, in s, once it is written.

    Raises:
        FilmError: of ``frames``, or nothing here can encode a film, or there is no frame.
    """
    timeline = _Timeline(table, step)
    heats: dict[int, Heat] = {}
    with _Writer(to, fps) as writer:
        for frame in frames:
            read = timeline.at(frame.number)
            if predictor is not None and read is not None:
                heats = heats_of(frame.image, read, predictor, output, flip=flip)
            faces = timeline.faces(frame)
            writer.write(draw_marks(frame.image, _with_values(marks_of(faces, dict(colours), heats), faces)), frame.time)
            yield frame.time
        if not writer.written:
            raise FilmError("The film has no frames to draw on.")


class _Timeline:
    """What is known of each moment of a film."""

    def __init__(self, table: pd.DataFrame, step: float) -> None:
        self._frames = {int(str(number)): rows for number, rows in table.groupby("frame")}
        self._numbers = sorted(self._frames)
        self._step = step

    def at(self, number: int) -> pd.DataFrame | None:
        """The faces of a frame that was read; ``None`` where it was not, or shows none."""
        return self._frames.get(number)

    def faces(self, frame: Frame) -> pd.DataFrame:
        """Faces of any frame, with boxes on their way from the frame that was read to the next one."""
        index = bisect.bisect_right(self._numbers, frame.number) - 1
        empty = pd.DataFrame(columns=["track", "shown", "left", "top", "width", "height"])
        if index < 0:
            return empty
        rows = self._frames[self._numbers[index]]
        gone = frame.time - float(rows["time"].iloc[0])
        # A frame that was read and shows no face has no row: after a step its time has come.
        if gone >= self._step + 1e-3:
            return empty
        later = self._frames[self._numbers[index + 1]] if index + 1 < len(self._numbers) else rows.iloc[:0]
        apart = float(later["time"].iloc[0]) - float(rows["time"].iloc[0]) if len(later) else math.inf
        if gone <= 0 or apart > 1.5 * self._step:
            return rows
        ahead = later.set_index("track")
        moved = rows.copy()
        box = ["left", "top", "width", "height"]
        moved[box] = moved[box].astype(float)
        for row in rows.index[rows["track"].isin(ahead.index)]:
            one = rows.loc[row, box].astype(float)
            other = ahead.loc[rows.loc[row, "track"], box].astype(float)
            moved.loc[row, box] = one + (other - one) * gone / apart
        return moved


def _with_values(marks: list[Mark], faces: pd.DataFrame) -> list[Mark]:
    """Valence and arousal beside each box, where they are known."""
    if "smooth_valence" not in faces or not len(faces):
        return marks
    values = faces[["smooth_valence", "smooth_arousal"]].to_numpy(dtype=float)
    return [
        mark if np.isnan(pair).any() else replace(mark, words=f"{mark.words}  V {pair[0]:+.1f} A {pair[1]:+.1f}")
        for mark, pair in zip(marks, values, strict=True)
    ]


class _Writer:
    """Encodes pictures; the first one says how large they are."""

    def __init__(self, to: IO[bytes], fps: float) -> None:
        self._av: Any = library()
        self._container = self._av.open(to, "w", format="mp4")
        self._fps = fps
        self._stream: Any = None
        self._last = -1
        self.written = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None and self._stream is not None:
            self._container.mux(self._stream.encode())
        self._container.close()

    def write(self, picture: npt.NDArray[np.uint8], time: float) -> None:
        """Add a picture, shown from a time on, s."""
        if self._stream is None:
            self._stream = self._begin(picture)
        # Encoders of four colour values for each brightness ask for even sides.
        height, width = self._stream.height, self._stream.width
        frame = self._av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
        self._last = max(self._last + 1, round(time * TICKS))
        frame.pts, frame.time_base = self._last, Fraction(1, TICKS)
        self._container.mux(self._stream.encode(frame))
        self.written += 1

    def _begin(self, picture: npt.NDArray[np.uint8]) -> Any:
        name = next((each for each in ENCODERS if self._has(each)), None)
        if name is None:
            raise FilmError("FFmpeg was built without an encoder of films: pip install av brings one.")
        stream = self._container.add_stream(name, rate=max(1, round(self._fps)), options=OPTIONS.get(name, {}))
        stream.height, stream.width = (side // 2 * 2 for side in picture.shape[:2])
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, TICKS)
        return stream

    def _has(self, name: str) -> bool:
        try:
            self._av.codec.Codec(name, "w")
        except Exception:  # PyAV's name of the error differs from version to version
            return False
        return True
