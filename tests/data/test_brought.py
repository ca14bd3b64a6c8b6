"""Pictures that somebody brings along: looked through within limits, and kept as an archive that every command reads."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotion_core.data import brought, sent
from emotion_core.data.brought import Brought, keep_brought, read_brought
from emotion_core.data.datasets import load_dataset
from emotion_core.data.schematic import load_schematic
from emotion_core.errors import ConfigError, DataError
from tests.data.sending import class_folders, packed, picture


def read(files: dict[str, bytes | str], name: str = "faces.zip") -> Brought:
    return read_brought([(name, packed(files))])


def labels(found: Brought) -> dict[str, tuple[str, str]]:
    return {
        name: (expression, split)
        for name, expression, split in found.table.frame[["sample_id", "expression", "split"]].to_numpy()
    }


def test_folders_called_by_expressions_say_what_pictures_show() -> None:
    found = read({**class_folders(2), "mine/notes.txt": "x", "mine/._1.png": "x", "__MACOSX/mine/sad/._1.png": "x"})
    assert labels(found) == {
        "Happy/0.png": ("happiness", ""), "Happy/1.png": ("happiness", ""), "sad/0.png": ("sadness", ""),
        "sad/1.png": ("sadness", ""), "anger/0.png": ("anger", ""), "anger/1.png": ("anger", ""),
    }  # fmt: skip
    assert (found.problems, found.passed_over, found.has_splits) == ((), 1, False)
    assert found.table.read_bytes("sad/1.png") == picture(101)
    assert found.counts() == {name: {"train": 0, "val": 0, "test": 0, "": 2} for name in ("happiness", "sadness", "anger")}


def test_folders_may_name_splits_and_people_too() -> None:
    found = read({"train/happy/anna/1.png": picture(1), "Valid/sad/2.png": picture(2), "fear/test/3.png": picture(3)})
    assert labels(found) == {
        "train/happy/anna/1.png": ("happiness", "train"),
        "Valid/sad/2.png": ("sadness", "val"),
        "fear/test/3.png": ("fear", "test"),
    }


def test_a_folder_is_sent_file_by_file() -> None:
    files = [(name.replace("/", "\\"), content) for name, content in class_folders(1).items()]
    assert labels(read_brought(files)) == labels(read(class_folders(1)))


def test_a_list_says_more_than_folders() -> None:
    text = (
        "Image,expression,valence,arousal,split,camera\na/1.png,Happy,0.5,,test,left\na/2.png,,-0.5,0.25,,right\n"
        "sad/3.png,angry,,,,\n"
    )
    pictures = dict.fromkeys(("a/1.png", "a/2.png", "sad/3.png", "b.png"), picture(1))
    found = read({"my set/labels.csv": text, **{f"my set/{name}": content for name, content in pictures.items()}})
    assert labels(found)["sad/3.png"] == ("anger", "")
    assert found.table.affect.tolist()[:1] == [[0.5, pytest.approx(np.nan, nan_ok=True)]]
    assert found.table.attributes["camera"].tolist() == ["left", "right", ""]
    assert found.passed_over == 1
    # Of another name, it counts where folders say nothing.
    pictures["c/3.png"] = pictures.pop("sad/3.png")
    assert len(labels(read({"mine.csv": text.replace("sad/3", "c/3"), **pictures}))) == 3


def test_what_cannot_be_used_is_said_and_the_rest_counts() -> None:
    found = read(
        {
            "happy/1.png": picture(1), "happy/2.jpg": picture(2)[:60], "sad/empty.png": b"", "sad/words.jpg": "no picture",
            "grumpy/1.png": picture(3), "grumpy/2.png": picture(4), "loose.png": picture(5),
        }
    )  # fmt: skip
    assert list(labels(found)) == ["happy/1.png"]
    said = {each.path: each.reason for each in found.problems}
    assert said["grumpy"] == "no expression is called so; 2 left out"
    assert said["outside of folders"] == "no expression is called so; 1 left out"
    assert said["happy/2.jpg"].startswith("is truncated")
    assert said["sad/empty.png"].startswith("is empty (0 bytes)")
    assert said["sad/words.jpg"].startswith("cannot be read as a picture")


def test_names_that_lead_elsewhere_are_left_out() -> None:
    out, control = "leads out of its folder", "has control characters in its name"
    names = {
        "../happy/1.png": out,
        "/happy/2.png": out,
        "C:/happy/3.png": out,
        "happy/\x1b[2J.png": control,
        "happy/\u202egnp.exe.png": control,
        f"happy/{'x' * 300}.png": "has a name of more than 240 bytes",
    }
    found = read({**dict.fromkeys(names, picture(1)), "happy/good.png": picture(2), "./happy//good.png": picture(3)})
    assert list(labels(found)) == ["happy/good.png"]
    assert [each.reason for each in found.problems] == [
        *(f"it {reason}" for reason in names.values()),
        "it stands in it twice: the first one counts",
    ]
    assert all(each.path.isprintable() for each in found.problems)


def encrypted() -> bytes:
    content = bytearray(packed({"happy/1.png": picture(1)}))
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    return bytes(content)


def many_entries() -> bytes:
    """An archive whose list of files is longer than those of a million real ones."""
    entry = struct.pack("<4sHHHHHHIIIHHHHHII", b"PK\1\2", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    number = (sent.MOST_DIRECTORY // len(entry)) + 1
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1, 1, number * len(entry), 0, 0)
    return entry * number + end


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("faces.zip", b"", "is no ZIP archive, or a damaged one"),
        ("faces.zip", b"Rar!\x1a\x07\x00" + bytes(40), "is no ZIP archive, or a damaged one"),
        ("faces.zip", packed(class_folders(1))[:-30], "is no ZIP archive, or a damaged one"),
        ("faces.zip", encrypted(), "is encrypted: pack it again without a password"),
        ("faces.zip", many_entries(), "lists more than the 20,000 files"),
        ("faces.zip", packed({}), "has no file in it that can be read"),
        ("faces.zip", packed({"../1.png": picture(1)}), "no file in it that can be read; ../1.png: it leads out of its folder"),
        ("faces.zip", packed({"notes.txt": "x"}), "has no picture in it"),
        ("faces.zip", packed({"a/1.png": picture(1)}), "No picture in 'faces.zip' lies in a folder called by an"),
        ("faces.zip", packed({"happy/1.png": "x"}), "can be read; happy/1.png: cannot be read as a picture: use JPEG"),
        ("faces.zip", packed({"labels.csv": "picture,mood\n1.png,happy\n"}), "expected 'image' and at least one of"),
        ("faces.zip", packed({"labels.csv": "image,expression\n1.png,sad\n"}), "no usable row; labels.csv:2: '1.png' is"),
        ("faces.zip", packed({"labels.csv": "image,expression\n1.png,happy\n".encode("utf-16")}), "is UTF-16 text"),
        ("happy/1.png", b"x", "No picture of 'happy' can be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_at_all_is_one_sentence(name: str, content: bytes, message: str) -> None:
    with pytest.raises(DataError) as caught:
        read_brought([(name, content)])
    said = str(caught.value)
    assert message in said
    assert said.endswith(".")
    assert "\n" not in said


def test_an_archive_that_unpacks_to_too_much_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = packed({f"happy/{number}.png": bytes(1 << 20) for number in range(4)})
    assert len(bomb) < 10_000
    monkeypatch.setattr(sent, "MOST_BYTES", 3 << 20)
    monkeypatch.setattr(zipfile.ZipFile, "read", None)
    with pytest.raises(DataError, match=r"unpacks to 4 MB, more than the 3 that are read here"):
        read_brought([("faces.zip", bomb)])


def test_an_entry_never_unpacks_to_more_than_it_claims() -> None:
    """The list says 10 bytes; what is packed is a megabyte."""
    content = bytearray(packed({"happy/1.png": bytes(1 << 20), "sad/2.png": picture(1)}))
    for mark, place in ((b"PK\3\4", 22), (b"PK\1\2", 24)):
        at = content.index(mark) + place
        content[at : at + 4] = struct.pack("<I", 10)
    found = read_brought([("faces.zip", bytes(content))])
    assert list(labels(found)) == ["sad/2.png"]
    assert [each.path for each in found.problems] == ["happy/1.png"]


def test_a_picture_that_is_made_to_fill_a_memory_is_left_out() -> None:
    stream = io.BytesIO()
    Image.new("1", (10_000, 6_000)).save(stream, "PNG")
    found = read({"happy/huge.png": stream.getvalue(), "happy/1.png": picture(1)})
    assert [each.path for each in found.problems] == ["happy/huge.png"]
    assert "more than the 50,000,000 pixels" in found.problems[0].reason


@pytest.mark.parametrize("limit", ["MOST_FILES", "MOST_PICTURES"])
def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    monkeypatch.setattr(sent if limit == "MOST_FILES" else brought, limit, 5)
    with pytest.raises(DataError, match=r"has 9 (files|pictures), more than the 5"):
        read(class_folders(3))


def test_looking_is_told_and_can_be_stopped() -> None:
    seen: list[tuple[int, int]] = []
    read_brought([("faces.zip", packed(class_folders(2)))], progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 6) for number in range(1, 7)]

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_brought([("faces.zip", packed(class_folders(40)))], progress=stop)


def test_what_is_kept_is_a_dataset_of_test_pictures(tmp_path: Path) -> None:
    text = "image,expression,valence,split,camera\na.png,happy,0.5,val,left\nb.png,sad,,test,\n"
    found = read({"labels.csv": text, "a.png": picture(1), "b.png": picture(2)})
    name = keep_brought(found, tmp_path / "new", "mine")
    table = load_dataset("mine.zip", tmp_path / "new")
    assert table.name == name
    assert name.startswith("mine@")
    assert table.frame.drop(columns="split").equals(found.table.frame.drop(columns="split"))
    assert table.frame["split"].tolist() == ["test", "test"]
    assert table.read_bytes("b.png") == picture(2)
    assert table.attributes["camera"].tolist() == ["left", ""]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["mine.zip"]
    # Splits that are given can stay.
    assert keep_brought(found, tmp_path, "mine", splits=True) == name
    assert load_dataset("mine.zip", tmp_path).frame["split"].tolist() == ["val", "test"]


def test_the_same_pictures_are_kept_once_and_others_need_another_name(tmp_path: Path) -> None:
    found = read(class_folders(2))
    name = keep_brought(found, tmp_path, "mine")
    before = (tmp_path / "mine.zip").stat().st_mtime_ns
    assert keep_brought(found, tmp_path, "mine") == name
    assert (tmp_path / "mine.zip").stat().st_mtime_ns == before
    with pytest.raises(ConfigError, match="There are other pictures called 'mine' already: choose another name"):
        keep_brought(read(class_folders(1)), tmp_path, "mine")
    for title, message in (
        ("sfew", "a published dataset"),
        ("SFEW", "a published"),
        ("../x", "cannot name"),
        ("a b", "cannot name"),
        ("", "cannot"),
    ):
        with pytest.raises(ConfigError, match=message):
            keep_brought(found, tmp_path, title)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.zip"]


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        keep_brought(read(class_folders(1)), tmp_path / "file", "mine")


def test_an_archive_that_the_app_gives_is_one_that_it_takes() -> None:
    table = load_schematic(count=5)
    stream = io.BytesIO()
    brought.write_archive(table, stream)
    found = read_brought([("drawn.zip", stream.getvalue())])
    assert found.table.fingerprint() == table.fingerprint()
