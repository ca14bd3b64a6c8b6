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
    assert "unreadable pictures: 1\n  e.g. images/5.jpg: The picture is not a picture" in printed
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
