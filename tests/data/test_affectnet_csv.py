from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from emotion_core.data.affectnet_csv import load_affectnet_csv
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import EXPRESSIONS
from tests.data.layouts import AFFECTNET_HEADER, save, write_affectnet_csv, zipped

NAMES = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"]
# 20 images of each expression, and one of each that is none.
TRAINING = [(f"{number}/{number}.jpg", number % 8, round(number / 160 - 0.5, 4), 0.25) for number in range(160)]
TRAINING += [("1/none.jpg", 8, 0.5, -0.5), ("1/uncertain.jpg", 9, -2, -2), ("1/noface.jpg", 10, "-2", "-2.000")]
VALIDATION = [(f"v/{number}.jpg", number, -1, 1) for number in range(8)] + [("v/none.jpg", 8, -2, 0.5)]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "affectnet"
    write_affectnet_csv(folder, {"training.csv": TRAINING, "validation.csv": VALIDATION}, pictures="Manually_Annotated_Images")
    return folder


def test_labels_and_parts_counted_by_hand(dataset: Path) -> None:
    table = load_affectnet_csv(dataset.parent)
    frame = table.frame.set_index("sample_id")
    for path, expression, valence, arousal in (*TRAINING[:160], *VALIDATION[:8]):
        row = frame.loc[f"Manually_Annotated_Images/{path}"]
        assert (row["expression"], row["valence"], row["arousal"]) == (NAMES[expression], valence, arousal)
    # 5 % of 160, one of each expression; validation.csv is the test split.
    assert Counter(frame["split"]) == {"train": 152, "val": 8, "test": 8, "": 4}
    assert sorted(table.split("val").frame["expression"]) == sorted(EXPRESSIONS)
    assert set(table.split("test").sample_ids) == {f"Manually_Annotated_Images/v/{number}.jpg" for number in range(8)}
    assert table.read_bytes(table.sample_ids[3]) == (dataset / table.sample_ids[3]).read_bytes()


def test_eight_to_ten_are_no_expressions_but_keep_affect(dataset: Path) -> None:
    frame = load_affectnet_csv(dataset.parent).frame.set_index("sample_id")
    extra = frame.loc[
        [f"Manually_Annotated_Images/{path}" for path in ("1/none.jpg", "1/uncertain.jpg", "1/noface.jpg", "v/none.jpg")]
    ]
    assert extra["expression"].isna().all()
    assert extra["split"].tolist() == [""] * 4
    assert extra["valence"].tolist()[0] == 0.5
    assert extra["valence"].isna().tolist() == [False, True, True, True]
    assert extra["arousal"].isna().tolist() == [False, True, True, False]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("pictures", ["", "Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images"])
def test_names_of_columns_and_a_folder_of_pictures_may_be_there_or_not(tmp_path: Path, header: bool, pictures: str) -> None:
    write_affectnet_csv(tmp_path / "affectnet", {"validation.csv": VALIDATION}, header=header, pictures=pictures)
    table = load_affectnet_csv(tmp_path)
    assert Counter(table.frame["split"]) == {"test": 8, "": 1}
    assert table.frame["expression"].tolist()[:8] == NAMES
    assert table.sample_ids[0] == f"{pictures}/v/0.jpg".lstrip("/")


def test_lists_may_lie_in_their_published_folder(dataset: Path) -> None:
    expected = load_affectnet_csv(dataset.parent)
    (dataset / "Manually_Annotated_file_lists").mkdir()
    for file in ("training.csv", "validation.csv"):
        (dataset / file).rename(dataset / "Manually_Annotated_file_lists" / file)
    assert load_affectnet_csv(dataset.parent).frame.equals(expected.frame)


def test_columns_go_by_name(dataset: Path) -> None:
    names = "arousal,Expression,subDirectory_filePath,valence"
    (dataset / "validation.csv").write_text(f"{names}\n0.5,1,v/1.jpg,-0.5\n")
    frame = load_affectnet_csv(dataset.parent).split("test").frame
    assert frame[["expression", "valence", "arousal"]].to_numpy().tolist() == [["happiness", -0.5, 0.5]]


