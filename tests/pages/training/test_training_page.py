"""The page of trainings, driven without a browser."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.results.find import DEFAULT_RUN
from emotion_core.results.progress import write_progress
from emotion_core.results.run import append_history
from tests.pages.opening import run
from tests.pages.training.driving import PHASES, Train, facts, figures, headline, line, open_training, progress, titles


def test_opens_on_the_newest_finished_run(app: AppTest, trained: Train) -> None:
    trained(DEFAULT_RUN, age=9000)
    trained("new", age=3000)
    trained("stopped", finished=False)
    open_training(app)
    assert app.selectbox[0].value == "new"
    assert app.selectbox[0].options == ["✓ new", f"✓ {DEFAULT_RUN}", "‖ stopped"]
    assert headline(app) == "✓ Finished after 4 epochs"
    assert figures(app) == {
        "Best accuracy + CCC, val": "0.240", "Chosen epoch": "4 of 4", "Speed": "90 images/s", "Trained for": "2 min",
    }  # fmt: skip
    assert "resnet50, 48 × 48 px · on cpu · seed 7 · starting from imagenet" in facts(app)
    assert "affectnet-3999: 2,559 images to learn from, 640 images to choose the epoch" in facts(app)
    assert "Best accuracy + CCC 0.240 in epoch 4 of 4" in titles(app)
    assert len(titles(app)) == 4
    assert all(chart.proto.alt for chart in app.get("plotly_chart"))
    assert not app.warning


def test_the_default_run_comes_first_among_runs_of_one_checkout(app: AppTest, trained: Train) -> None:
    for name, seconds in (("z", 20), (DEFAULT_RUN, 0), ("a", 10)):
        os.utime(trained(name) / "history.jsonl", (1.7e9 + seconds, 1.7e9 + seconds))
    open_training(app)
    assert app.selectbox[0].value == DEFAULT_RUN


@pytest.mark.parametrize(("key", "kind"), [("averaged", "weights"), ("members", "predictions")])
def test_a_mean_of_runs_shows_their_trainings(app: AppTest, trained: Train, key: str, kind: str) -> None:
    for name in "abcd":
        trained(name, age=9000)
    (trained("torn") / "history.jsonl").write_bytes(b"\xff\xfe\n")
    trained("mean", 0, training={key: ["a", "../b", "gone", "torn", "b"]})
    open_training(app, run="mean")
    assert f"mean is the mean of the {kind} of a, b. Their trainings are below." in app.info[0].value
    lines = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert {"a", "b"} <= {line.get("name") for line in lines}
    trained("larger", 0, training={key: ["a", "b", "c", "d"]})
    open_training(app, run="larger")
    assert "of a, b, c, d. Below: the first three of their trainings." in app.info[0].value


def test_a_mean_of_means_shows_a_training_of_each(app: AppTest, trained: Train) -> None:
    for name in "abcd":
        trained(name, age=9000)
    trained("first", 0, age=9000, training={"averaged": ["a", "b"]})
    trained("second", 0, age=9000, training={"averaged": ["c", "d"]})
    trained("ensemble", 0, training={"members": ["first", "second"]})
    open_training(app, run="ensemble")
    assert "ensemble is the mean of the predictions of first, second. Their trainings are below." in app.info[0].value
    lines = json.loads(app.get("plotly_chart")[0].proto.spec)["data"]
    assert {"a", "c"} == {line["name"] for line in lines if line.get("name") in set("abcd")}


def test_a_run_without_history_says_so(app: AppTest, trained: Train) -> None:
    trained("imported", 0, training={}, dataset={}, selection={"measure": "accuracy", "value": 0.61}, init="scratch")
    open_training(app)
    assert "imported has no history of its training: only its results were stored" in app.info[0].value
    assert figures(app) == {"Best accuracy, val": "0.610"}
    assert "from random weights" in facts(app)
    assert not titles(app)


def test_an_old_history_without_phases(app: AppTest, trained: Train) -> None:
    trained("old")
    open_training(app)
    assert "Phases" not in facts(app)
    assert len(titles(app)) == 4


def test_runs_are_laid_over_each_other_and_the_address_says_so(app: AppTest, trained: Train) -> None:
    trained("a", age=500)
    trained("b", 6, seed=8, age=900)
    trained("c", 0, age=5000)
    open_training(app, run="b", **{"with": ["a", "c"]})
    assert app.selectbox[0].value == "b"
    assert app.multiselect[0].value == ["a", "c"]
    assert titles(app)[0] == "Highest validation accuracy: 0.160 (b)"
    assert len(titles(app)) == 6
    assert "No history: c." in facts(app)
    settings = app.dataframe[0].value.set_index("setting")
    assert settings.loc["seed"].tolist() == ["8", "7", "7"]
    app.selectbox[0].select("c")
    run(app)
    assert app.multiselect[0].value == ["a"]
    assert app.query_params["run"] == "c"
    assert headline(app) == "✓ Finished"


def test_a_closer_look_at_some_epochs(app: AppTest, trained: Train) -> None:
    trained("long", 12, age=500)
    trained("short", 8, age=900)
    open_training(app, epochs=["3", "6"])
    assert app.slider[0].value == (3, 6)
    spec = json.loads(app.get("plotly_chart")[0].proto.spec)
    assert spec["layout"]["xaxis"]["range"] == [2.5, 6.5]


def test_another_run_has_other_epochs(app: AppTest, trained: Train) -> None:
    trained("long", 12, age=500)
    trained("short", 8, age=900)
    open_training(app)
    app.slider[0].set_value((10, 12))
    run(app)
    app.selectbox[0].select("short")
    run(app)
    assert app.slider[0].value == (1, 8)


@pytest.mark.parametrize("epochs", [["3", "99"], ["0", "4"], ["6", "2"], ["x", "y"], ["3"], ["1", "2", "3"]])
def test_epochs_in_the_address_that_do_not_exist(app: AppTest, trained: Train, epochs: list[str]) -> None:
    trained("long", 12)
    open_training(app, epochs=epochs)
    first, last = json.loads(app.get("plotly_chart")[0].proto.spec)["layout"]["xaxis"]["range"]
    assert 0.5 <= first < last <= 12.5


def test_nonsense_in_the_address_is_ignored(app: AppTest, trained: Train) -> None:
    trained("a")
    open_training(app, run="../../etc", epochs="x", **{"with": "nobody"})
    assert app.selectbox[0].value == "a"
    # A run alone has nothing beside it.
    assert not app.multiselect
    trained("b")
    app.run()
    assert app.multiselect[0].value == []


def test_settings_are_a_list(app: AppTest, trained: Train) -> None:
    trained("one", phases=PHASES)
    open_training(app)
    settings = app.dataframe[0].value.set_index("setting")
    assert settings.loc["phases.2.epochs"].tolist() == ["6"]
    assert settings.loc["network.backbone"].tolist() == ["resnet50"]


def test_the_log_ends_with_its_last_lines(app: AppTest, trained: Train) -> None:
    folder = trained("logged")
    log = (
        "".join(f"12:00:{number:02} `line` <b>{number}</b>\x1b[31m\n" for number in range(40)).encode() + b"\xff" + b"y" * 9000
    )
    (folder / "train.log").write_bytes(log)
    open_training(app)
    shown = app.code[0].value.splitlines()
    assert len(shown) == 20
    assert shown[0] == "12:00:21 `line` <b>21</b>\ufffd[31m"
    assert len(shown[-1]) == 400
    assert any(expander.label == "Last 20 lines of the log" for expander in app.expander)


def test_hostile_names_are_shown_letter_by_letter(app: AppTest, trained: Train) -> None:
    name = "<img src=x> *b* [l](javascript:alert(1)) $x$"
    evil = [{"name": f"{name} {number}", "epochs": 4} for number in (1, 2)]
    folder = trained(name, 0, finished=False, phases=evil, init=name, device=name, selection={"measure": name, "split": name})
    for epoch in (1, 5):
        append_history(folder, line(epoch) | {"phase": f"{name} {1 if epoch == 1 else 2}"})
    write_progress(folder, progress(phase=name, host=name))
    open_training(app)
    assert headline(app).startswith("● Running")
    escaped = [app.header[0].value, *(caption.value for caption in app.caption), *(metric.label for metric in app.metric)]
    for text in escaped:
        assert not re.search(r"(?<!\\)[<\[$*]", text), text
    assert any("img" in text for text in escaped)
    assert "<img" not in " ".join(titles(app))


def test_no_run_is_one_sentence_and_one_command(app: AppTest, checkpoints: Path) -> None:
    (checkpoints / "broken").mkdir()
    open_training(app)
    assert app.code[0].value == "python -m emotion_core train"
    assert "1 run folder cannot be read" in app.expander[0].label


def test_a_last_epoch_is_not_called_a_chosen_one(app: AppTest, trained: Train) -> None:
    selection = {"measure": "accuracy", "split": "val", "epoch": 4, "value": 0.2, "keep": "last"}
    trained("last", selection=selection)
    open_training(app)
    assert figures(app)["Stored epoch"] == "4 of 4"
    assert "Chosen epoch" not in figures(app)
    assert "640 images to judge every epoch" in facts(app)
