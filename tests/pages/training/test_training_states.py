"""Trainings that run, were interrupted, or are damaged, on their page."""

from __future__ import annotations

import json
import os
import shlex
import time
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.results.find import DEFAULT_RUN
from emotion_core.results.progress import STALE_SECONDS, remove_progress, write_progress
from emotion_core.results.run import RunInfo, append_history, write_info
from tests.pages.opening import run
from tests.pages.training.driving import PHASES, Train, facts, figures, headline, line, open_training, progress, titles


def test_a_running_training_comes_first(app: AppTest, trained: Train) -> None:
    trained(DEFAULT_RUN)
    write_progress(trained("live", finished=False, phases=PHASES, age=600), progress())
    open_training(app)
    assert app.selectbox[0].options[0] == "● live"
    assert headline(app) == "● Running: epoch 5 of 8, phase “fine-tune”"
    shown = figures(app)
    assert shown["Speed"] == "812 images/s"
    assert shown["Time left"] == "5 min"
    assert shown["Chosen epoch"] == "4 of 8"
    assert shown["Trained for"] == "12 min"  # four epochs of 30 s, and 600 s in the fifth
    [bar] = app.get("progress")
    assert bar.proto.value == 53  # four of eight epochs, and a quarter of the fifth
    assert bar.proto.text == "Step 20 of 80 of this epoch, phase 2 of 2, loss 1.234, learning rate 0.0001"
    assert "of far" in facts(app)
    assert "Phases by epoch: heads 1–2, fine-tune 3–8." in facts(app)
    assert "so far, in epoch 4" in titles(app)[0]


def test_only_a_running_training_is_asked_again(app: AppTest, trained: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    import streamlit as st

    asked: list[Any] = []
    real = st.fragment
    monkeypatch.setattr(st, "fragment", lambda function, run_every: asked.append(run_every) or real(function))
    live = trained("live", finished=False)
    write_progress(live, progress())
    trained("done")
    open_training(app)
    assert asked == ["2s"]
    app.selectbox[0].select("done")
    run(app)
    assert asked[1:] == [None]
    app.multiselect[0].select("live")
    run(app)
    assert asked[2:] == ["2s"]
    remove_progress(live)
    run(app)
    assert asked[3:] == [None]


def test_before_the_first_epoch_has_ended(app: AppTest, trained: Train) -> None:
    early = progress(
        epoch=1, phase="heads", phase_index=0, loss=None, lr=None, images_per_second=None, eta_seconds=None, best=None
    )
    write_progress(trained("live", 0, finished=False, phases=PHASES), early)
    open_training(app)
    assert headline(app) == "● Running: epoch 1 of 8, phase “heads”"
    assert "The first epoch has not ended yet" in app.info[0].value
    assert "Trained for" in figures(app)
    assert not titles(app)


@pytest.mark.parametrize("left", ["nothing", "stale", "damaged"])
def test_an_interrupted_training_says_how_it_goes_on(app: AppTest, trained: Train, left: str) -> None:
    folder = trained("it's stopped", finished=False, phases=PHASES)
    if left == "stale":
        write_progress(folder, progress(updated=time.time() - STALE_SECONDS - 5))
    if left == "damaged":
        (folder / "progress.json").write_text('{"pid": 1')
    open_training(app)
    assert headline(app) == "‖ Interrupted after 4 of 8 epochs"
    assert "goes on after the last finished epoch" in app.info[0].value
    assert shlex.split(app.code[0].value) == ["python", "-m", "emotion_core", "train", "--resume", str(folder.resolve())]
    assert "Time left" not in figures(app)
    assert len(titles(app)) == 4


def test_a_training_that_ends_while_the_page_is_open(app: AppTest, trained: Train) -> None:
    live = trained("live", finished=False, phases=PHASES)
    write_progress(live, progress())
    open_training(app)
    assert headline(app).startswith("● Running")
    append_history(live, line(5, phases=PHASES))
    run(app)
    assert figures(app)["Best accuracy + CCC, val"] == "0.250"
    write_info(live, RunInfo(network={"backbone": "resnet50", "input_size": 48}, finished=True))
    remove_progress(live)
    run(app)
    assert headline(app) == "✓ Finished after 5 epochs"
    assert app.selectbox[0].options == ["✓ live"]


def test_the_page_stays_with_its_run_when_another_comes_first(app: AppTest, trained: Train) -> None:
    for name in "ab":
        write_progress(trained(name, finished=False), progress())
    open_training(app)
    assert app.selectbox[0].value == "a"
    remove_progress(Path(os.environ["EMOTION_CHECKPOINTS"]) / "a")
    run(app)
    assert app.selectbox[0].options == ["● b", "‖ a"]
    assert app.selectbox[0].value == "a"
    assert headline(app).startswith("‖ Interrupted")


def test_a_torn_last_line_is_left_out(app: AppTest, trained: Train) -> None:
    folder = trained("torn")
    with (folder / "history.jsonl").open("a") as stream:
        stream.write('{"epoch": 5, "loss": 1.')
    open_training(app)
    assert headline(app) == "✓ Finished after 4 epochs"


def test_a_damaged_history_is_named(app: AppTest, trained: Train) -> None:
    folder = trained("broken")
    (folder / "history.jsonl").write_text("no json\n" + json.dumps(line(2)) + "\n")
    open_training(app)
    assert "history.jsonl" in app.error[0].value.replace("\\", "")
    (folder / "history.jsonl").write_bytes(b"\xff\xfe\n")
    run(app)
    assert "cannot be read" in app.error[0].value


def test_trouble_is_said_in_words(app: AppTest, trained: Train) -> None:
    folder = trained("tired")
    for epoch in range(5, 10):
        append_history(folder, line(epoch) | {"score": 0.1})
    open_training(app)
    assert "The best epoch was 4; since then it gets worse on validation" in app.warning[0].value.replace("\\", "")