def test_folder_and_archive_give_the_same_table(dataset: Path, tmp_path: Path) -> None:
    zipped(dataset, tmp_path / "elsewhere" / "affectnet.zip")
    one, other = load_affectnet_csv(tmp_path), load_affectnet_csv(tmp_path / "elsewhere")
    assert one.frame.equals(other.frame)
    assert one.read_bytes(one.sample_ids[0]) == other.read_bytes(one.sample_ids[0])


def test_another_seed_draws_another_validation_part(dataset: Path) -> None:
    first, again, other = (load_affectnet_csv(dataset.parent, seed=seed).split("val").sample_ids for seed in (42, 42, 1))
    assert first == again
    assert first != other


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("v/gone.jpg,0,0,1,1,1;2,1,0,0", "'v/gone.jpg' is missing"),
        ("../secret.jpg,0,0,1,1,1;2,1,0,0", "'../secret.jpg' leads out of the dataset"),
        ("/secret.jpg,0,0,1,1,1;2,1,0,0", "'/secret.jpg' leads out of the dataset"),
        ("v/0.jpg,0,0,1,1,1;2,1,0,0", "'Manually_Annotated_Images/v/0.jpg' is listed twice"),
        ("v/extra.jpg,0,0,1,1,1;2,11,0,0", "expression '11' is not one of 0 to 10"),
        ("v/extra.jpg,0,0,1,1,1;2,-1,0,0", "expression '-1' is not one of 0 to 10"),
        ("v/extra.jpg,0,0,1,1,1;2,1.5,0,0", "expression '1.5' is not one of 0 to 10"),
        ("v/extra.jpg,0,0,1,1,1;2,,0,0", "expression '' is not one of 0 to 10"),
        ("v/extra.jpg,0,0,1,1,1;2,1,1.25,0", r"valence 1.25 is outside \[-1, 1\]"),
        ("v/extra.jpg,0,0,1,1,1;2,1,0,-3", r"arousal -3 is outside \[-1, 1\]"),
        ("v/extra.jpg,0,0,1,1,1;2,1,0,high", "arousal 'high' is not a number"),
        ("v/extra.jpg,0,0,1,1,1;2,1,inf,0", r"valence inf is outside \[-1, 1\]"),
        ("v/extra.jpg,0,0,1,1,1;2,1,0", "a cell is missing"),
    ],
)
def test_a_broken_row_is_refused_or_left_out_by_its_line(dataset: Path, row: str, reason: str) -> None:
    save(dataset / "Manually_Annotated_Images" / "v" / "extra.jpg")
    save(dataset.parent / "secret.jpg")
    with (dataset / "validation.csv").open("a") as file:
        file.write(f"{row}\n")
    with pytest.raises(DataError, match=f"'affectnet' has 1 broken sample: validation.csv:11: {reason}"):
        load_affectnet_csv(dataset.parent)
    table = load_affectnet_csv(dataset.parent, on_error="skip")
    assert len(table.split("test")) == 8
    assert [problem.path for problem in table.problems] == ["validation.csv:11"]


@pytest.mark.parametrize(
    "content",
    [
        AFFECTNET_HEADER.replace(",valence", "") + "\nv/0.jpg,0,0,1,1,1;2,1,0\n",
        "file,label\nv/0.jpg,1\n",
        "v/0.jpg,0,0,1,1,1;2,happy,0,0\n",
    ],
)
def test_another_table_is_refused(dataset: Path, content: str) -> None:
    (dataset / "validation.csv").write_text(content)
    with pytest.raises(
        DataError, match=r"'validation.csv' in '.*' begins with .*; expected the columns subDirectory_filePath, face_x"
    ):
        load_affectnet_csv(dataset.parent)


