"""What is renamed is on the disk under its new name before anybody is told so."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from emotion_core.durable import replace_durably, sync_folder
from emotion_core.models.checkpoint import save_weights
from emotion_core.models.network import EmotionNetwork, NetworkConfig
from emotion_core.results.files import write_text


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is done to the disk, in order."""
    done: list[str] = []
    replace, fsync = os.replace, os.fsync

    def noted_replace(source: Path, target: Path) -> None:
        replace(source, target)
        done.append("replace")

    def noted_fsync(handle: int) -> None:
        fsync(handle)
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")

    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(os, "fsync", noted_fsync)
    return done


def test_content_then_name_then_folder(tmp_path: Path, steps: list[str]) -> None:
    write_text(tmp_path / "run.json", "{}")
    assert steps == ["file", "replace", "folder"]
    steps.clear()
    save_weights(EmotionNetwork(NetworkConfig(backbone="custom_cnn", input_size=32)), tmp_path / "model.safetensors")
    assert steps == ["file", "replace", "folder"]


def test_the_folder_is_the_one_that_holds_the_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "old").write_text("x")
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    replace_durably(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "new").read_text() == "x"
    assert synced == [tmp_path.stat().st_ino]


def test_where_a_folder_cannot_be_synced_the_name_still_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handle: int) -> None:
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", refuse)
    sync_folder(tmp_path)
    sync_folder(tmp_path / "nowhere")
