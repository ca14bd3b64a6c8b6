from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotion_core.data.ferplus import load_fer2013, load_ferplus
from emotion_core.data.ferplus_votes import vote_distribution, vote_majority
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import EXPRESSIONS

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"

# neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, NF → usable, shares, majority
CASES: dict[str, tuple[list[int], dict[str, float] | None, str | None]] = {
    "all agree": ([0, 0, 0, 0, 10, 0, 0, 0, 0, 0], {"anger": 1.0}, "anger"),
    "single votes are dropped": ([1, 7, 1, 0, 0, 0, 1, 0, 0, 0], {"happiness": 1.0}, "happiness"),
    "two votes stay": ([0, 0, 6, 2, 0, 0, 0, 0, 2, 0], {"surprise": 0.75, "sadness": 0.25}, "surprise"),
    "exactly half is no majority": ([0, 0, 0, 5, 0, 0, 5, 0, 0, 0], {"sadness": 0.5, "fear": 0.5}, None),
    "half after dropping is one": ([0, 0, 0, 5, 0, 0, 1, 1, 1, 2], {"sadness": 1.0}, "sadness"),
    "unknown counts against a majority": ([0, 0, 0, 0, 0, 4, 0, 2, 2, 2], {"disgust": 4 / 6, "contempt": 2 / 6}, None),
    "a tie with unknown stays usable": ([5, 0, 0, 0, 0, 0, 0, 0, 5, 0], {"neutral": 1.0}, None),
    "unknown is largest": ([4, 0, 0, 0, 0, 0, 0, 0, 6, 0], None, None),
    "not a face is largest": ([0, 2, 0, 0, 0, 0, 0, 0, 0, 8], None, None),
    "only single votes": ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None, None),
    "no votes": ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], None, None),
    "a single unknown is dropped too": ([0, 0, 0, 0, 0, 0, 0, 2, 1, 1], {"contempt": 1.0}, "contempt"),
}


@pytest.mark.parametrize("name", CASES)
def test_rules_for_votes(name: str) -> None:
    row, shares, majority = CASES[name]
    votes = np.array([row])
    distribution, usable = vote_distribution(votes)
    assert usable.tolist() == [shares is not None]
    if shares is not None:
        given = {EXPRESSIONS[index]: share for index, share in enumerate(distribution[0].tolist()) if share}
        assert given == pytest.approx(shares)
    index = vote_majority(votes)[0]
    assert (None if index < 0 else EXPRESSIONS[index]) == majority


def test_rules_do_not_change_their_input_and_give_distributions() -> None:
    votes = np.random.default_rng(0).multinomial(10, [0.1] * 10, 500)
    before = votes.copy()
    distribution, usable = vote_distribution(votes)
    majority = vote_majority(votes)
    assert np.array_equal(votes, before)
    assert np.allclose(distribution[usable].sum(axis=1), 1, atol=1e-6)
    # Whoever has a majority among all ten is usable, and is the largest share.
    assert usable[majority >= 0].all()
    assert (distribution.argmax(axis=1)[majority >= 0] == majority[majority >= 0]).all()


def write_ferplus(root: Path, lines: list[str], *, header: str = HEADER) -> Path:
    folder = root / "ferplus"
    for part in ("FER2013Train", "FER2013Valid", "FER2013Test"):
        (folder / part).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(np.full((48, 48), 40 * number, dtype=np.uint8)).save(folder / part / f"fer{number}.png")
    (folder / "fer2013new.csv").write_text("\n".join([header, *lines]) + "\n")
    return folder


LINES = [
    "Training,fer0.png,10,0,0,0,0,0,0,0,0,0",
    "Training,fer1.png,0,5,0,5,0,0,0,0,0,0",
    "Training,,0,0,0,0,0,0,0,0,0,10",
    "PublicTest,fer0.png,0,0,0,0,0,0,9,0,1,0",
    "PrivateTest,fer2.png,0,0,0,0,8,2,0,0,0,0",
    "PrivateTest,fer2.png,10,0,0,0,0,0,0,0,0,0",
]


