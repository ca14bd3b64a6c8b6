from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from emotion_core.data.fer2013_csv import load_fer2013_csv
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.images import read_image
from tests.data.layouts import fer2013_line, noise, write_fer2013_csv, zipped

# FER-2013 numbers its expressions angry, disgust, fear, happy, sad, surprise, neutral.
ROWS = [
    (0, "Training"),
    (1, "Training"),
    (2, "PublicTest"),
    (3, "PrivateTest"),
    (4, "Training"),
    (5, "PublicTest"),
    (6, "Training"),
]
NAMES = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]


def test_every_row_has_its_label_its_part_and_its_pixels(tmp_path: Path) -> None:
    pictures = write_fer2013_csv(tmp_path / "fer2013.csv", ROWS)
    table = load_fer2013_csv(tmp_path)
    assert table.sample_ids == [f"fer2013.csv/{row:06d}" for row in range(7)]
    assert table.frame["expression"].tolist() == NAMES
    assert Counter(table.frame["split"]) == {"train": 4, "val": 2, "test": 1}
    for sample_id, pixels in zip(table.sample_ids, pictures, strict=True):
        image = read_image(table.read_bytes(sample_id))
        assert (image == pixels[..., None]).all()
    with pytest.raises(OSError, match=r"has no usable row 'fer2013.csv/000007'"):
        table.read_bytes("fer2013.csv/000007")


def test_both_tests_can_be_one_part(tmp_path: Path) -> None:
    write_fer2013_csv(tmp_path / "fer2013.csv", ROWS)
    table = load_fer2013_csv(tmp_path, joined=True)
    assert Counter(table.frame["split"]) == {"train": 4, "test": 3}
    assert table.fingerprint() == load_fer2013_csv(tmp_path).fingerprint()


@pytest.mark.parametrize("place", ["fer2013.csv", "fer2013/fer2013.csv", "ferplus/fer2013.csv"])
def test_it_is_found_in_the_data_folder_and_in_the_datasets_folder(tmp_path: Path, place: str) -> None:
    write_fer2013_csv(tmp_path / place, ROWS)
    assert len(load_fer2013_csv(tmp_path)) == 7


def test_folder_and_archive_give_the_same_table(tmp_path: Path) -> None:
    write_fer2013_csv(tmp_path / "a" / "fer2013" / "fer2013.csv", ROWS)
    zipped(tmp_path / "a" / "fer2013", tmp_path / "b" / "fer2013.zip")
    one, other = load_fer2013_csv(tmp_path / "a"), load_fer2013_csv(tmp_path / "b")
    assert one.frame.equals(other.frame)
    assert all(one.read_bytes(name) == other.read_bytes(name) for name in one.sample_ids)


def test_columns_go_by_name(tmp_path: Path) -> None:
    pixels = noise(1)[0]
    text = " ".join(map(str, pixels.ravel()))
    (tmp_path / "fer2013.csv").write_text(
        f'\ufeff"Usage", pixels,EMOTION,extra\r\nPrivateTest,"{text}",5,x\r\n', encoding="utf-8"
    )
    table = load_fer2013_csv(tmp_path)
    assert (table.frame["expression"].tolist(), table.frame["split"].tolist()) == (["surprise"], ["test"])
    assert (read_image(table.read_bytes(table.sample_ids[0]))[..., 0] == pixels).all()


@pytest.mark.parametrize(("file", "ending"), [("fer2013.csv", "\n"), ("fer2013.csv", "\r\n"), ("icml_face_data.csv", "\n")])
def test_pixels_may_be_the_last_column_as_in_the_file_of_the_contest(tmp_path: Path, file: str, ending: str) -> None:
    pictures = noise(3)
    lines = [f"{number},Training,{' '.join(map(str, pixels.ravel()))}" for number, pixels in enumerate(pictures)]
    (tmp_path / file).write_bytes(ending.join(["emotion, Usage, pixels", *lines, ""]).encode())
    table = load_fer2013_csv(tmp_path)
    assert table.frame["expression"].tolist() == NAMES[:3]
    assert table.sample_ids == [f"fer2013.csv/{row:06d}" for row in range(3)]
    for name, pixels in zip(table.sample_ids, pictures, strict=True):
        assert (read_image(table.read_bytes(name))[..., 0] == pixels).all()


def test_a_broken_row_is_named_by_the_file_that_it_stands_in(tmp_path: Path) -> None:
    (tmp_path / "icml_face_data.csv").write_text("emotion, Usage, pixels\n3,Training,1 2 3\n")
    with pytest.raises(DataError, match=r"icml_face_data.csv:2: 3 pixels instead of 2,304"):
        load_fer2013_csv(tmp_path)


