"""The audit, as its user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from emotion_core.cli import main
from emotion_core.data.plain_csv import load_plain_csv
from tests.data.layouts import zipped
from tests.data.test_twins import landscape

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def data(write_affectnet: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    pictures = [generator.integers(0, 255, (16, 16, 3), dtype=np.uint8) for _ in range(80)]
    pictures[9] = pictures[1]
    folder = write_affectnet(tmp_path / "data", [(i % 8, 0.0, 0.25, picture) for i, picture in enumerate(pictures)])
    (folder / "images" / "5.jpg").write_bytes(b"nothing")
    return folder.parent


def test_report_in_words(data: Path, capsys: Capture):
    assert main(["audit", "affectnet-3999", "--data-root", str(data)]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("affectnet-3999: 80 images\n")
    assert "79 images" not in printed
    assert "unreadable pictures: 1\n  e.g. images/5.jpg: The picture cannot be read as a picture" in printed
    assert "78 distinct pictures; 1 images repeat one of them" in printed


def test_report_as_json(data: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMOTION_DATA", str(data))
    assert main(["audit", "affectnet-3999", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["images"] == sum(split["images"] for split in record["splits"].values()) == 80
    assert [sorted(ids) for ids in record["duplicates"]["groups"]] == [["images/1.jpg", "images/9.jpg"]]
    assert [problem["path"] for problem in record["unreadable"]] == ["images/5.jpg"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["affectnet-4k"], "There is no dataset 'affectnet-4k'. Did you mean 'affectnet'?"),
        (["affectnet"], "No dataset 'affectnet': looked for"),
        (["ferplus"], "No dataset 'ferplus': looked for"),
    ],
)
def test_wrong_names_are_answered_in_one_line(data: Path, capsys: Capture, arguments: list[str], message: str):
    assert main(["audit", *arguments, "--data-root", str(data)]) == 1
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"Error: {message}")
    assert shown.err.count("\n") == 1


def test_it_does_without_torch(data: Path):
    code = (
        "import sys; from emotion_core.cli import main; "
        f"status = main(['audit', 'affectnet-3999', '--data-root', {str(data)!r}]); "
        "sys.exit(3 if 'torch' in sys.modules else status)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def landscapes(folder: Path, seeds: dict[str, int], labels: dict[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, seed in seeds.items():
        landscape(seed).save(folder / f"{name}.png")
    rows = [f"{name}.png,{labels.get(name, 'happy')},{'test' if name == 'c' else 'train'}" for name in seeds]
    (folder / "labels.csv").write_text("\n".join(["image,expression,split", *rows]) + "\n")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    landscapes(tmp_path / "one", {"a": 1, "b": 2, "c": 3}, {"a": "sad"})
    landscapes(tmp_path / "sfew", {"c": 3, "d": 4, "e": 1}, {"e": "anger"})
    archive = zipped(tmp_path / "one", tmp_path / "one.zip")
    assert archive.is_file()
    landscapes(tmp_path / "expw", {"f": 5, "g": 6}, {})
    return tmp_path


def test_photographs_of_two_datasets_in_words(two: Path, capsys: Capture):
    assert main(["audit", "one.zip", "--against", "sfew", "--data-root", str(two)]) == 0
    printed = capsys.readouterr().out
    one = load_plain_csv(two / "one.zip").name
    assert printed.startswith(f"{one}: 3 images\n")
    section = printed[printed.index("near twins in sfew") :].splitlines()
    assert section[1:] == [
        f"  2 images of {one} and 2 of sfew, in 2 pairs, 0 of them mirrored",
        "    test here, test there: 1 pairs",
        "    train here, train there: 1 pairs",
        "  labels: the same expression in 1 of 2 pairs that have one in both",
        "  e.g. a.png ~ e.png (1.000)",
        "  e.g. c.png ~ c.png (1.000)",
    ]


def test_photographs_of_two_datasets_as_json(two: Path, capsys: Capture):
    assert main(["audit", "one.zip", "--against", "sfew", "expw", "--data-root", str(two), "--json"]) == 0
    stills, others = json.loads(capsys.readouterr().out)["against"]
    one = load_plain_csv(two / "one.zip").name
    assert stills["datasets"] == [one, "sfew"]
    assert stills["images"] == [2, 2]
    assert [twin["ids"] for twin in stills["twins"]] == [["a.png", "e.png"], ["c.png", "c.png"]]
    assert [twin["expressions"] for twin in stills["twins"]] == [["sadness", "anger"], ["happiness", "happiness"]]
    assert (others["datasets"], others["twins"]) == ([one, "expw"], [])
