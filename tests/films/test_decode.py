"""Films as they come: which frames, when, which way up; and what damaged and strange ones get."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from emotion_core.errors import FilmError, ImageError
from emotion_core.films import decode, opening
from emotion_core.films.decode import Film
from emotion_core.films.opening import is_film, open_film
from tests.films.films import encode, shade, shades, turned


def read(film: bytes | Path | str, rate: float = 10) -> tuple[Film, list[tuple[int, float, int]]]:
    with open_film(film, rate=rate) as opened:
        return opened, [(frame.number, round(frame.time, 3), shade(frame.image)) for frame in opened]


@pytest.mark.parametrize(
    ("form", "codec", "pix_fmt"),
    [
        ("mp4", "libx264", "yuv420p"),
        ("mov", "mpeg4", "yuv420p"),
        ("webm", "libvpx-vp9", "yuv420p"),
        ("matroska", "ffv1", "yuv444p"),
        ("avi", "mjpeg", "yuvj420p"),
        ("gif", "gif", "rgb8"),
        ("mp4", "libx265", "yuv420p10le"),
    ],
)
def test_every_frame_of_every_kind_is_read(form: str, codec: str, pix_fmt: str):
    film, frames = read(encode(shades(12), form=form, codec=codec, pix_fmt=pix_fmt))
    assert [number for number, _, _ in frames] == list(range(12))
    np.testing.assert_allclose([time for _, time, _ in frames], np.arange(12) / 10, atol=0.011)
    # Shades are four levels apart; codecs at their usual quality and 256 colours are off by a few.
    np.testing.assert_allclose([level for _, _, level in frames], np.arange(12), atol=3 if form == "gif" else 1)
    assert (film.info.width, film.info.height) == (64, 48)
    assert not film.broken
    assert film.notes() == []


def test_the_rate_chooses_frames():
    _, frames = read(encode(shades(30), rate=30), rate=5)
    assert [(number, level) for number, _, level in frames] == [(0, 0), (6, 6), (12, 12), (18, 18), (24, 24)]
    # A film slower than asked for gives each frame once.
    assert len(read(encode(shades(4), rate=2), rate=25)[1]) == 4


def test_a_variable_rate_keeps_its_times():
    times = [0.0, 0.1, 0.15, 0.9, 2.0, 2.02]
    _, frames = read(encode(shades(6), form="matroska", codec="ffv1", pix_fmt="yuv444p", times=times), rate=50)
    assert [time for _, time, _ in frames] == times
    _, frames = read(encode(shades(6), form="matroska", codec="ffv1", pix_fmt="yuv444p", times=times), rate=1)
    assert [time for _, time, _ in frames] == [0.0, 2.0]


def test_a_phone_held_upright_gives_upright_frames():
    [frame, *_] = open_film(turned(encode(shades(3))))
    assert frame.image.shape == (64, 48, 3)
    # The corner that was top left is top right.
    assert frame.image[4, -4, 0] > 200 > frame.image[4, 4, 0]


def test_a_place_in_the_film_is_found():
    film = encode(shades(30))
    for time, expected in ((0.0, 0), (1.25, 12), (2.9, 29), (99.0, 29)):
        with open_film(film) as opened:
            assert shade(opened.seek(time).image) == expected


def test_a_path_is_named(tmp_path: Path):
    path = tmp_path / "film.mp4"
    path.write_bytes(encode(shades(3)))
    assert len(read(path)[1]) == len(read(str(path))[1]) == 3
    with pytest.raises(FilmError, match=r"There is no film at '.*gone\.mp4': check the path"):
        open_film(tmp_path / "gone.mp4")
    with pytest.raises(FilmError, match=r"There is no film at 'http:/example\.org/film\.mp4'"):
        open_film("http://example.org/film.mp4")


def test_a_broken_frame_in_the_middle_is_left_out_and_counted():
    film = bytearray(encode(shades(30), form="matroska", codec="ffv1", pix_fmt="yuv444p"))
    plain = bytes(film)
    with av.open(io.BytesIO(plain)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    at = plain.index(packets[15])
    film[at : at + len(packets[15])] = b"\xff" * len(packets[15])
    opened, frames = read(bytes(film))
    assert opened.broken >= 1
    assert 20 <= len(frames) < 30
    assert frames[-1] == (len(frames) - 1, 2.9, 29)
    assert any("left out" in note for note in opened.notes())


def test_a_film_cut_short_gives_what_is_there_and_says_so():
    film = encode(shades(40), form="matroska", codec="ffv1", pix_fmt="yuv444p")
    opened, frames = read(film[: int(len(film) * 0.6)])
    assert 3 < len(frames) < 40
    assert [level for _, _, level in frames] == list(range(len(frames)))
    assert any("the rest is missing" in note for note in opened.notes())


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", r"is empty \(0 bytes\)"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n/etc/passwd\n", "cannot be read as a film: use MP4"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "cannot be read as a film"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 60, "cannot be read as a film"),
        (encode(shades(20))[:900], "truncated or damaged"),
        (b"\0\0\0\x20ftypisom" + b"\xff" * 400, "truncated or damaged|no video"),
    ],
)
def test_what_is_no_film_says_so(content: bytes, reason: str):
    with pytest.raises(FilmError, match=reason) as raised:
        read(content)
    assert isinstance(raised.value, ImageError)
    assert "\n" not in str(raised.value)


def test_music_is_no_film():
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts = 44_100, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with pytest.raises(FilmError, match="has no video, only audio"):
        read(buffer.getvalue())


def test_a_film_without_frames_says_so():
    film = encode([], form="matroska", codec="mpeg4")
    with pytest.raises(FilmError, match=r"has no frames|truncated or damaged|has no video"):
        read(film)


@pytest.mark.parametrize(
    ("limit", "value", "reason"),
    [("MAX_BYTES", 100, "more than the 100 allowed"), ("MAX_PIXELS", 1000, "64 x 48"), ("MAX_SECONDS", 1.5, "hours")],
)
def test_limits_are_checked_before_a_frame_is_decoded(monkeypatch: pytest.MonkeyPatch, limit: str, value: float, reason: str):
    monkeypatch.setattr(opening if limit == "MAX_BYTES" else decode, limit, value)
    monkeypatch.setattr(Film, "_pictures", lambda self: pytest.fail("decoded"))
    with pytest.raises(FilmError, match=reason):
        open_film(encode(shades(20)))


def test_a_codec_that_is_not_listed_is_not_decoded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(opening, "CODECS", ("vp9",))
    with pytest.raises(FilmError, match=r"stored as h264, which is not read: export it as MP4"):
        open_film(encode(shades(3)))


@pytest.mark.parametrize("rate", [0, -1, float("nan"), 1000])
def test_rates_that_are_none(rate: float):
    with pytest.raises(FilmError, match="frames a second cannot be read"):
        open_film(b"", rate=rate)


def test_without_pyav_the_hint_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FilmError, match="pip install av"):
        open_film(b"x")


def test_names_of_films():
    assert all(is_film(f"a/b.{ending}") for ending in ("mp4", "MOV", "webm", "mkv", "avi"))
    assert not any(map(is_film, ("a.jpg", "._a.mp4", "mp4", "a.mp4/b.png")))
