"""The curves of a mean of weights are those of the trainings that it is the mean of."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion_core.compare.trainings import trainings_of
from emotion_core.results.find import find_run
from emotion_core.results.run import RunInfo, append_history, write_info


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))
    monkeypatch.setenv("EMOTION_SHIPPED_RUNS", "hide")

    def write(name: str, averaged: tuple[str, ...] = (), *, history: bool = True) -> None:
        training = {"averaged": list(averaged)} if averaged else {}
        write_info(tmp_path / name, RunInfo(network={"backbone": "vgg16", "input_size": 48}, training=training))
        if history:
            append_history(tmp_path / name, {"loss": 1.0})

    write("one")
    write("two")
    write("silent", history=False)
    write("soup", ("one", "two", "gone", "silent"), history=False)
    write("soup-of-soups", ("soup", "one"), history=False)
    write("circle", ("circle",), history=False)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "trainings"),
    [("one", ["one"]), ("soup", ["one", "two"]), ("soup-of-soups", ["one", "two"]), ("silent", []), ("circle", [])],
)
def test_where_curves_come_from(runs: Path, name: str, trainings: list[str]) -> None:
    assert [run.name for run in trainings_of(find_run(name))] == trainings
