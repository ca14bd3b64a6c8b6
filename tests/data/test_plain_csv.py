from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedShuffleSplit

from emotion_core.data.identity import title_of
from emotion_core.data.plain_csv import load_labelled, load_plain_csv
from emotion_core.errors import DataError, DatasetNotFoundError
from emotion_core.labels import EXPRESSIONS
from tests.data.layouts import save, zipped


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    for number in range(6):
        save(tmp_path / "images" / f"{number}.png")
    return tmp_path


def write(folder: Path, *lines: str) -> Path:
    (folder / "faces.csv").write_text("\n".join(lines) + "\n")
    return folder / "faces.csv"


def test_labels_and_parts_counted_by_hand(faces: Path) -> None:
    write(
        faces,
        "image,expression,valence,arousal,split",
        "images/0.png,Happy,0.5,-0.25,train",
        "images/1.png,fearful,,,validation",
        "images/2.png,,-1,1,test",
        "images/3.png,contempt,0,,",
        "images/4.png,ANGER,nan,0.125,Val",
    )
    table = load_plain_csv("faces.csv", faces)
    assert table.name.startswith("faces@")
    assert table.sample_ids == [f"images/{number}.png" for number in range(5)]
    assert table.frame["expression"].fillna("").tolist() == ["happiness", "fear", "", "contempt", "anger"]
    assert table.frame["split"].tolist() == ["train", "val", "test", "", "val"]
    np.testing.assert_array_equal(table.affect, [[0.5, -0.25], [np.nan] * 2, [-1, 1], [0, np.nan], [np.nan, 0.125]])
    assert table.read_bytes("images/3.png") == (faces / "images" / "3.png").read_bytes()


@pytest.mark.parametrize(
    ("word", "name"),
    [
        *(("happy", "happiness"), ("sad", "sadness"), ("angry", "anger"), ("surprised", "surprise"), ("fearful", "fear")),
        *(("disgusted", "disgust"), (" Neutral ", "neutral"), ("CONTEMPT", "contempt"), ("happiness", "happiness")),
    ],
)
def test_expressions_go_by_any_usual_word(faces: Path, word: str, name: str) -> None:
    write(faces, "image,expression,split", f"images/0.png,{word},test")
    assert load_plain_csv("faces.csv", faces).frame["expression"].tolist() == [name]


def test_columns_go_by_name_in_any_order(faces: Path) -> None:
    write(faces, "\ufeffAge, Split ,AROUSAL,image", '"3,5",test,0.5,"images/0.png"')
    frame = load_plain_csv("faces.csv", faces).frame
    assert frame["arousal"].tolist() == [0.5]
    assert frame["expression"].isna().all()
    assert frame["valence"].isna().all()
    assert frame["split"].tolist() == ["test"]


def many(folder: Path, expressions: list[str]) -> None:
    for number in range(len(expressions)):
        save(folder / f"{number}.png", np.zeros((2, 2), dtype=np.uint8))
    write(folder, "image,expression,valence", *(f"{number}.png,{word},0.5" for number, word in enumerate(expressions)))


def test_without_a_column_it_is_split_as_scikit_learn_does(tmp_path: Path) -> None:
    words = ["happiness", "sadness", "anger", "fear", "", ""] * 10
    many(tmp_path, words)
    table = load_plain_csv("faces.csv", tmp_path)
    assert Counter(table.frame["split"]) == {"train": 38, "val": 10, "test": 12}
    ids = sorted(f"{number}.png" for number in range(60))
    labels = [["", *EXPRESSIONS].index(words[int(Path(name).stem)]) for name in ids]
    _, test = next(StratifiedShuffleSplit(n_splits=1, test_size=0.2, random_state=42).split(ids, labels))
    assert set(table.split("test").sample_ids) == {ids[index] for index in test}
    assert load_plain_csv("faces.csv", tmp_path).frame.equals(table.frame)


def test_images_with_affect_alone_are_split_too(tmp_path: Path) -> None:
    many(tmp_path, [""] * 10)
    assert Counter(load_plain_csv("faces.csv", tmp_path).frame["split"]) == {"train": 6, "val": 2, "test": 2}


def test_too_few_images_need_a_column(tmp_path: Path) -> None:
    many(tmp_path, ["happy", "happy", "sad"])
    with pytest.raises(DataError, match=r"'faces' cannot be split by expression: .* Add more images, or a column 'split'"):
        load_plain_csv("faces.csv", tmp_path)


