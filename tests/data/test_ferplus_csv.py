"""FER+ from ``fer2013.csv`` and ``fer2013new.csv``, against the same pictures in FER+'s folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from emotion_core.data.audit_tables import add_unlabelled
from emotion_core.data.ferplus import load_ferplus
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.images import read_image
from tests.data.layouts import USAGE_FOLDERS, fer2013_line, noise, save, write_fer2013_csv, write_votes, zipped

VOTES = [
    ("Training", "fer0000000.png", {"neutral": 10}),
    ("Training", "fer0000001.png", {"happiness": 5, "sadness": 5}),  # no majority
    ("Training", "", {"NF": 10}),  # not one of FER+'s pictures
    ("PublicTest", "fer0000003.png", {"fear": 9, "unknown": 1}),
    ("PrivateTest", "fer0000004.png", {"anger": 8, "disgust": 2}),
    ("PrivateTest", "fer0000005.png", {"unknown": 10}),  # no label at all
    ("PrivateTest", "fer0000004.png", {"contempt": 10}),  # named a second time: the first counts
]


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """The two files."""
    write_fer2013_csv(tmp_path / "pair" / "fer2013.csv", [(0, usage) for usage, _, _ in VOTES])
    write_votes(tmp_path / "pair" / "fer2013new.csv", VOTES)
    return tmp_path / "pair"


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """The same pictures in FER+'s folders."""
    written: set[str] = set()
    for (usage, name, _), pixels in zip(VOTES, noise(len(VOTES)), strict=True):
        if name and name not in written:
            save(tmp_path / "folders" / "ferplus" / USAGE_FOLDERS[usage] / name, pixels)
            written.add(name)
    write_votes(tmp_path / "folders" / "ferplus" / "fer2013new.csv", VOTES)
    return tmp_path / "folders"


@pytest.mark.parametrize("labels", ["majority", "distribution", "protocol"])
def test_both_layouts_give_the_same_table(pair: Path, folders: Path, labels: str) -> None:
    one, other = load_ferplus(pair, labels=labels), load_ferplus(folders, labels=labels)
    assert one.frame.equals(other.frame)
    assert one.fingerprint() == other.fingerprint()
    assert (one.targets == other.targets).all()
    assert add_unlabelled(one).sample_ids == add_unlabelled(other).sample_ids
    assert len(add_unlabelled(one)) == 5
    for sample_id in add_unlabelled(one).sample_ids:
        assert (read_image(one.read_bytes(sample_id)) == read_image(other.read_bytes(sample_id))).all()


def test_labels_and_parts_counted_by_hand(pair: Path) -> None:
    majority = load_ferplus(pair).frame
    assert majority["expression"].tolist() == ["neutral", "fear", "anger"]
    assert majority["split"].tolist() == ["train", "val", "test"]
    distribution = load_ferplus(pair, labels="distribution")
    assert distribution.sample_ids[1] == "FER2013Train/fer0000001.png"
    assert distribution.targets[1].tolist() == [0, 0.5, 0.5, 0, 0, 0, 0, 0]
    assert distribution.targets[3] == pytest.approx([0, 0, 0, 0, 0, 0.2, 0.8, 0])


def test_protocol_trains_on_distributions_and_judges_by_majority(folders: Path) -> None:
    votes = [*VOTES, ("PrivateTest", "fer0000001.png", {"happiness": 5, "sadness": 5})]
    save(folders / "ferplus" / "FER2013Test" / "fer0000001.png")
    write_votes(folders / "ferplus" / "fer2013new.csv", votes)
    table = load_ferplus(folders, labels="protocol")
    assert table.split("train").frame.equals(load_ferplus(folders, labels="distribution").split("train").frame)
    for split in ("val", "test"):
        assert table.split(split).frame.equals(load_ferplus(folders).split(split).frame)
    assert "FER2013Test/fer0000001.png" in table.unlabelled


def test_folders_come_first(pair: Path, folders: Path) -> None:
    for file in ("fer2013.csv", "fer2013new.csv"):
        (pair / file).rename(folders / file)
    picture = "FER2013Train/fer0000000.png"
    save(folders / "ferplus" / picture, np.zeros((48, 48), dtype=np.uint8))
    assert read_image(load_ferplus(folders).read_bytes(picture)).max() == 0


@pytest.mark.parametrize("place", ["ferplus", "fer2013"])
def test_the_files_may_lie_in_a_folder_or_an_archive(pair: Path, tmp_path: Path, place: str) -> None:
    expected = load_ferplus(pair)
    zipped(pair, tmp_path / "elsewhere" / f"{place}.zip")
    table = load_ferplus(tmp_path / "elsewhere")
    assert table.frame.equals(expected.frame)
    assert all(table.read_bytes(name) == expected.read_bytes(name) for name in expected.sample_ids)


def test_a_broken_row_of_either_file_is_refused_or_left_out(pair: Path) -> None:
    file = pair / "fer2013.csv"
    lines = file.read_text().splitlines()
    lines[1] = fer2013_line(0, "Training", noise(1)[0])[:-20] + ",Training"
    file.write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=r"'ferplus' has 1 broken sample: fer2013.csv:2: 2,\d+ pixels instead of 2,304"):
        load_ferplus(pair)
    assert load_ferplus(pair, on_error="skip").frame["expression"].tolist() == ["fear", "anger"]


def test_rows_of_another_part_do_not_belong_together(pair: Path) -> None:
    write_votes(pair / "fer2013new.csv", [*VOTES[:3], ("PrivateTest", "fer0000003.png", {"fear": 10}), *VOTES[4:]])
    with pytest.raises(DataError, match=r"fer2013new.csv:5: usage 'PrivateTest' is not that of 'fer2013.csv'"):
        load_ferplus(pair)
    assert load_ferplus(pair, on_error="skip").frame["expression"].tolist() == ["neutral", "anger"]


def test_files_of_other_lengths_do_not_belong_together(pair: Path) -> None:
    write_votes(pair / "fer2013new.csv", VOTES[:-1])
    with pytest.raises(DataError, match=r"has 7 rows, 'fer2013new.csv' in '.*' 6: row by row they do not belong together"):
        load_ferplus(pair)


def test_one_file_alone_is_not_enough(pair: Path) -> None:
    (pair / "fer2013new.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"looked for '.*ferplus' and .*'.*fer2013.csv' and '.*fer2013new.csv'"):
        load_ferplus(pair)
