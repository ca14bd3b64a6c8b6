"""Predictions as files."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest
from PIL import Image

from emotion_core.errors import ImageError
from emotion_core.export import CSV_COLUMNS, draw_faces, png_name, to_csv, to_json, to_png, to_zip
from emotion_core.faces import Face
from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict import FoundFace, Photo, Prediction, Reading

PIXELS = np.full((120, 160, 3), 200, dtype=np.uint8)
READING = Reading(
    expression="fear",
    probabilities={name: 0.65 if name == "fear" else 0.05 for name in EXPRESSIONS},
    valence=-0.5,
    arousal=0.25,
    maps={},
)


def prediction(name: str = "a.jpg", *boxes: tuple[int, int, int, int], **more: Any) -> Prediction:
    faces = tuple(FoundFace(face=Face(box=box, score=0.9), crop=PIXELS[:10, :10]) for box in boxes)
    error = more.pop("error", None)
    photo = Photo(name=name, width=160, height=120, detector="yunet", faces=faces, error=error)
    readings = (more.pop("reading", READING),) * len(boxes)
    return Prediction(photo=photo, readings=readings, run=more.pop("run", "a-run"), device="cpu", seconds=0.1)


def png(pixels: np.ndarray = PIXELS) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_has_a_row_for_each_face() -> None:
    text = to_csv([prediction("a.jpg", (1, 2, 30, 40), (5, 6, 7, 8)), prediction("empty.jpg"), prediction("x", error="bad")])
    first, second = rows(text)
    assert tuple(first) == CSV_COLUMNS
    assert (first["image"], first["face"], second["face"]) == ("a.jpg", "1", "2")
    assert [first[key] for key in ("left", "top", "width", "height")] == ["1", "2", "30", "40"]
    assert first["detector"] == "yunet"
    assert first["run"] == "a-run"
    assert first["expression"] == "fear"
    assert float(first["prob_fear"]) == pytest.approx(0.65)
    assert sum(float(first[f"prob_{name}"]) for name in EXPRESSIONS) == pytest.approx(1)
    assert (float(first["valence"]), float(first["arousal"]), float(first["score"])) == (-0.5, 0.25, 0.9)


def test_csv_leaves_empty_what_is_not_trained() -> None:
    only_affect = Reading(expression=None, probabilities={}, valence=0.1, arousal=0.2, maps={})
    only_expression = Reading(expression="fear", probabilities=READING.probabilities, valence=None, arousal=None, maps={})
    (row,) = rows(to_csv([prediction("a", (0, 0, 9, 9), reading=only_affect)]))
    assert (row["expression"], row["prob_fear"], row["valence"]) == ("", "", "0.1000")
    (row,) = rows(to_csv([prediction("a", (0, 0, 9, 9), reading=only_expression)]))
    assert (row["expression"], row["valence"], row["arousal"]) == ("fear", "", "")


@pytest.mark.parametrize("name", ["=1+1.jpg", "+a", "-a", "@SUM(A1)", "\t=1", "\r=1", " =1", "\n=1"])
def test_csv_disarms_formulas(name: str) -> None:
    (row,) = rows(to_csv([prediction(name, (0, 0, 9, 9))]))
    assert row["image"] == f"'{name}"


@pytest.mark.parametrize("name", ['a "quoted", name.jpg', "two\nlines.jpg", "a=b.jpg", "é😀.jpg", ""])
def test_csv_keeps_other_names(name: str) -> None:
    (row,) = rows(to_csv([prediction(name, (0, 0, 9, 9))]))
    assert row["image"] == name


def test_csv_negative_numbers_are_numbers() -> None:
    assert ",-0.5000," in to_csv([prediction("a", (0, 0, 9, 9))])


def test_json_is_what_the_predictions_say() -> None:
    predictions = [prediction("é.jpg", (1, 2, 3, 4)), prediction("x", error="It is damaged.")]
    text = to_json(predictions)
    assert json.loads(text) == [each.to_dict() for each in predictions]
    assert "é.jpg" in text
    assert json.loads(to_json([])) == []


def test_faces_are_drawn_on_a_copy() -> None:
    before = PIXELS.copy()
    drawn = draw_faces(PIXELS, [prediction("a", (40, 60, 50, 50))])
    assert np.array_equal(PIXELS, before)
    assert drawn.shape == PIXELS.shape
    colour = [int(EXPRESSION_COLOURS["fear"][i : i + 2], 16) for i in (1, 3, 5)]
    for x, y in ((40, 100), (89, 100), (60, 109)):
        assert drawn[y, x].tolist() == colour
    assert np.array_equal(drawn[75:100, 50:80], PIXELS[75:100, 50:80])  # the face itself stays free


@pytest.mark.parametrize("box", [(0, 0, 160, 120), (0, 0, 20, 20), (140, 100, 20, 20), (150, 0, 10, 10), (159, 119, 1, 1)])
def test_labels_stay_inside_the_photo(box: tuple[int, int, int, int]) -> None:
    drawn = draw_faces(PIXELS, [prediction("a", box), prediction("a", box, run="another-run")])
    label = (drawn == 0).all(axis=2)
    assert label.sum() > 200


def test_a_tiny_photo_and_no_face() -> None:
    tiny = np.zeros((1, 1, 3), dtype=np.uint8)
    assert draw_faces(tiny, [prediction("a", (0, 0, 1, 1))]).shape == (1, 1, 3)
    assert np.array_equal(draw_faces(PIXELS, [prediction("a")]), PIXELS)
    assert np.array_equal(draw_faces(PIXELS, []), PIXELS)


def test_png_is_the_photo_with_boxes() -> None:
    content = to_png(png(), [prediction("a", (40, 60, 50, 50))])
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        assert np.array_equal(np.asarray(image), draw_faces(PIXELS, [prediction("a", (40, 60, 50, 50))]))
    with pytest.raises(ImageError, match="cannot be read as a picture"):
        to_png(b"text", [])


def test_zip_holds_safe_names_and_no_unreadable_photo() -> None:
    found = [prediction("../../etc/a.jpg", (0, 0, 9, 9))]
    content = to_zip([(png(), found), (png(), found), (b"text", [prediction("bad", error="bad")])])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["001-a-faces.png", "002-a-faces.png"]
        assert archive.testzip() is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("photo.jpg", "photo-faces.png"),
        ("C:\\temp\\x y.png", "x_y-faces.png"),
        ("<script>.jpg", "script-faces.png"),
        ("..", "photo-faces.png"),
        ("", "photo-faces.png"),
        ("a" * 300, "a" * 60 + "-faces.png"),
        ("\u202ea\nb.jpg", "a_b-faces.png"),
    ],
)
def test_names_of_pngs(name: str, expected: str) -> None:
    assert png_name(name) == expected