HEADER = "image,expression,valence,arousal,split"
GOOD = "images/0.png,happy,,,train"


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("images/9.png,happy,,,train", "'images/9.png' is missing"),
        ("images,happy,,,train", "'images' is missing"),
        (",happy,,,train", "no image is named"),
        ("images/0.png,Happiness,,,train", "'images/0.png' is listed twice, the first time in line 2; it counts once"),
        ("images/1.png,joy,,,train", "'joy' is not one of the eight expressions"),
        ("images/1.png,,,,train", "there is neither an expression nor valence nor arousal"),
        ("images/1.png", "there is neither an expression nor valence nor arousal"),
        ("images/1.png,happy,2,,train", r"valence 2 is outside \[-1, 1\]"),
        ("images/1.png,happy,,-1.01,train", r"arousal -1.01 is outside \[-1, 1\]"),
        ("images/1.png,happy,much,,train", "valence 'much' is not a number"),
        ("images/1.png,happy,,,dev", "split 'dev' is none of train, val and test"),
        ("../secret.png,happy,,,train", "'../secret.png' leads out of the file's folder"),
        ("images/../../secret.png,happy,,,train", "leads out of the file's folder"),
        ("..\\secret.png,happy,,,train", "leads out of the file's folder"),
        ("C:\\secret.png,happy,,,train", "leads out of the file's folder"),
        ("images/\0.png,happy,,,train", "is missing"),
        ("images/" + "a" * 5000 + ".png,happy,,,train", "is missing"),
    ],
)
def test_a_broken_row_is_refused_or_left_out_by_its_line(faces: Path, row: str, reason: str) -> None:
    folder = faces / "inside"
    folder.mkdir()
    (faces / "images").rename(folder / "images")
    save(faces / "secret.png")
    write(folder, HEADER, GOOD, row)
    with pytest.raises(DataError, match=f"'faces' has 1 broken sample: faces.csv:3: .*{reason}"):
        load_plain_csv("faces.csv", folder)
    table = load_plain_csv("faces.csv", folder, on_error="skip")
    assert table.sample_ids == ["images/0.png"]


def test_no_absolute_path_and_no_link_leads_out(tmp_path: Path) -> None:
    save(tmp_path / "secret.png")
    folder = tmp_path / "faces"
    folder.mkdir()
    (folder / "link.png").symlink_to(tmp_path / "secret.png")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    rows = [f"{path},happy" for path in (tmp_path / "secret.png", "link.png", "up/secret.png")]
    write(folder, "image,expression", *rows)
    with pytest.raises(DataError, match="has no usable row") as error:
        load_plain_csv("faces.csv", folder, on_error="skip")
    assert "leads out of the file's folder" in str(error.value)
    with pytest.raises(DataError, match=r"has 3 broken samples.*faces.csv:3: 'link.png' is missing, or a link out of"):
        load_plain_csv("faces.csv", folder)


def test_a_path_written_on_windows_is_found(faces: Path) -> None:
    write(faces, HEADER, "images\\0.png,happy,,,train")
    assert load_plain_csv("faces.csv", faces).sample_ids == ["images/0.png"]


def test_lines_are_counted_as_they_stand_in_the_file(faces: Path) -> None:
    write(faces, HEADER + ",note", GOOD + ',"two\nlines"', "", "images/1.png,joy,,,train,")
    with pytest.raises(DataError, match=r"faces.csv:5: 'joy' is not"):
        load_plain_csv("faces.csv", faces)


@pytest.mark.parametrize("header", ["image,split", "path,expression", "a;b;c"])
def test_another_table_is_refused(faces: Path, header: str) -> None:
    write(faces, header, "images/0.png,x")
    with pytest.raises(
        DataError, match=r"'faces.csv' in '.*' has the columns .*; expected 'image' and at least one of expression"
    ):
        load_plain_csv("faces.csv", faces)


def test_an_empty_file_has_no_usable_row(faces: Path) -> None:
    (faces / "faces.csv").write_bytes(b"")
    with pytest.raises(DataError, match=r"'faces.csv' in '.*' has no usable row"):
        load_plain_csv("faces.csv", faces)


