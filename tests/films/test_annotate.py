"""Films with their faces drawn in."""

from __future__ import annotations

import io

import av
import numpy as np
import pandas as pd
import pytest

from emotion_core.errors import FilmError
from emotion_core.faces import Face, crop_face, crop_square
from emotion_core.films import annotate as module
from emotion_core.films.annotate import annotate, heats_of
from emotion_core.films.boxes import Mark, draw_marks
from emotion_core.films.decode import Frame
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict import Reading
from emotion_core.predict.heat import Heat

RED = {"happiness": "#ff0000"}


def row(frame: int, time: float, left: int, track: int = 1) -> dict[str, object]:
    place = {"left": left, "top": 20, "width": 40, "height": 40}
    return {"frame": frame, "time": time, "track": track, "shown": "happiness", **place}


def frames(count: int, fps: int = 10) -> list[Frame]:
    grey = np.full((90, 161, 3), 100, np.uint8)
    return [Frame(number=number, time=number / fps, image=grey) for number in range(count)]


class Reads:
    """Every crop is happiness, and the map says how bright it is."""

    def read(self, crops, *, flip):
        return [
            Reading(
                expression="happiness",
                probabilities=dict.fromkeys(EXPRESSIONS, 1 / 8),
                valence=0.5,
                arousal=0.1,
                maps={},
                contributions={name: np.array([[1.0, -2.0]], np.float32) for name in ("happiness", "valence")},
            )
            for _ in crops
        ]


def decoded(content: bytes) -> tuple[list[np.ndarray], list[float], str]:
    with av.open(io.BytesIO(content)) as film:
        name = film.streams.video[0].codec_context.name
        pictures = list(film.decode(video=0))
    return [each.to_ndarray(format="rgb24").astype(int) for each in pictures], [float(each.time) for each in pictures], name


def red(picture: np.ndarray) -> np.ndarray:
    """Columns in which something red stands, below the words."""
    part = picture[35:55]
    return np.flatnonzero(((part[..., 0] > 150) & (part[..., 1] < 90)).sum(axis=0) > 10)


def test_boxes_move_between_frames_that_were_read_and_all_frames_are_there():
    table = pd.DataFrame([row(0, 0.0, 20), row(4, 0.4, 100)])
    to = io.BytesIO()
    told = list(annotate(frames(12), table, to, step=0.4, fps=10, colours=RED))
    assert told == [pytest.approx(number / 10) for number in range(12)]
    pictures, times, codec = decoded(to.getvalue())
    assert times == [pytest.approx(number / 10, abs=1e-3) for number in range(12)]
    assert codec == "h264"
    assert pictures[0].shape == (90, 160, 3)
    assert [int(red(pictures[number]).min()) for number in (0, 2, 4)] == [pytest.approx(left, abs=2) for left in (20, 60, 100)]
    # Another frame was due at 0.8 s; nothing was found in it.
    assert len(red(pictures[7]))
    assert not len(red(pictures[9]))


def test_a_film_without_frames_says_so():
    with pytest.raises(FilmError, match="no frames to draw on"):
        list(annotate([], pd.DataFrame([row(0, 0.0, 20)]), io.BytesIO(), step=0.2, fps=10, colours={}))


def test_without_h264_another_encoder_is_used(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "ENCODERS", ("no-such-encoder", "mpeg4"))
    to = io.BytesIO()
    list(annotate(frames(3), pd.DataFrame([row(0, 0.0, 20)]), to, step=0.2, fps=10, colours={}))
    assert decoded(to.getvalue())[2] == "mpeg4"
    monkeypatch.setattr(module, "ENCODERS", ("no-such-encoder",))
    with pytest.raises(FilmError, match="without an encoder"):
        list(annotate(frames(3), pd.DataFrame([row(0, 0.0, 20)]), io.BytesIO(), step=0.2, fps=10, colours={}))


def test_heat_maps_are_of_what_is_shown_or_what_is_asked():
    image = np.full((90, 160, 3), 100, np.uint8)
    table = pd.DataFrame([row(0, 0.0, 20), row(0, 0.0, 90, track=2)])
    shown = heats_of(image, table, Reads(), "predicted")
    assert set(shown) == {1, 2}
    assert not shown[1].signed
    assert shown[1].values.tolist() == [[0.5, 0.0]]
    assert heats_of(image, table, Reads(), "valence")[2].values.tolist() == [[0.5, -1.0]]
    assert heats_of(image, table, Reads(), "fear") == {}


def test_a_heat_map_lies_where_the_network_read():
    image = np.full((100, 100, 3), 100, np.uint8)
    heat = Heat(values=np.ones((2, 2), np.float32))
    drawn = draw_marks(image, [Mark(box=(70, 30, 40, 20), words="", heat=heat)])
    left, top, side = crop_square(Face((70, 30, 40, 20)))
    assert (left, top, side) == (70, 20, 40)
    # Beside the lines of the box and the words: pale yellow, half of it.
    changed = (drawn != 100).any(axis=2)
    changed[:, :68] |= False
    assert changed[22:26, 92:].all()
    assert changed[55:59, 75:].all()
    assert not changed[62:].any()
    assert (image == 100).all()
    assert crop_face(image, Face((70, 30, 40, 20))).shape == (side, side, 3)
