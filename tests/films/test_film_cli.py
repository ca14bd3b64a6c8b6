"""``predict FILM``."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotion_core.cli import main
from emotion_core.films import decode
from emotion_core.films.gaps import clock
from emotion_core.films.smoothing import CausalSmoother
from emotion_core.labels import EXPRESSIONS
from tests.films.films import encode, scene

MakeRun = Callable[..., Path]
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people for two seconds, then one of them for one."""
    path = tmp_path_factory.mktemp("films") / "two people.mp4"
    both = [scene((step // 5, 10 + step, 20), (8, 180, 20)) for step in range(20)]
    path.write_bytes(encode([*both, *[scene((8, 180 - step, 20)) for step in range(10)]], rate=10))
    return path


def predict(capsys: Capture, *arguments: str | Path) -> tuple[int, list[dict], str]:
    status = main(["predict", *map(str, arguments), "--json", "--device", "cpu"])
    captured = capsys.readouterr()
    return status, [json.loads(line) for line in captured.out.splitlines()], captured.err


def test_a_film_is_a_line_a_frame_with_the_keys_of_a_photo(make_run: MakeRun, portrait: Path, film: Path, capsys: Capture):
    make_run()
    status, [photo, *frames], _ = predict(capsys, film, portrait)
    assert status == 0
    assert set(frames[0]) == {*photo, "frame", "time"}
    assert set(frames[0]["faces"][0]) == {*photo["faces"][0], "track", "smoothed"}
    assert [record["frame"] for record in frames] == list(range(0, 30, 2))
    np.testing.assert_allclose([record["time"] for record in frames], np.arange(15) / 5, atol=1e-3)
    assert {record["image"] for record in frames} == {str(film)}
    assert (frames[0]["width"], frames[0]["height"]) == (320, 180)


def test_faces_are_followed(make_run: MakeRun, film: Path, capsys: Capture):
    make_run()
    _, frames, _ = predict(capsys, film, "--rate", "10")
    left = {face["track"] for record in frames[:20] for face in record["faces"] if face["box"][0] < 120}
    right = {face["track"] for record in frames[:20] for face in record["faces"] if face["box"][0] > 160}
    after = {face["track"] for record in frames[20:] for face in record["faces"]}
    assert len(left) == len(right) == 1
    assert left != right == after


def test_smoothed_values_follow_from_the_raw_ones(make_run: MakeRun, film: Path, capsys: Capture):
    make_run()
    _, frames, _ = predict(capsys, film)
    smoothers: dict[int, CausalSmoother] = {}
    for record in frames:
        for face in record["faces"]:
            smoother = smoothers.setdefault(face["track"], CausalSmoother())
            values = [*(face["probabilities"][name] for name in EXPRESSIONS), face["valence"], face["arousal"]]
            expected = smoother.update(record["time"], values)
            smoothed = face["smoothed"]
            got = [*(smoothed["probabilities"][name] for name in EXPRESSIONS), smoothed["valence"], smoothed["arousal"]]
            np.testing.assert_allclose(got, expected, atol=2e-4)


def test_frames_of_a_film_are_read_as_photos_are(make_run: MakeRun, tmp_path: Path, capsys: Capture):
    """A film that loses nothing, against its frames as PNG files."""
    from PIL import Image

    make_run()
    images = [scene((index, 40, 20)) for index in range(4)]
    path = tmp_path / "film.mkv"
    path.write_bytes(encode(images, form="matroska", codec="ffv1", pix_fmt="bgr0"))
    for number, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    _, frames, _ = predict(capsys, path, "--rate", "10")
    _, photos, _ = predict(capsys, *sorted(tmp_path.glob("*.png")))
    for frame, photo in zip(frames, photos, strict=True):
        for face, other in zip(frame["faces"], photo["faces"], strict=True):
            assert face["box"] == other["box"]
            assert face["probabilities"] == pytest.approx(other["probabilities"], abs=2e-4)


def test_a_gif_is_a_film_when_it_moves(make_run: MakeRun, tmp_path: Path, capsys: Capture):
    make_run()
    moving, still = tmp_path / "moving.gif", tmp_path / "still.gif"
    moving.write_bytes(encode([scene((step, 40, 20)) for step in range(6)], form="gif", codec="gif", pix_fmt="rgb8"))
    still.write_bytes(encode([scene((0, 40, 20))], form="gif", codec="gif", pix_fmt="rgb8"))
    _, records, _ = predict(capsys, moving, still, "--rate", "10")
    assert [record.get("frame") for record in records] == [None, 0, 1, 2, 3, 4, 5]


def test_without_json_a_line_is_for_people(make_run: MakeRun, film: Path, capsys: Capture):
    make_run()
    assert main(["predict", str(film), "--rate", "1", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{film} 0:00.0: ")
    assert "; track 1" in lines[0]


def test_overlays_of_frames_are_named_after_them(make_run: MakeRun, film: Path, capsys: Capture, tmp_path: Path):
    make_run()
    _, frames, _ = predict(capsys, film, "--rate", "1", "--cam", tmp_path / "cam")
    names = [Path(face["cam"]["valence"]).name for record in frames for face in record["faces"]]
    assert names[0] == "two_people.mp4-000000-0-valence.png"
    assert all((tmp_path / "cam" / name).is_file() for name in names)


def test_a_film_without_a_face_says_so(make_run: MakeRun, tmp_path: Path, capsys: Capture):
    make_run()
    path = tmp_path / "empty.mp4"
    path.write_bytes(encode([scene()] * 10))
    status, frames, error = predict(capsys, path)
    assert status == 0
    assert [record["faces"] for record in frames] == [[]] * 5
    assert "No face was found in the whole film." in error


def test_a_long_time_without_a_face_is_said(make_run: MakeRun, tmp_path: Path, capsys: Capture):
    make_run()
    path = tmp_path / "gap.mp4"
    path.write_bytes(encode([scene((0, 40, 20)), *[scene()] * 70, scene((1, 40, 20))], rate=1))
    status, frames, error = predict(capsys, path, "--rate", "1")
    assert status == 0
    assert "No face was found from 0:01.0 to 1:10.0." in error
    # The same person a minute later.
    assert frames[0]["faces"][0]["track"] == frames[-1]["faces"][0]["track"] == 1


def test_films_that_fail_are_a_line_and_others_are_read(make_run: MakeRun, film: Path, tmp_path: Path, capsys: Capture):
    make_run()
    bad = tmp_path / "\x1b[2Jbad.mp4"
    bad.write_text("no film")
    status, records, error = predict(capsys, bad, tmp_path / "gone.mkv", film, "--rate", "1")
    assert status == 1
    assert [set(record) for record in records[:2]] == [{"image", "error"}] * 2
    assert "cannot be read as a film" in records[0]["error"]
    assert "There is no film at" in records[1]["error"]
    assert len(records) == 5
    assert "\x1b" not in error


def test_what_was_read_before_a_film_breaks_is_printed(make_run: MakeRun, film: Path, capsys: Capture, monkeypatch):
    make_run()
    pictures = decode.Film._pictures

    def break_off(self):
        for number, picture in enumerate(pictures(self)):
            if number == 9:
                raise decode.FilmError("The film measures 9 x 9 pixels.")
            yield picture

    monkeypatch.setattr(decode.Film, "_pictures", break_off)
    status, records, _ = predict(capsys, film)
    assert status == 1
    assert [record.get("frame") for record in records] == [0, 2, 4, 6, 8, None]


def test_a_mix_cannot_be_estimated_frame_by_frame(make_run: MakeRun, film: Path, capsys: Capture):
    make_run()
    assert main(["predict", str(film), "--prior", "estimate"]) == 1
    assert "mix of a film cannot be estimated" in capsys.readouterr().err


def test_without_pyav_photos_are_read_and_films_say_what_they_need(
    make_run: MakeRun, film: Path, portrait: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
):
    make_run()
    monkeypatch.setitem(sys.modules, "av", None)
    status, records, _ = predict(capsys, portrait, film)
    assert status == 1
    assert len(records[0]["faces"]) == 1
    assert "pip install av" in records[1]["error"]


def test_times_are_written_as_on_a_clock():
    assert [clock(each) for each in (0, 59.96, 60, 3600)] == ["0:00.0", "0:59.9", "1:00.0", "1:00:00.0"]
