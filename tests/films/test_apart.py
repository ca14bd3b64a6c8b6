"""Films in a process of their own: the same frames, and limits that hold."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from emotion_core.apart import limited
from emotion_core.errors import FilmError
from emotion_core.films import apart
from emotion_core.films.apart import ApartFilm, frame_apart, open_apart
from emotion_core.films.opening import open_film
from tests.films.films import encode, shade, shades

pytestmark = pytest.mark.skipif(not limited(), reason="needs a system that limits processes")
FILM = encode(shades(20))


@pytest.fixture(autouse=True)
def _no_process_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    started: list[subprocess.Popen[bytes]] = []

    class Noted(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            super().__init__(*arguments, **settings)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Noted)
    yield
    # Ended, and asked for its end: none is left as a zombie.
    assert [process.returncode is None for process in started] == [False] * len(started)


def test_frames_are_those_of_this_process():
    film = open_apart(FILM, rate=5)
    with open_film(FILM, rate=5) as own:
        assert film.info == own.info
        for there, here in zip(film, own, strict=True):
            assert (there.number, there.time) == (here.number, here.time)
            np.testing.assert_array_equal(there.image, here.image)
    assert film.notes() == []
    film.close()


def test_one_frame_is_found():
    assert shade(frame_apart(memoryview(FILM), 1.25).image) == 12


@pytest.mark.parametrize(
    ("content", "reason"), [(b"x" * 99, "cannot be read as a film"), (FILM[:700], "truncated or damaged"), (b"", "empty")]
)
def test_what_is_no_film_says_so(content: bytes, reason: str):
    with pytest.raises(FilmError, match=reason):
        open_apart(content)


def test_whoever_has_enough_ends_the_process():
    film = open_apart(FILM)
    next(iter(film))
    process = film._process
    film.close()
    assert process.returncode is not None
    film.close()


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apart, "MEMORY", 1 << 20)
    with pytest.raises(FilmError, match=r"within the limits|too much memory|none of its 5 frames can be decoded"):
        list(ApartFilm(encode(shades(5, size=(1920, 1080)))))


def test_a_process_that_gives_nothing_is_ended(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apart, "PATIENCE", 0.0)
    with pytest.raises(FilmError, match="cannot be decoded within the limits"):
        open_apart(FILM)
