from __future__ import annotations

import io
import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotion_core.data.plain_csv import load_plain_csv
from pages.shared import pictures
from pages.shared.pictures import SIDE, pictures_root, read_picture, thumbnail, why_no_pictures
from tests.data.layouts import save, write_fer2013_csv


@pytest.mark.parametrize("root", [None, "/nowhere"])
def test_drawn_faces_need_no_folder(monkeypatch: pytest.MonkeyPatch, root: str | None) -> None:
    if root is None:
        monkeypatch.delenv("EMOTION_DATA", raising=False)
    else:
        monkeypatch.setenv("EMOTION_DATA", root)
    assert why_no_pictures("schematic") is None
    assert pictures_root("schematic") == ""
    content = thumbnail("schematic", "", "faces/00042.png")
    assert content is not None
    assert Image.open(io.BytesIO(content)).size == (SIDE, SIDE)
    picture = read_picture("schematic", "", "faces/00042.png")
    assert picture is not None
    assert picture.shape == (128, 128, 3)
    assert thumbnail("schematic", "", "faces/none.png") is None


def test_other_datasets_still_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    assert pictures_root("ferplus") == ""
    assert why_no_pictures("ferplus") == (
        "No pictures: EMOTION_DATA is not set. Set it to the folder that holds 'ferplus/' or 'ferplus.zip', "
        "then start the app again."
    )
    monkeypatch.setenv("EMOTION_DATA", "/nowhere")
    assert pictures_root("ferplus") == "/nowhere"
    assert why_no_pictures("ferplus") == (
        "No pictures: 'ferplus' is not in '/nowhere', where EMOTION_DATA points. "
        "Set it to the folder that holds 'ferplus/' or 'ferplus.zip'."
    )


@pytest.mark.parametrize("place", ["fer2013.csv", "fer2013/fer2013.csv"])
def test_rows_of_a_csv_file_are_pictures(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str) -> None:
    rows = [(number % 7, usage) for usage in ("Training", "PublicTest", "PrivateTest") for number in range(70)]
    drawn = write_fer2013_csv(tmp_path / place, rows)
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
    for dataset in ("fer2013", "fer2013-4"):
        assert why_no_pictures(dataset) is None
        found = read_picture(dataset, str(tmp_path), "fer2013.csv/000002")
        assert found is not None
        assert (found == drawn[2][..., None]).all()
        assert read_picture(dataset, str(tmp_path), "fer2013.csv/999999") is None
        assert read_picture(dataset, str(tmp_path), "../fer2013.csv/000002") is None


def test_labels_alone_show_the_pictures_of_the_other_dataset(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    lines = ["image,usage,emotion"]
    for index in range(70):
        save(tmp_path / "ferplus" / "FER2013Train" / f"{index}.png")
        lines.append(f"{index}.png,Training,{index % 7}")
    (tmp_path / "fer2013_labels.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
    assert why_no_pictures("fer2013-4") is None
    assert thumbnail("fer2013-4", str(tmp_path), "FER2013Train/3.png") is not None


def test_where_nothing_lies_the_places_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
    assert why_no_pictures("fer2013-4") == (
        f"No pictures: 'fer2013-4' is not in '{tmp_path}', where EMOTION_DATA points. Set it to the folder that holds "
        "'fer2013_labels.csv' with 'ferplus/' or 'ferplus.zip', or 'fer2013.csv', 'fer2013/' or 'fer2013.zip'."
    )
    assert read_picture("fer2013-4", str(tmp_path), "FER2013Train/3.png") is None


@pytest.mark.parametrize("dataset", ["my-faces", "fer2013"])
def test_data_that_come_later_are_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dataset: str) -> None:
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
    assert why_no_pictures(dataset) is not None
    assert read_picture(dataset, str(tmp_path), "test/happy/0.png") is None
    for part, word, number in itertools.product(("train", "test"), ("happy", "sad"), range(10)):
        save(tmp_path / dataset / part / word / f"{number}.png")
    assert why_no_pictures(dataset) is None
    assert read_picture(dataset, str(tmp_path), "test/happy/0.png") is not None


def test_a_missing_picture_reads_no_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    save(tmp_path / "affectnet-3999" / "images" / "1.jpg")

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise AssertionError("the whole dataset was read")

    monkeypatch.setattr(pictures, "load_dataset", refuse)
    assert read_picture("affectnet-3999", str(tmp_path), "images/1.jpg") is not None
    assert read_picture("affectnet-3999", str(tmp_path), "images/2.jpg") is None


def test_no_picture_is_read_from_outside_the_dataset(tmp_path: Path) -> None:
    save(tmp_path / "outside" / "secret.png")
    save(tmp_path / "data" / "faces" / "a.png")
    (tmp_path / "data" / "faces" / "link.png").symlink_to(tmp_path / "outside" / "secret.png")
    (tmp_path / "data" / "faces" / "folder").symlink_to(tmp_path / "outside")
    root = str(tmp_path / "data")
    assert read_picture("faces", root, "a.png") is not None
    for dataset, name in (
        ("faces", "link.png"),
        ("faces", "folder/secret.png"),
        ("faces", "../../outside/secret.png"),
        ("..", "outside/secret.png"),
        ("../outside", "secret.png"),
        (".", "faces/a.png"),
        (str(tmp_path / "outside"), "secret.png"),
    ):
        assert read_picture(dataset, root, name) is None, (dataset, name)


def test_pictures_of_a_file_are_shown_only_while_it_is_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for number in range(3):
        save(tmp_path / "img" / f"{number}.png")
    rows = ["image,expression,split", *(f"img/{number}.png,happy,test" for number in range(3))]
    (tmp_path / "测试.csv").write_text("\n".join(rows), encoding="utf-8")
    dataset = load_plain_csv(tmp_path / "测试.csv").name
    monkeypatch.setenv("EMOTION_DATA", str(tmp_path))
    assert why_no_pictures(dataset) is None
    picture = read_picture(dataset, str(tmp_path), "img/1.png")
    assert picture is not None
    assert picture.shape == (48, 48, 3)
    # Others have been given its name since: theirs are not shown for it.
    save(tmp_path / "img" / "1.png", np.zeros((48, 48), dtype=np.uint8))
    pictures._read_shared.clear()
    assert "has other pictures or labels than those that were evaluated" in str(why_no_pictures(dataset))
    assert read_picture(dataset, str(tmp_path), "img/1.png") is None
    (tmp_path / "测试.csv").unlink()
    pictures._read_shared.clear()
    assert "Set it to the folder that holds '测试.csv' or '测试.zip'." in str(why_no_pictures(dataset))
