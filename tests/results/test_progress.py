"""How far a training is, as it is written and read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from emotion_core.results.progress import (
    STALE_SECONDS,
    TAIL_BYTES,
    TrainingProgress,
    read_progress,
    remove_progress,
    tail,
    training_state,
    write_progress,
)
from emotion_core.results.run import Run, RunInfo, read_run, write_info

NOW = 1_790_000_000.0
PROGRESS = TrainingProgress(
    pid=1234,
    host="Überrechner",
    updated=NOW,
    phase="heads",
    phase_index=0,
    phases=2,
    epoch=3,
    epochs=27,
    step=41,
    steps=80,
    loss=1.23,
    lr=1e-4,
    images_per_second=812.0,
    eta_seconds=312.0,
    best=-0.47,
)


def damage(path: Path, **changes: Any) -> Path:
    """Progress as another program might write it."""
    data = {key: value for key, value in (asdict(PROGRESS) | changes).items() if value != "missing"}
    (path / "progress.json").write_text(json.dumps(data), encoding="utf-8")
    return path


def test_progress_comes_back_as_the_contract_has_it(tmp_path: Path) -> None:
    write_progress(tmp_path, PROGRESS)
    assert read_progress(tmp_path) == PROGRESS
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]
    assert json.loads((tmp_path / "progress.json").read_text(encoding="utf-8")) == {
        "pid": 1234, "host": "Überrechner", "updated": NOW, "phase": "heads", "phase_index": 0, "phases": 2, "epoch": 3,
        "epochs": 27, "step": 41, "steps": 80, "loss": 1.23, "lr": 0.0001, "images_per_second": 812.0, "eta_seconds": 312.0,
        "best": -0.47,
    }  # fmt: skip
    remove_progress(tmp_path)
    assert read_progress(tmp_path) is None
    remove_progress(tmp_path)


def test_writing_replaces_the_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_progress(tmp_path, PROGRESS)

    def full(*_args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_progress(tmp_path, replace(PROGRESS, epoch=4))
    assert read_progress(tmp_path) == PROGRESS


def test_what_is_not_known_yet_is_none(tmp_path: Path) -> None:
    nan, inf = float("nan"), float("inf")
    write_progress(tmp_path, replace(PROGRESS, loss=nan, lr=inf, eta_seconds=None, best=None))
    assert "NaN" not in (tmp_path / "progress.json").read_text()
    expected = replace(PROGRESS, loss=None, lr=None, eta_seconds=None, best=None)
    assert read_progress(tmp_path) == expected
    assert read_progress(damage(tmp_path, loss="missing", lr=None, eta_seconds="missing", best=nan)) == expected


def test_entries_of_other_programs_are_ignored_and_whole_numbers_are_numbers(tmp_path: Path) -> None:
    read = read_progress(damage(tmp_path, colour="red", loss=2, updated=int(NOW)))
    assert read == replace(PROGRESS, loss=2.0)
    assert isinstance(read.loss, float)
    assert isinstance(read.updated, float)


@pytest.mark.parametrize(
    "changes",
    [
        {"updated": "missing"},
        {"updated": None},
        {"updated": "now"},
        {"updated": float("inf")},
        {"updated": 10**400},
        {"epoch": 3.5},
        {"epoch": True},
        {"epoch": -1},
        {"steps": None},
        {"phase": 3},
        {"host": None},
        {"loss": "low"},
        {"eta_seconds": -1},
        {"phase": "x" * TAIL_BYTES},
    ],
    ids=str,
)
def test_damaged_values_are_no_progress(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert read_progress(damage(tmp_path, **changes)) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"3", b"\xff\xfe", b"[" * 50_000])
def test_damaged_files_are_no_progress(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "progress.json").write_bytes(content)
    assert read_progress(tmp_path) is None


def test_pipes_and_folders_are_no_progress(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "progress.json")
    (tmp_path / "train.log").mkdir()
    assert read_progress(tmp_path) is None
    assert tail(tmp_path) == []


@pytest.fixture
def run(tmp_path: Path) -> Run:
    write_info(tmp_path, RunInfo(network={"backbone": "custom_cnn", "input_size": 48}))
    return read_run(tmp_path)


def test_states(run: Run) -> None:
    assert training_state(run, NOW) == "interrupted"
    write_progress(run.path, PROGRESS)
    assert training_state(run, NOW) == "running"
    assert training_state(run, NOW + STALE_SECONDS) == "running"
    assert training_state(run, NOW + STALE_SECONDS + 1) == "interrupted"
    # The other machine's clock may be ahead by seconds, not by a year.
    assert training_state(run, NOW - 5) == "running"
    assert training_state(run, NOW - 365 * 86_400) == "interrupted"
    (run.path / "progress.json").write_text("{")
    assert training_state(run, NOW) == "interrupted"


def test_a_finished_run_is_finished_whatever_was_left_behind(run: Run) -> None:
    write_progress(run.path, PROGRESS)
    write_info(run.path, replace(run.info, finished=True))
    assert training_state(read_run(run.path), NOW) == "finished"


def test_the_tail_of_a_log(tmp_path: Path) -> None:
    assert tail(tmp_path) == []
    (tmp_path / "train.log").write_text("")
    assert tail(tmp_path) == []
    (tmp_path / "train.log").write_text("\n".join(f"line {number}" for number in range(30)))
    assert tail(tmp_path) == [f"line {number}" for number in range(10, 30)]
    assert tail(tmp_path, 2) == ["line 28", "line 29"]
    assert tail(tmp_path, 0) == []


def test_a_log_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "train.log").write_bytes(b"good\r\n\xff\xfe\x00 bad\ntorn \xc3")
    assert tail(tmp_path) == ["good", "\ufffd\ufffd\x00 bad", "torn \ufffd"]


def test_a_huge_log_is_read_from_its_end(tmp_path: Path) -> None:
    file = tmp_path / "train.log"
    with file.open("wb") as stream:
        stream.truncate(5 * 2**30)
        stream.seek(0, 2)
        stream.write(b"\nlast but one\nlast\n")
    # The five gigabytes of zeros before them are one line, of which nothing but its end was read.
    assert tail(tmp_path) == ["last but one", "last"]
    with file.open("wb") as stream:
        stream.write(b"x" * (3 * TAIL_BYTES))
    assert tail(tmp_path) == ["x" * TAIL_BYTES]


def test_the_line_that_reading_began_within_is_left_out(tmp_path: Path) -> None:
    line = "é" * 49  # 98 bytes and the end of the line: no line begins where reading does, and a letter may be cut
    (tmp_path / "train.log").write_text(f"{line}\n" * 2000, encoding="utf-8")
    assert set(tail(tmp_path, 100_000)) == {line}
    assert len(tail(tmp_path, 100_000)) == TAIL_BYTES // 99
