from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from emotion_core.data.folders import has_expression_folders, load_expression_folders
from emotion_core.data.source import FolderSource, open_source
from emotion_core.data.table import FaceTable, OnError
from emotion_core.errors import DataError
from tests.data.layouts import save, write_folders, zipped

KAGGLE = {"angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness", "neutral": "neutral", "sad": "sadness",
          "surprise": "surprise"}  # fmt: skip


def load(folder: Path, on_error: OnError = "raise") -> FaceTable:
    return load_expression_folders(FolderSource(folder), name="faces", on_error=on_error)


def test_folders_say_part_and_expression(tmp_path: Path) -> None:
    counts = {f"{split}/{word}": number for split in ("train", "test") for number, word in enumerate(KAGGLE, start=1)}
    write_folders(tmp_path, counts)
    table = load(tmp_path)
    found = Counter(zip(table.frame["split"], table.frame["expression"], strict=True))
    assert found == {(split, KAGGLE[word]): count for name, count in counts.items() for split, word in [name.split("/")]}
    sample_id = "train/sad/train-sad-3.jpg"
    assert table.frame.set_index("sample_id").loc[sample_id, "expression"] == "sadness"
    assert table.read_bytes(sample_id) == (tmp_path / sample_id).read_bytes()


@pytest.mark.parametrize(("folder", "split"), [("Training", "train"), ("validation", "val"), ("val", "val"), ("Test", "test")])
def test_other_words_for_the_parts(tmp_path: Path, folder: str, split: str) -> None:
    write_folders(tmp_path, {f"{folder}/Happiness": 1})
    assert load(tmp_path).frame[["split", "expression"]].to_numpy().tolist() == [[split, "happiness"]]


def test_folder_and_archive_give_the_same_table(tmp_path: Path) -> None:
    write_folders(tmp_path / "faces", {"train/angry": 2, "test/fear": 1})
    zipped(tmp_path / "faces", tmp_path / "elsewhere" / "faces.zip")
    one = load(tmp_path / "faces")
    other = load_expression_folders(open_source("faces", tmp_path / "elsewhere"), name="faces")
    assert one.frame.equals(other.frame)
    assert all(one.read_bytes(name) == other.read_bytes(name) for name in one.sample_ids)


def test_what_is_no_picture_or_hidden_or_elsewhere_does_not_count(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/angry": 1, "train/angry/deeper": 1, "extra/angry": 1, "train": 1})
    (tmp_path / "train" / "angry" / "notes.txt").write_text("")
    save(tmp_path / "train" / "angry" / ".hidden.jpg")
    assert load(tmp_path).sample_ids == ["train/angry/train-angry-0.jpg"]
    assert has_expression_folders(FolderSource(tmp_path))
    assert not has_expression_folders(FolderSource(tmp_path / "train"))


def test_a_folder_of_another_name_is_refused_or_left_out(tmp_path: Path) -> None:
    write_folders(tmp_path, {"train/angry": 2, "train/joy": 3})
    with pytest.raises(DataError, match="'faces' has 1 broken sample: train/joy: 'joy' is not one of the eight expressions"):
        load(tmp_path)
    table = load(tmp_path, "skip")
    assert (len(table), len(table.problems)) == (2, 1)


def test_no_picture_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has no picture in folders such as 'train/angry/'"):
        load(tmp_path)
