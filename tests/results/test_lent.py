"""A network lent to another folder of runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from emotion_core.errors import CheckpointError
from emotion_core.results.find import list_experiments, list_runs
from emotion_core.results.lent import lend_run
from emotion_core.results.run import Run, read_run
from tests.stored import write_run

ABOUT = {"title": "Mine", "question": "How well?", "benchmark": "mine@1-test"}


def lend(run: Path, folder: Path) -> Run:
    return lend_run(read_run(run), folder, "visit", **ABOUT)


def test_a_lent_run_has_the_weights_and_nothing_else_of_its_own(make_run: Callable[..., Path], tmp_path: Path) -> None:
    path = make_run("plain", outputs=("expression",), temperature=1.5)
    (path / "calibration.npz").write_bytes(b"kept")
    before = sorted(path.rglob("*"))
    lent = lend(path, tmp_path / "other")
    assert (lent.name, lent.info.outputs, lent.info.temperature) == ("visit/plain", ("expression",), 1.5)
    assert lent.weights.samefile(path / "model.safetensors")
    assert (lent.path / "calibration.npz").read_bytes() == b"kept"
    assert sorted(path.rglob("*")) == before
    assert [each.name for each in list_runs(tmp_path / "other")] == ["visit/plain"]
    [experiment] = list_experiments(tmp_path / "other")
    assert (experiment.title, experiment.benchmark) == ("Mine", "mine@1-test")
    # It is lent once.
    (lent.path / "note").write_text("")
    assert (lend(path, tmp_path / "other").path / "note").exists()


def test_two_networks_never_share_a_place(make_run: Callable[..., Path], tmp_path: Path) -> None:
    first, second = make_run("one"), make_run("two", seed=1)
    taken = tmp_path / "other" / "visit" / "one"
    lend(first, tmp_path / "other")
    (taken / "model.safetensors").unlink()
    (taken / "model.safetensors").symlink_to(second / "model.safetensors")
    assert lend(first, tmp_path / "other").name == "visit/one-2"


def test_what_cannot_be_lent_is_said(make_run: Callable[..., Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="'results' has no weights"):
        lend(write_run(tmp_path / "results"), tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match="cannot be written to"):
        lend(make_run("one"), tmp_path / "file")