def test_votes_file_of_a_small_dataset(tmp_path: Path) -> None:
    write_ferplus(tmp_path, LINES)
    majority = load_ferplus(tmp_path).frame.set_index("sample_id")
    assert majority["expression"].to_dict() == {
        "FER2013Train/fer0.png": "neutral",
        "FER2013Valid/fer0.png": "fear",
        "FER2013Test/fer2.png": "anger",
    }
    assert majority["split"].tolist() == ["train", "val", "test"]
    soft = load_ferplus(tmp_path, labels="distribution")
    assert len(soft) == 4
    shares = dict(zip(soft.sample_ids, soft.targets.tolist(), strict=True))
    assert shares["FER2013Train/fer1.png"] == [0, 0.5, 0.5, 0, 0, 0, 0, 0]
    assert shares["FER2013Test/fer2.png"] == pytest.approx([0, 0, 0, 0, 0, 0.2, 0.8, 0])
    assert np.isnan(soft.affect).all()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Training,fer9.png,10,0,0,0,0,0,0,0,0,0", "FER2013Train/fer9.png: missing"),
        ("Testing,fer3.png,10,0,0,0,0,0,0,0,0,0", "fer2013new.csv:8: not a usage, an image and ten counts"),
        ("Training,fer3.png,10,0,0,0,0,0,0,0,0,", "fer2013new.csv:8: not a usage"),
        ("Training,fer3.png,10,0,0", "fer2013new.csv:8: not a usage"),
        ("Training,fer3.png,-1,0,0,0,0,0,0,0,0,0", "fer2013new.csv:8: not a usage"),
        ("Training,fer3.png,ten,0,0,0,0,0,0,0,0,0", "fer2013new.csv:8: not a usage"),
    ],
)
def test_a_broken_row_is_refused_or_left_out(tmp_path: Path, line: str, message: str) -> None:
    write_ferplus(tmp_path, [*LINES, line])
    with pytest.raises(DataError, match=f"'ferplus' has 1 broken sample: {message}"):
        load_ferplus(tmp_path)
    table = load_ferplus(tmp_path, on_error="skip")
    assert len(table) == 3
    assert len(table.problems) == 1


def test_a_file_of_other_columns_is_refused(tmp_path: Path) -> None:
    write_ferplus(tmp_path, LINES, header=HEADER.replace("sadness,anger", "anger,sadness"))
    with pytest.raises(DataError, match="has the columns Usage, Image name, neutral, happiness, surprise, anger, sadness"):
        load_ferplus(tmp_path)


@pytest.mark.parametrize("content", [b"", HEADER.encode() + b"\n" + LINES[0].encode() + b"\n" + b",".join([b"1"] * 30)])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = write_ferplus(tmp_path, LINES)
    (folder / "fer2013new.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"'fer2013new\.csv' in '.*' is not a table of comma-separated values"):
        load_ferplus(tmp_path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="No dataset 'ferplus': looked for"):
        load_ferplus(tmp_path)
    folder = write_ferplus(tmp_path, LINES)
    with pytest.raises(DatasetNotFoundError, match=r"No dataset 'fer2013': looked for '.*fer2013_labels\.csv'"):
        load_fer2013(tmp_path)
    (folder / "fer2013new.csv").unlink()
    with pytest.raises(DataError, match=r"has no 'fer2013new\.csv', so it is not FER\+'s layout"):
        load_ferplus(tmp_path)


def test_original_labels_of_a_small_dataset(tmp_path: Path) -> None:
    write_ferplus(tmp_path, LINES)
    labels = tmp_path / "fer2013_labels.csv"
    labels.write_text("image,usage,emotion\nfer0.png,Training,0\nfer1.png,PublicTest,3\nfer2.png,PrivateTest,6\n")
    table = load_fer2013(tmp_path)
    assert table.frame["expression"].tolist() == ["anger", "happiness", "neutral"]
    assert table.frame["split"].tolist() == ["train", "test", "test"]
    assert load_fer2013(tmp_path / "ferplus").frame.equals(table.frame)
    assert load_fer2013(tmp_path, expressions=("anger",)).sample_ids == ["FER2013Train/fer0.png"]
    labels.write_text("image,usage,emotion\nfer0.png,Training,7\nfer9.png,Training,1\n")
    with pytest.raises(DataError, match=r"2 broken samples: fer2013_labels.csv:2: usage 'Training' or emotion '7' is unknown"):
        load_fer2013(tmp_path)
    with pytest.raises(DataError, match="has no usable row"):
        load_fer2013(tmp_path, on_error="skip")
    labels.write_text("image,emotion\nfer0.png,1\n")
    with pytest.raises(DataError, match="has the columns image, emotion; expected image, usage, emotion"):
        load_fer2013(tmp_path)


@pytest.fixture(scope="module")
def ferplus_majority_counts(shared_data: Path) -> dict[str, int]:
    return {str(name): int(count) for name, count in load_ferplus(shared_data).frame["split"].value_counts().items()}


def test_published_counts_of_ferplus(ferplus_majority_counts: dict[str, int]) -> None:
    assert ferplus_majority_counts == {"train": 25_057, "val": 3_199, "test": 3_153}


def test_recovered_counts_of_the_four_class_test_set(shared_data: Path) -> None:
    four = ("anger", "disgust", "fear", "happiness")
    table = load_fer2013(shared_data, expressions=four).split("test")
    counts = {name: int(count) for name, count in table.frame["expression"].value_counts().items()}
    assert counts == {"anger": 945, "disgust": 111, "fear": 1_013, "happiness": 1_764}
    assert len(load_fer2013(shared_data)) == 35_616
