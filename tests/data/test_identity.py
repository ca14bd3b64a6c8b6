"""Datasets of anybody's are known by what is in them, not by what their file is called."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from emotion_core.data.identity import LONGEST, is_name, safe_name
from emotion_core.data.plain_csv import load_plain_csv
from emotion_core.errors import DataError
from tests.data.layouts import save, zipped

ROWS = ("img/0.png,happy,train", "img/1.png,sad,val", "img/2.png,fear,test")


def write(folder: Path, file: str = "labels.csv", rows: tuple[str, ...] = ROWS, *, seed: int = 0) -> Path:
    for number in range(3):
        pixels = np.random.default_rng([seed, number]).integers(0, 255, (8, 8), dtype=np.uint8)
        save(folder / "img" / f"{number}.png", pixels)
    (folder / file).write_text("\n".join(["image,expression,split", *rows]) + "\n", encoding="utf-8")
    return folder / file


def name_of(file: Path) -> str:
    return load_plain_csv(file).name


def test_the_fingerprint_counted_by_hand(tmp_path: Path) -> None:
    file = write(tmp_path)
    labels = "\n".join(f"img/{number}.png\t{word}\t\t" for number, word in enumerate(["happiness", "sadness", "fear"]))
    content = hashlib.sha256(hashlib.sha256(labels.encode()).hexdigest()[:16].encode())
    for number in range(3):
        content.update(hashlib.blake2b((tmp_path / "img" / f"{number}.png").read_bytes(), digest_size=16).digest())
    assert name_of(file) == f"labels@{content.hexdigest()[:8]}"


def test_files_of_one_name_are_two_datasets(tmp_path: Path) -> None:
    first = name_of(write(tmp_path / "siteA"))
    assert name_of(write(tmp_path / "siteB", rows=(*ROWS[:2], "img/2.png,anger,test"))) != first
    # The same names and labels, of other pictures.
    assert name_of(write(tmp_path / "siteC", seed=1)) != first


def test_what_does_not_change_the_content_does_not_change_the_fingerprint(tmp_path: Path) -> None:
    expected = name_of(write(tmp_path / "here"))
    assert name_of(write(tmp_path / "there")) == expected
    assert name_of(write(tmp_path / "reversed", rows=ROWS[::-1])) == expected
    assert name_of(write(tmp_path / "dotted", rows=tuple(f"./{row}" for row in ROWS))) == expected
    assert name_of(write(tmp_path / "windows", rows=tuple(row.replace("/", "\\") for row in ROWS))) == expected
    assert name_of(write(tmp_path / "split", rows=tuple(row.replace("val", "train") for row in ROWS))) == expected
    assert name_of(write(tmp_path / "renamed", "gold.csv")) == expected.replace("labels", "gold")
    assert name_of(zipped(tmp_path / "here", tmp_path / "packed.zip")) == expected.replace("labels", "packed")


@pytest.mark.parametrize("twice", ["./img/0.png", "img//0.png", "img/./0.png", ".\\img\\0.png"])
def test_a_picture_by_two_names_is_one_picture(tmp_path: Path, twice: str) -> None:
    file = write(tmp_path, rows=(*ROWS, f"{twice},happy,train"))
    with pytest.raises(DataError, match=r"'img/0.png' is listed twice, the first time in line 2"):
        load_plain_csv(file)
    assert load_plain_csv(file, on_error="skip").sample_ids == ["img/0.png", "img/1.png", "img/2.png"]


@pytest.mark.parametrize("title", ["测试", "训练", "परीक्षण", "тест", "δοκιμή", "été", "اختبار", "テスト"])
def test_names_in_any_script_stay_readable(tmp_path: Path, title: str) -> None:
    name = name_of(write(tmp_path, f"{title}.csv"))
    assert name.startswith(f"{title}@")
    assert is_name(f"{name}-test")


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("a/b c.csv", "b-c"),
        ("<b>x</b>.csv", "b"),  # a slash ends a folder
        ("=1+1.csv", "1-1"),
        ("...csv", "file"),
        ("\u202egnp.csv", "gnp"),
        ("e\u0301t\u00e9.csv", "été"),
        ("\u093f.csv", "file"),
    ],
)
def test_what_no_name_keeps(file: str, name: str) -> None:
    assert safe_name(file) == name


def test_a_name_is_cut_between_letters() -> None:
    name = safe_name("试" * 200 + ".csv")
    assert name == "试" * (LONGEST // 3)
    assert len(f"{name}@01234567-train".encode()) < 255


@pytest.mark.parametrize("text", ["", ".", "..", "../a", "a/b", "a\\b", ".a", "-a", "a\0", "a b", "@a", "a:b"])
def test_what_is_no_name(text: str) -> None:
    assert not is_name(text)
