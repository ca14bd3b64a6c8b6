"""Files of a dataset: where they are found, and that nothing outside is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion_core.data.rows import read_affect, read_rows
from emotion_core.data.source import FolderSource, ZipSource, find_file, find_source, leads_out
from emotion_core.errors import DataError
from tests.data.layouts import zipped


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "faces"
    (path / "sub").mkdir(parents=True)
    (path / "sub" / "a.txt").write_bytes(b"one\ntwo\n\nlast")
    (tmp_path / "secret.txt").write_text("secret")
    return path


def test_folder_and_archive_have_the_same_files_and_lines(folder: Path, tmp_path: Path) -> None:
    for source in (FolderSource(folder), ZipSource(zipped(folder, tmp_path / "faces.zip"))):
        assert source.has("sub/a.txt")
        assert not source.has("sub")
        assert not source.has("b.txt")
        assert list(source.lines("sub/a.txt")) == [b"one\n", b"two\n", b"\n", b"last"]
        with pytest.raises(OSError, match=r"b\.txt"):
            list(source.lines("b.txt"))


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "sub/../../secret.txt", "link.txt", "up/secret.txt", "\0", "a" * 5000, "C:/secret.txt", "\\\\host\\a"],
)
def test_nothing_outside_the_folder_is_there(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    (folder / "up").symlink_to(tmp_path, target_is_directory=True)
    assert not FolderSource(folder).has(name)
    assert not FolderSource(folder).has(str(tmp_path / "secret.txt"))


def test_links_inside_the_folder_are_followed(folder: Path) -> None:
    (folder / "again.txt").symlink_to(folder / "sub" / "a.txt")
    assert FolderSource(folder).has("again.txt")


@pytest.mark.parametrize(
    ("name", "out"),
    [
        *(("a.jpg", False), ("a/b..c/d.jpg", False), ("a/./b.jpg", False), ("..a.jpg", False)),
        *(("/a.jpg", True), ("..", True), ("a/../b.jpg", True), ("a\\..\\b.jpg", True), ("\\a.jpg", True), ("C:a.jpg", True)),
    ],
)
def test_names_that_lead_out(name: str, out: bool) -> None:
    assert leads_out(name) == out


def test_a_file_is_looked_for_in_the_datasets_then_plainly(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    (folder / "a.csv").touch()
    found = find_file("a.csv", tmp_path, "nowhere", "faces")
    assert found is not None
    assert found.path == folder
    (folder / "a.csv").unlink()
    found = find_file("a.csv", tmp_path, "faces")
    assert found is not None
    assert found.path == tmp_path
    assert find_file("b.csv", tmp_path, "faces") is None
    assert find_source("nowhere", tmp_path) is None


def test_rows_have_the_numbers_of_their_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'\xef\xbb\xbfx,y\r\n1,"two\nlines"\n,\n\n\xc3\xa9,3\n')
    assert list(read_rows(FolderSource(tmp_path), "a.csv")) == [(1, ["x", "y"]), (3, ["1", "two\nlines"]), (6, ["é", "3"])]


def test_rows_of_a_missing_file_are_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'a\.csv' in '.*' cannot be read after line 0 .*No such file"):
        list(read_rows(FolderSource(tmp_path), "a.csv"))


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), (" -1 ", -1.0), ("1", 1.0)])
def test_affect_is_a_number_from_minus_one_to_one(text: str, value: float) -> None:
    assert read_affect(text, "valence") == value


@pytest.mark.parametrize("text", ["", " ", "nan", "-2", "-2.000"])
def test_affect_may_be_missing(text: str) -> None:
    assert read_affect(text, "valence", missing=-2) != read_affect(text, "valence", missing=-2)  # NaN
