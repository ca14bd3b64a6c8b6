"""Images are found by their names, however they are written, and never by a name that several have."""

from __future__ import annotations

import pytest

from emotion_core.importing.joining import join_names

IDS = ["images/1.jpg", "images/10.jpg", "other/10.jpg", "deep/er/Face.PNG"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("images/1.jpg", "images/1.jpg"),
        ("./images/1.jpg", "images/1.jpg"),
        (r"C:\data\IMAGES\1.JPG", "images/1.jpg"),
        ("1.jpg", "images/1.jpg"),
        ("1", "images/1.jpg"),
        ("/elsewhere/1.png", "images/1.jpg"),
        ("10.jpg", None),
        ("10", None),
        ("other/10", "other/10.jpg"),
        ("x/other/10.jpg", "other/10.jpg"),
        ("er/face", "deep/er/Face.PNG"),
        ("train/1.jpg", None),
        ("train/images/1.jpg", None),
        ("test/images/1.jpg", "images/1.jpg"),
        ("training/runs/out/images/1.jpg", "images/1.jpg"),
        ("11.jpg", None),
        ("", None),
        ("<b>1.jpg</b>", None),
    ],
)
def test_a_name_means_one_image_or_none(name: str, meant: str | None) -> None:
    assert join_names([name], IDS, "test").ids == (meant,)


def test_how_names_were_found_is_counted() -> None:
    assert join_names(["images/1.jpg", "er/face.png", "1", "no"], IDS).how == {"full": 1, "end": 1, "stem": 1}


def test_the_folder_of_a_split_in_the_ids_themselves_is_part_of_the_name() -> None:
    assert join_names(["train/1.jpg", "test/1.jpg"], ["test/1.jpg"], "test").ids == (None, "test/1.jpg")
