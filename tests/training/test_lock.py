"""Two trainings never share a folder, and nothing that a dead one leaves behind keeps the next one out."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from emotion_core.cli import main
from emotion_core.errors import TrainingError
from emotion_core.results.progress import STALE_SECONDS, TrainingProgress, write_progress
from emotion_core.results.run import read_history, read_run
from emotion_core.training import lock
from emotion_core.training.lock import LOCK, holding
from emotion_core.training.loop import Training
from emotion_core.training.trainer import train
from tests.training.trainings import SHORT

ELSEWHERE = {"pid": 7, "host": "elsewhere", "since": time.time() - 10 * STALE_SECONDS}


def leave(folder: Path, **holder: Any) -> None:
    folder.mkdir(exist_ok=True)
    (folder / LOCK).write_text(json.dumps(ELSEWHERE | holder))


def test_a_second_training_is_told_who_holds_the_folder(tmp_path: Path) -> None:
    with holding(tmp_path):
        said = rf"is being trained in by process {os.getpid()} on '{socket.gethostname()}', since 20\d\d-"
        with pytest.raises(TrainingError, match=said), holding(tmp_path):
            pass
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert not list(tmp_path.iterdir())


def test_a_second_training_changes_nothing_and_reads_no_data(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "history.jsonl").write_text('{"epoch": 1}\n')
    with holding(out), pytest.raises(TrainingError, match="choose another folder with --out"):
        train(SHORT, tmp_path / "no data here", out, device="cpu", progress=False)
    assert [path.name for path in out.iterdir()] == ["history.jsonl"]
    assert read_history(out) == [{"epoch": 1}]


def test_a_training_that_fails_early_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="looked for"):
        train(SHORT, tmp_path / "no data here", tmp_path / "out", device="cpu", progress=False)
    assert not (tmp_path / "out").exists()


def test_a_killed_one_is_taken_over_with_a_sentence(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom emotion_core.training.lock import holding\n"
        "with holding(Path(sys.argv[1])):\n    os.kill(os.getpid(), signal.SIGKILL)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    pid = json.loads((tmp_path / LOCK).read_text())["pid"]
    with caplog.at_level(logging.WARNING), holding(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()
    assert f"left behind by process {pid} on '{socket.gethostname()}'" in caplog.text
    assert caplog.text.rstrip().endswith("runs no more: this training takes it over.")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[" * 4000, b'{"pid": "x"}', b'{"pid": 1, "host": 2, "since": 1e999}', b"\xff" * 9999]
)
def test_a_damaged_lock_keeps_nobody_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / LOCK).write_bytes(content)
    with holding(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


def test_a_lock_that_is_a_link_is_refused_and_its_target_stays(data: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("kept")
    (tmp_path / LOCK).symlink_to(tmp_path / "precious")
    with pytest.raises(TrainingError, match="cannot be written"):
        train(SHORT, data, tmp_path, device="cpu", progress=False)
    assert (tmp_path / "precious").read_text() == "kept"


@pytest.mark.parametrize(
    ("since", "updated", "host", "alive"),
    [
        (0.0, None, "elsewhere", True),
        (10 * STALE_SECONDS, None, "elsewhere", False),
        (10 * STALE_SECONDS, 1.0, "elsewhere", True),
        (10 * STALE_SECONDS, 2 * STALE_SECONDS, "elsewhere", False),
        (10 * STALE_SECONDS, None, socket.gethostname(), True),
    ],
)
def test_on_a_disk_without_locks_a_holder_that_spoke_lately_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, since: float, updated: float | None, host: str, alive: bool
) -> None:
    monkeypatch.setattr(lock, "_take", lambda handle: None)
    leave(tmp_path, since=time.time() - since, host=host, pid=os.getpid())
    if updated is not None:
        said = TrainingProgress(
            pid=7,
            host=host,
            updated=time.time() - updated,
            phase="all",
            phase_index=0,
            phases=1,
            epoch=1,
            epochs=2,
            step=1,
            steps=2,
        )
        write_progress(tmp_path, said)
    if alive:
        with pytest.raises(TrainingError, match=host), holding(tmp_path):
            pass
    else:
        with holding(tmp_path):
            pass


def test_of_many_at_once_one_trains(tmp_path: Path) -> None:
    inside: list[int] = []
    most = 0

    def try_it(number: int) -> int:
        nonlocal most
        entered = 0
        for _ in range(40):
            try:
                with holding(tmp_path / "out"):
                    inside.append(number)
                    most = max(most, len(inside))
                    entered += 1
                    inside.remove(number)
            except (TrainingError, FileNotFoundError):
                pass
        return entered

    with ThreadPoolExecutor(8) as pool:
        entered = sum(pool.map(try_it, range(8)))
    assert most == 1
    assert entered >= 40


@pytest.mark.usefixtures("one_thread")
def test_the_command_that_the_page_prints_goes_on(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "it's here"
    preset = tmp_path / "short.toml"
    preset.write_text(
        'batch_size = 25\n[network]\nbackbone = "custom_cnn"\ninput_size = 32\n'
        '[[phases]]\nname = "all"\nepochs = 2\nlr = 4e-3\n'
    )
    begun = ["train", "--preset", str(preset), "--data-root", str(data), "--out", str(out), "--device", "cpu"]
    save = Training._save

    def stop(training: Training, optimiser: dict[str, Any] | None) -> None:
        save(training, optimiser)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_save", stop)
        assert main(begun) == 130
    assert (out / "state.pt").is_file()
    assert not (out / LOCK).exists()
    assert main(["train", "--resume", str(out), "--data-root", str(data), "--device", "cpu"]) == 0
    assert read_run(out).info.finished
    epochs = [row["epoch"] for row in read_history(out)]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) == 2
    # Killed after its last step: nothing is left to do but to tidy up.
    leave(out)
    assert main(["train", "--resume", str(out), "--data-root", str(data), "--device", "cpu"]) == 0
    assert not (out / LOCK).exists()
    assert len(read_history(out)) == 2


@pytest.mark.parametrize("further", [["--out", "x"], ["--set", "seed=3"]])
def test_a_resumed_training_keeps_its_folder_and_settings(further: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--resume", "x", *further]) == 1
    assert "leave out --set and --out" in capsys.readouterr().err
