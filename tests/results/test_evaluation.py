"""A stored evaluation is one thing: its measures and its predictions never come from two."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from emotion_core.compare import load_store
from emotion_core.ensemble import combine
from emotion_core.errors import CheckpointError
from emotion_core.remeasure import remeasure
from emotion_core.results.card import render_card
from emotion_core.results.evaluation import DIGEST, KEPT
from emotion_core.results.find import list_runs
from emotion_core.results.measured import measure_predictions
from emotion_core.results.run import Run, read_run
from emotion_core.results.summaries import load_summary, read_predictions, summarise_subset
from tests import stored
from tests.stored import first_right, predicted, predictions, write_run

ROOT = Path(__file__).resolve().parents[2]
KEY = "faces-test"
MISMATCH = "holds other predictions than those that 'metrics.json' beside it was measured on. Evaluate the run again."


def store(folder: Path, right: int) -> Run:
    if not (folder / "run.json").is_file():
        write_run(folder)
    table = predictions(first_right(right, 40))
    stored.store(folder, table, **measure_predictions(table)[0])
    return read_run(folder)


def accuracy(table: pd.DataFrame) -> float:
    return float((predicted(table) == table["expression"]).mean())


class Killed(BaseException):
    """What ends a process: nobody handles it."""


@pytest.fixture
def kill_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], list[str]]]:
    """Ends the process before its n-th step on the file system, and does nothing after it, as the dead do."""
    steps: list[str] = []
    last = [0]

    def watch(module: Any, name: str) -> None:
        real = getattr(module, name)

        def step(*arguments: Any, **more: Any) -> Any:
            if last[0]:
                if len(steps) + 1 >= last[0]:
                    raise Killed
                steps.append(name)
            return real(*arguments, **more)

        monkeypatch.setattr(module, name, step)

    for name in ("mkdir", "fsync", "replace", "unlink", "rmdir"):
        watch(os, name)
    watch(shutil, "copy2")

    def arm(number: int) -> list[str]:
        last[0] = number
        steps.clear()
        return steps

    yield arm
    last[0] = 0


def test_a_kill_before_any_step_leaves_the_old_evaluation_or_the_new_one(
    tmp_path: Path, kill_before: Callable[[int], list[str]]
) -> None:
    outcomes, seen = [], []
    for number in range(1, 100):
        kill_before(0)
        folder = tmp_path / f"run{number}"
        run = store(folder, 10)
        for name in KEPT:
            (folder / "evaluations" / KEY / name).write_text(name)
        steps = kill_before(number)
        try:
            store(folder, 30)
        except Killed:
            killed = True
        else:
            killed = False
        seen = list(steps)
        kill_before(0)
        [(key, metrics)] = run.evaluations.items()
        table = read_predictions(run, KEY)
        assert key == KEY
        assert metrics["measures"]["accuracy"]["value"] == accuracy(table), seen
        assert accuracy(table) in (0.25, 0.75)
        assert load_summary(run, KEY).measures["accuracy"] == accuracy(table)
        assert [(run.evaluation(KEY).folder / name).read_text() for name in KEPT] == list(KEPT)
        outcomes.append(accuracy(table))
        # The next writer tidies up.
        store(folder, 20)
        assert run.evaluations[KEY]["measures"]["accuracy"]["value"] == accuracy(read_predictions(run, KEY)) == 0.5
        assert [path.name for path in (folder / "evaluations").iterdir()] == [KEY]
        assert sorted(path.name for path in (folder / "evaluations" / KEY).iterdir()) == sorted(
            ("metrics.json", "predictions.parquet", *KEPT)
        )
        if not killed:
            break
    assert not killed
    # Both renamings, and every file of the old folder that is removed after them.
    assert seen.count("replace") == 4
    assert seen.count("unlink") >= 4
    assert outcomes == sorted(outcomes)
    assert len(set(outcomes)) == 2


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    run = store(tmp_path / "one", 10)
    content = (tmp_path / "one" / "evaluations" / KEY / "predictions.parquet").read_bytes()
    assert run.evaluations[KEY][DIGEST] == hashlib.blake2b(content, digest_size=16).hexdigest()


def test_every_shipped_evaluation_names_its_predictions() -> None:
    runs = [run for run in list_runs(ROOT / "checkpoints") if isinstance(run, Run)]
    found = [(run.name, evaluation) for run in runs for evaluation in run.stored_evaluations()]
    assert len(found) >= 86
    for name, evaluation in found:
        assert evaluation.metrics()[DIGEST] == evaluation.digest(), name


@pytest.fixture
def mixed(tmp_path: Path) -> Run:
    """Measures of one evaluation beside predictions of another."""
    run = store(tmp_path / "mixed", 10)
    other = store(tmp_path / "other", 30)
    shutil.copy(other.evaluation(KEY).predictions_file, run.evaluation(KEY).predictions_file)
    return run


READERS: dict[str, Callable[[Run], object]] = {
    "metrics": lambda run: run.evaluation(KEY).metrics(),
    "predictions": lambda run: read_predictions(run, KEY),
    "a column": lambda run: read_predictions(run, KEY, ["sample_id"]),
    "summary": lambda run: load_summary(run, KEY),
    "subset": lambda run: summarise_subset(run, KEY, frozenset({"001"})),
    "remeasure": lambda run: remeasure(run, KEY),
    "ensemble": lambda run: combine([run, read_run(run.path.parent / "other")], run.path.parent / "both"),
}


@pytest.mark.parametrize("reader", READERS)
def test_every_reader_says_that_measures_and_predictions_do_not_belong_together(mixed: Run, reader: str) -> None:
    with pytest.raises(CheckpointError, match=re.escape(MISMATCH)):
        READERS[reader](mixed)


def test_a_list_of_results_says_it_and_leaves_the_evaluation_out(mixed: Run, tmp_path: Path) -> None:
    loaded = load_store(tmp_path)
    assert [entry.name for entry in loaded.entries] == ["other"]
    [problem] = loaded.problems
    assert problem.endswith(MISMATCH)
    assert mixed.evaluations == {}
    card = render_card(mixed)
    assert f"The evaluation {KEY} cannot be used. Evaluate the run again." in card
    assert str(tmp_path) not in card


def test_what_an_earlier_version_stored_has_no_digest_and_is_read(tmp_path: Path) -> None:
    run = store(tmp_path / "one", 10)
    file = run.evaluation(KEY).folder / "metrics.json"
    old = {name: value for name, value in run.evaluations[KEY].items() if name != DIGEST}
    file.write_text(json.dumps(old))
    assert read_run(run.path).evaluations == {KEY: old}
    assert accuracy(read_predictions(run, KEY)) == 0.25
    # Measuring again names the predictions.
    remeasure(run, KEY)
    assert run.evaluations[KEY][DIGEST] == run.evaluation(KEY).digest()


def test_a_new_evaluation_is_there_at_once_for_who_has_read_the_old_one(tmp_path: Path) -> None:
    run = store(tmp_path / "one", 10)
    assert load_summary(run, KEY).measures["accuracy"] == 0.25
    before = run.evaluation(KEY).stamp()
    store(tmp_path / "one", 30)
    assert run.evaluation(KEY).stamp() != before
    assert load_summary(run, KEY).measures["accuracy"] == 0.75


@pytest.mark.parametrize("key", ["../one", ".hidden", "", "a/b", "a\0"])
def test_a_key_that_leads_elsewhere_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(CheckpointError, match="cannot name an evaluation"):
        store(tmp_path / "one", 10).evaluation(key)