GOOD = fer2013_line(3, "Training", noise(1)[0])
NUMBERS = GOOD.split(",")[1]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"7,{NUMBERS},Training", "usage 'Training' or emotion '7' is unknown"),
        (f"-1,{NUMBERS},Training", "emotion '-1' is unknown"),
        (f"angry,{NUMBERS},Training", "emotion 'angry' is unknown"),
        (f",{NUMBERS},Training", "emotion '' is unknown"),
        (f"3,{NUMBERS},Testing", "usage 'Testing' or"),
        (f"3,{NUMBERS}", "a cell is missing"),
        (f"3,{NUMBERS} 7,Training", "2,305 pixels instead of 2,304"),
        (f"3,{NUMBERS.rsplit(' ', 1)[0]},Training", "2,303 pixels instead of 2,304"),
        ("3,,Training", "0 pixels instead of 2,304"),
        (f"3,{NUMBERS.rsplit(' ', 1)[0]} 256,Training", "the pixels are not whole numbers from 0 to 255"),
        (f"3,{NUMBERS.rsplit(' ', 1)[0]} {'9' * 30},Training", "the pixels are not whole numbers from 0 to 255"),
        (f"3,{NUMBERS.rsplit(' ', 1)[0]} -1,Training", "the pixels are not whole numbers from 0 to 255"),
        (f"3,{NUMBERS.rsplit(' ', 1)[0]} 1.5,Training", "the pixels are not whole numbers from 0 to 255"),
        (f"3,{NUMBERS.rsplit(' ', 1)[0]} x,Training", "the pixels are not whole numbers from 0 to 255"),
    ],
)
def test_a_broken_row_is_refused_or_left_out_by_its_line(tmp_path: Path, line: str, reason: str) -> None:
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n{GOOD}\n{line}\n{GOOD}\n")
    with pytest.raises(DataError, match=f"'fer2013' has 1 broken sample: fer2013.csv:3: .*{reason}.*Mend them, or skip them"):
        load_fer2013_csv(tmp_path)
    table = load_fer2013_csv(tmp_path, on_error="skip")
    # The row behind keeps its number, by which FER+ knows it.
    assert table.sample_ids == ["fer2013.csv/000000", "fer2013.csv/000002"]
    assert [problem.path for problem in table.problems] == ["fer2013.csv:3"]


@pytest.mark.parametrize("header", ["emotion,Usage", "label,pixels,Usage", GOOD[:200], ""])
def test_a_file_of_other_columns_is_refused(tmp_path: Path, header: str) -> None:
    (tmp_path / "fer2013.csv").write_text(f"{header}\n")
    with pytest.raises(DataError, match=r"'fer2013.csv' in '.*' has the columns .*; expected emotion, pixels, Usage"):
        load_fer2013_csv(tmp_path)


def test_an_empty_file_and_one_without_rows_are_refused(tmp_path: Path) -> None:
    (tmp_path / "fer2013.csv").write_bytes(b"")
    with pytest.raises(DataError, match="has the columns of an empty file; expected emotion"):
        load_fer2013_csv(tmp_path)
    (tmp_path / "fer2013.csv").write_text("emotion,pixels,Usage\n\n")
    with pytest.raises(DataError, match="has no usable row"):
        load_fer2013_csv(tmp_path)


def test_a_line_without_end_is_not_held_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("emotion_core.data.source.LONGEST_LINE", 20_000)
    endless = "1 " * 50_000
    (tmp_path / "fer2013.csv").write_text(f"emotion,pixels,Usage\n{GOOD}\n3,{endless},Training\n{GOOD}\n")
    table = load_fer2013_csv(tmp_path, on_error="skip")
    assert len(table) == 2
    assert len(table.problems) == 6  # 100,012 bytes in pieces of 20,000


def test_where_it_was_looked_for_is_said(tmp_path: Path) -> None:
    with pytest.raises(
        DatasetNotFoundError, match=r"No dataset 'fer2013': looked for '.*fer2013.csv' and '.*fer2013' and '.*fer2013.zip'"
    ):
        load_fer2013_csv(tmp_path)


def test_a_damaged_archive_is_refused_in_words(tmp_path: Path) -> None:
    write_fer2013_csv(tmp_path / "a" / "fer2013.csv", ROWS)
    archive = zipped(tmp_path / "a", tmp_path / "fer2013.zip")
    content = bytearray(archive.read_bytes())
    content[200:2000] = np.random.default_rng(0).bytes(1800)
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"'fer2013.csv' in '.*fer2013.zip' cannot be read .*Fetch it again"):
        load_fer2013_csv(tmp_path)
