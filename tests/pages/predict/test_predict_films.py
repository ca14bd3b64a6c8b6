"""A film on the page that predicts."""

from __future__ import annotations

import io
from pathlib import Path

import av
import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.films.reading import read_film
from pages.predict import film_frame, film_reading
from tests.films.films import encode, scene
from tests.pages.opening import run
from tests.pages.predict.driving import images

FILM = encode([scene((step // 8, 20 + step, 20), (8, 180, 20)) for step in range(20)], rate=10)


def upload(app: AppTest, content: bytes, name: str = "film.mp4") -> AppTest:
    run(app)
    app.segmented_control(key="source").select("Film")
    run(app)
    app.file_uploader(key="film").set_value((name, content, "video/mp4"))
    return run(app)


def words(app: AppTest) -> str:
    shown = [*app.markdown, *app.text, *app.error, *app.warning, *app.info, *app.caption]
    return " ".join(element.value.replace("\\", "") for element in shown)


def test_a_film_becomes_a_time_line_and_a_summary(one_run: Path, app: AppTest):
    upload(app, FILM)
    assert "2 faces in 10 frames, read at" in words(app)
    summary = app.dataframe[0].value
    assert set(summary["track"]) == {1, 2}
    assert summary["frames"].max() == 10
    assert summary["picture"].str.startswith("data:image/jpeg;base64,/9j/").all()
    assert [each for each in images(app) if each.startswith("Frame at 0.0 s. face 1:")]
    assert app.download_button(key="download-film-csv")
    assert not app.button(key="film-peak-Most active").disabled
    app.button(key="film-peak-Most active").click()
    run(app)
    assert app.select_slider(key="film-time").value in [pytest.approx(step / 5) for step in range(10)]


def test_a_click_does_not_read_again(one_run: Path, app: AppTest, calls: dict[str, list[int]]):
    upload(app, FILM)
    read = len(calls["read"])
    assert read
    app.select_slider(key="film-time").set_value(1.0)
    run(app)
    # For the heat maps of the frame under the slider, its two faces are read once more, and no other.
    assert calls["read"][read:] == [2]


def test_the_heat_map_of_the_frame_is_chosen(one_run: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch):
    asked = []
    heats = film_frame.heats_of
    monkeypatch.setattr(film_frame, "heats_of", lambda *given, **more: asked.append(given[3]) or heats(*given, **more))
    upload(app, FILM)
    assert asked == ["predicted"]
    app.selectbox(key="film_map").select("valence")
    run(app)
    assert asked[-1] == "valence"
    app.selectbox(key="film_map").select("none")
    run(app)
    assert len(asked) == 2


def test_an_annotated_film_is_made_once_and_downloaded(one_run: Path, app: AppTest):
    upload(app, FILM)
    app.button(key="make-annotated").click()
    run(app)
    kept = app.session_state["film-annotated"][1]
    with av.open(io.BytesIO(kept)) as film:
        assert len(list(film.decode(video=0))) == 20
    assert app.download_button(key="download-film-annotated")
    # Another heat map is another film.
    app.selectbox(key="film_map").select("fear")
    run(app)
    assert app.button(key="make-annotated")


def test_stopping_keeps_what_is_read(one_run: Path, app: AppTest, monkeypatch: pytest.MonkeyPatch):
    def stop_early(*arguments, **options):
        for number, frame in enumerate(read_film(*arguments, batch=1, **options)):
            if number == 4:
                film_reading._stop()
                return
            yield frame

    monkeypatch.setattr(film_reading, "read_film", stop_early)
    upload(app, FILM)
    assert "2 faces in 4 frames" in words(app)
    assert "Stopped after 0.6 s of the film." in words(app)


def test_a_film_that_cannot_be_read_says_why(one_run: Path, app: AppTest):
    upload(app, b"no film at all", "<b>bad</b>.mp4")
    assert "cannot be read as a film: use MP4" in words(app)


def test_a_film_without_a_face_says_so(one_run: Path, app: AppTest):
    upload(app, encode([scene()] * 5))
    assert "No face was found in 3 frames of film.mp4." in words(app)


def test_a_long_time_without_a_face_is_said(one_run: Path, app: AppTest):
    upload(app, encode([scene((0, 40, 20)), *[scene()] * 12, scene((0, 40, 20))], rate=1))
    assert [each.value.replace("\\", "") for each in app.warning] == ["No face was found from 0:01.0 to 0:12.0."]
