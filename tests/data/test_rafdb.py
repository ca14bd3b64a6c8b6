from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from emotion_core.data.rafdb import load_rafdb
from emotion_core.errors import DataError, DatasetNotFoundError
from tests.data.layouts import save, write_rafdb, zipped

# RAF-DB's own order: 1 surprise, 2 fear, 3 disgust, 4 happiness, 5 sadness, 6 anger, 7 neutral.
LABELS = {f"train_{number:05d}": number for number in range(1, 8)} | {"test_0001": 6, "test_0002": 1}
NAMES = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral", "anger", "surprise"]


@pytest.fixture
def basic(tmp_path: Path) -> Path:
    folder = tmp_path / "raf-db" / "basic"
    write_rafdb(folder, LABELS)
    return folder


def label_file(basic: Path) -> Path:
    return basic / "EmoLabel" / "list_patition_label.txt"


def test_labels_go_by_name_and_parts_as_published(basic: Path, tmp_path: Path) -> None:
    table = load_rafdb(tmp_path)
    assert table.frame["expression"].tolist() == NAMES
    assert table.frame["split"].tolist() == ["train"] * 7 + ["test"] * 2
    assert table.sample_ids[0] == "basic/Image/aligned/train_00001_aligned.jpg"
    picture = basic.parent / table.sample_ids[-1]
    assert table.read_bytes(table.sample_ids[-1]) == picture.read_bytes()


def test_wherever_the_basic_part_begins(basic: Path, tmp_path: Path) -> None:
    expected = load_rafdb(tmp_path).frame[["expression", "split"]]
    for place in (basic, basic.parent):
        assert load_rafdb(place).frame[["expression", "split"]].equals(expected)
    assert load_rafdb(basic).sample_ids[0] == "Image/aligned/train_00001_aligned.jpg"
    zipped(basic.parent, tmp_path / "whole" / "raf-db.zip")
    zipped(basic, tmp_path / "part" / "raf-db.zip")
    for place in (tmp_path / "whole", tmp_path / "part"):
        table = load_rafdb(place)
        assert table.frame[["expression", "split"]].equals(expected)
        assert table.read_bytes(table.sample_ids[0]).startswith(b"\xff\xd8")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("train_00009.jpg 1", "'basic/Image/aligned/train_00009_aligned.jpg' is missing"),
        ("train_00001.jpg 1", "'basic/Image/aligned/train_00001_aligned.jpg' is listed twice"),
        ("train_00001.jpg 8", "not a picture and a number from 1 to 7"),
        ("train_00001.jpg 0", "not a picture and a number from 1 to 7"),
        ("train_00001.jpg", "not a picture and a number from 1 to 7"),
        ("train_00001.jpg 1 2", "not a picture and a number from 1 to 7"),
        ("dev_00001.jpg 1", "'dev_00001.jpg' begins with neither 'train_' nor 'test_'"),
        ("../../train_00001.jpg 1", "'../../train_00001.jpg' begins with neither"),
        ("train_/../../../../secret.jpg 1", "begins with neither"),
    ],
)
def test_a_broken_line_is_refused_or_left_out(basic: Path, tmp_path: Path, line: str, reason: str) -> None:
    with label_file(basic).open("a") as file:
        file.write(f"{line}\n\n")
    with pytest.raises(DataError, match=f"'raf-db' has 1 broken sample: list_patition_label.txt:10: .*{reason}"):
        load_rafdb(tmp_path)
    assert load_rafdb(tmp_path, on_error="skip").frame["expression"].tolist() == NAMES


def test_a_link_out_of_the_folder_is_not_followed(basic: Path, tmp_path: Path) -> None:
    picture = basic / "Image" / "aligned" / "test_0002_aligned.jpg"
    picture.rename(tmp_path / "secret.jpg")
    picture.symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(DataError, match=r"test_0002_aligned.jpg' is missing"):
        load_rafdb(tmp_path)


def test_what_is_missing_is_said(basic: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DatasetNotFoundError, match=r"No dataset 'raf-db': looked for .*raf-db.zip' and .*list_patition_label.txt"
    ):
        load_rafdb(tmp_path / "nowhere")
    label_file(basic).write_text("nothing\n")
    with pytest.raises(DataError, match=r"No line of 'basic/EmoLabel/list_patition_label.txt' .* is usable; list_patition"):
        load_rafdb(tmp_path, on_error="skip")
    label_file(basic).unlink()
    with pytest.raises(DataError, match=r"has no 'basic/EmoLabel/list_patition_label.txt', no .*, so it is not RAF-DB's"):
        load_rafdb(tmp_path)


def test_a_damaged_label_file_in_an_archive_is_refused_in_words(basic: Path, tmp_path: Path) -> None:
    archive = tmp_path / "elsewhere" / "raf-db.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.write(label_file(basic), "EmoLabel/list_patition_label.txt")
    content = archive.read_bytes()
    archive.write_bytes(content.replace(b"train_00001", b"train_99999", 1))
    with pytest.raises(DataError, match=r"'EmoLabel/list_patition_label.txt' in '.*' cannot be read .*Bad CRC"):
        load_rafdb(archive.parent)


def test_a_list_may_name_the_aligned_pictures_themselves(basic: Path, tmp_path: Path) -> None:
    expected = load_rafdb(tmp_path).frame
    lines = label_file(basic).read_text().replace(".jpg", "_aligned.jpg")
    assert lines.count("_aligned.jpg") == len(LABELS)
    label_file(basic).write_text(lines)
    assert load_rafdb(tmp_path).frame.equals(expected)


@pytest.mark.parametrize("above", ["", "DATASET/"])
def test_folders_of_split_and_number_will_do(tmp_path: Path, above: str) -> None:
    folder = tmp_path / "raf-db" / above
    for name in ("train/1/a_aligned.jpg", "train/7/b_aligned.jpg", "test/4/c.PNG", "test/8/none.jpg", "train/1/._a.jpg"):
        save(folder / name)
    (folder / "train" / "1" / "list.txt").write_text("")
    zipped(tmp_path / "raf-db", tmp_path / "z" / "raf-db.zip")
    for root in (tmp_path, tmp_path / "z"):
        frame = load_rafdb(root).frame
        rows = dict(zip(frame["sample_id"], zip(frame["expression"], frame["split"], strict=True), strict=True))
        assert rows == {
            f"{above}test/4/c.PNG": ("happiness", "test"),
            f"{above}train/1/a_aligned.jpg": ("surprise", "train"),
            f"{above}train/7/b_aligned.jpg": ("neutral", "train"),
        }