def test_folder_and_archive_give_the_same_table(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    write(faces, HEADER, GOOD, "images/1.png,,0.5,0.5,test")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    zipped(faces, elsewhere / "faces.zip")
    one, other = load_plain_csv("faces.csv", faces), load_plain_csv("faces.csv", elsewhere)
    assert one.frame.equals(other.frame)
    assert other.read_bytes("images/1.png") == one.read_bytes("images/1.png")


def test_an_archive_cannot_name_what_lies_outside_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    write(folder, "image,expression", "../secret.png,happy")
    zipped(folder, tmp_path / "faces.zip")
    save(tmp_path.parent / "secret.png")
    with pytest.raises(DataError, match="leads out of the file's folder"):
        load_plain_csv("faces.csv", tmp_path)


def test_the_file_is_looked_for_in_the_data_folder_then_here(faces: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(faces, HEADER, GOOD)
    expected = load_plain_csv(file)
    assert load_plain_csv("faces.csv", faces).frame.equals(expected.frame)
    monkeypatch.chdir(faces)
    assert load_plain_csv("faces.csv", "nowhere").frame.equals(expected.frame)
    with pytest.raises(
        DatasetNotFoundError, match=r"No dataset 'other.csv': looked for 'nowhere/other.csv' and 'other.csv' and"
    ):
        load_plain_csv("other.csv", "nowhere")
    with pytest.raises(DataError, match="cannot name a file"):
        load_plain_csv("a" * 5000 + ".csv", faces)


def test_an_archive_with_labels_csv_is_read_by_its_own_path(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    expected = load_plain_csv(write(faces, HEADER, GOOD, "images/1.png,,0.5,0.5,test"))
    (faces / "faces.csv").rename(faces / "labels.csv")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    archive = zipped(faces, elsewhere / "press.zip")
    for table in (load_plain_csv(archive), load_plain_csv("press.zip", elsewhere), load_labelled("press", elsewhere)):
        assert title_of(table.name) == "press"
        assert table.frame.equals(expected.frame)
        assert table.read_bytes("images/1.png") == expected.read_bytes("images/1.png")


def test_an_archive_of_a_folder_is_read_from_inside_it(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "press"
    save(folder / "images" / "0.png")
    save(tmp_path / "in" / "secret.png")
    write(folder, HEADER, GOOD, "../secret.png,happy,,,train").rename(folder / "labels.csv")
    archive = zipped(tmp_path / "in", tmp_path / "press.zip")
    with pytest.raises(DataError, match=r"'press' has 1 broken sample: press/labels.csv:3: '../secret.png' leads out"):
        load_plain_csv(archive)
    table = load_plain_csv(archive, on_error="skip")
    assert table.sample_ids == ["images/0.png"]
    assert table.read_bytes("images/0.png") == (folder / "images" / "0.png").read_bytes()


def test_an_archive_without_labels_csv_says_what_is_missing(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    archive = zipped(faces, tmp_path_factory.mktemp("elsewhere") / "press.zip")
    with pytest.raises(
        DataError, match=r"press.zip' has no 'labels.csv' in it, a list of its pictures with the columns image,"
    ):
        load_plain_csv(archive)
    with pytest.raises(DatasetNotFoundError, match=r"No dataset 'press.zip': looked for"):
        load_plain_csv("press.zip", faces)


def test_an_image_that_is_listed_twice_alike_counts_once(faces: Path) -> None:
    write(faces, HEADER, GOOD, GOOD, "images/1.png,sad,,,train")
    with pytest.raises(
        DataError, match=r"faces.csv:3: 'images/0.png' is listed twice, the first time in line 2; it counts once"
    ):
        load_plain_csv("faces.csv", faces)
    assert load_plain_csv("faces.csv", faces, on_error="skip").sample_ids == ["images/0.png", "images/1.png"]


@pytest.mark.parametrize(
    "again", ["images/0.png,neutral,,,train", "images/0.png,happy,0.5,,train", "images/0.png,happy,,,test"]
)
def test_an_image_with_two_labels_or_splits_does_not_count(faces: Path, again: str) -> None:
    write(faces, HEADER, GOOD, again, GOOD, "images/1.png,sad,,,train")
    with pytest.raises(
        DataError, match=r"3: 'images/0.png' is listed twice, as happiness, train \(line 2\) and as .*: neither"
    ):
        load_plain_csv("faces.csv", faces)
    table = load_plain_csv("faces.csv", faces, on_error="skip")
    assert table.sample_ids == ["images/1.png"]
    assert [problem.path for problem in table.problems] == ["faces.csv:3", "faces.csv:4"]


def test_further_columns_are_kept_by_image(faces: Path) -> None:
    rows = ("images/1.png,young,,happy,a", "images/0.png, old ,,sad")
    table = load_plain_csv(write(faces, "image,Age Group,split,expression, camera", *rows))
    assert table.attributes.to_dict("index") == {
        "images/1.png": {"Age Group": "young", "camera": "a"},
        "images/0.png": {"Age Group": "old", "camera": ""},
    }
    assert table.where([False, True]).attributes.equals(table.attributes)


@pytest.mark.parametrize("word", ["nan", "NaN", "<NA>", "None", "null"])
def test_a_missing_expression_may_be_written_as_programs_do(tmp_path: Path, word: str) -> None:
    for name in ("a.png", "b.png"):
        save(tmp_path / name)
    (tmp_path / "faces.csv").write_text(
        f"image,expression,valence,arousal,split\na.png,{word},0.5,NaN,test\nb.png,fear,,,test\n"
    )
    frame = load_plain_csv(tmp_path / "faces.csv").frame
    assert frame["expression"].isna().tolist() == [True, False]
    assert frame["valence"].tolist()[0] == 0.5