def test_a_cell_without_end_is_refused(dataset: Path) -> None:
    (dataset / "validation.csv").write_text(f'{AFFECTNET_HEADER}\n"v/0.jpg,{"0," * 100_000}')
    with pytest.raises(
        DataError, match=r"'validation.csv' in '.*' cannot be read after line 2 \(field larger than field limit"
    ):
        load_affectnet_csv(dataset.parent)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"No dataset 'affectnet': looked for '.*affectnet' and '.*affectnet.zip'"):
        load_affectnet_csv(tmp_path)
    (tmp_path / "affectnet" / "images").mkdir(parents=True)
    with pytest.raises(DataError, match=r"neither 'training.csv' nor 'validation.csv', .* goes by the name 'affectnet-3999'"):
        load_affectnet_csv(tmp_path)
    (tmp_path / "affectnet" / "training.csv").write_text(f"{AFFECTNET_HEADER}\nv/0.jpg,0,0,1,1,1;2,1,0,0\n")
    with pytest.raises(DataError, match=r"No row of 'training.csv' .* is usable; training.csv:2: 'v/0.jpg' is missing"):
        load_affectnet_csv(tmp_path, on_error="skip")


def test_too_few_images_have_no_validation_part(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_affectnet_csv(tmp_path / "affectnet", {"training.csv": TRAINING[:9]})
    table = load_affectnet_csv(tmp_path)
    assert set(table.frame["split"]) == {"train"}
    assert "There is no validation split: 'affectnet' cannot be split by expression" in caplog.text
    assert np.isfinite(table.affect).all()


def test_backslashes_numbers_with_a_point_and_missing_expressions_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "affectnet"
    write_affectnet_csv(folder, {"validation.csv": VALIDATION})
    lines = (folder / "validation.csv").read_text().splitlines()
    changed = [line.replace("v/", "v\\", 1) for line in lines]
    for number in range(8):
        changed = [line.replace(f",{number},-1,1", f",{number}.0,-1.0,1.0") for line in changed]
    changed = [line.replace(",8,-2,0.5", ",nan,-2.0,0.5") for line in changed]
    assert [",0.0,-1.0,1.0" in changed[1], changed[1].startswith("v\\0"), ",nan,-2.0," in changed[9]] == [True] * 3
    expected = load_affectnet_csv(tmp_path).frame
    (folder / "validation.csv").write_text("\n".join(changed) + "\n")
    assert load_affectnet_csv(tmp_path).frame.equals(expected)


def test_a_name_may_be_written_in_either_form_of_unicode(tmp_path: Path) -> None:
    composed, apart = "v/\u00e9t\u00e9.jpg", "v/e\u0301te\u0301.jpg"
    write_affectnet_csv(tmp_path / "affectnet", {"validation.csv": [*VALIDATION, (composed, 1, 0, 0)]})
    (tmp_path / "affectnet" / composed).rename(tmp_path / "affectnet" / apart)
    table = load_affectnet_csv(tmp_path)
    assert table.sample_ids[-1] == apart
    assert table.read_bytes(apart)


@pytest.mark.parametrize(
    ("encoding", "reason"),
    [("cp1252", "is not UTF-8 text: line 11 has the byte 0xE9, as Windows-1252"), ("utf-16", "is UTF-16 text, as Excel's")],
)
def test_a_list_in_another_encoding_is_named_as_such(tmp_path: Path, encoding: str, reason: str) -> None:
    write_affectnet_csv(tmp_path / "affectnet", {"validation.csv": [*VALIDATION, ("v/\u00e9.jpg", 1, 0, 0)]})
    file = tmp_path / "affectnet" / "validation.csv"
    file.write_bytes(file.read_text(encoding="utf-8").encode(encoding))
    with pytest.raises(DataError, match=f"{reason}.* Save it again as UTF-8"):
        load_affectnet_csv(tmp_path)
