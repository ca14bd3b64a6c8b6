"""Runs that the page of predictions offers, and what they know of themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.results.calibration import Calibration, JudgedFaces, write_calibration
from emotion_core.results.evaluation import PREDICTION_COLUMNS
from emotion_core.results.find import DEFAULT_RUN
from emotion_core.results.run import read_run, write_evaluation, write_info
from pages.shared.words import escape
from tests.pages.opening import run
from tests.pages.predict.driving import captions, cards, images, try_sample


def test_several_runs_side_by_side(app: AppTest, make_run: Callable[..., Path]) -> None:
    make_run("a-second", seed=1)
    make_run(DEFAULT_RUN)
    try_sample(app)
    assert app.multiselect(key="run").value == [DEFAULT_RUN]
    app.multiselect(key="run").set_value([DEFAULT_RUN, "a-second"])
    run(app)
    assert len(images(app)) == 3
    assert len([line for line in captions(app) if " ms on " in line]) == 2
    app.multiselect(key="run").set_value([])
    run(app)
    assert app.info[0].value == "Choose at least one run above."


def test_the_choice_of_runs_says_how_good_and_fast_they_are(app: AppTest, make_run: Callable[..., Path]) -> None:
    def add(
        name: str, accuracy: float, milliseconds: float, machine: str = "a_chip", images: str = "abc", flip: bool = False
    ) -> None:
        path = make_run(name)
        write_info(path, replace(read_run(path).info, timings={"ms_per_face": milliseconds, "measured_on": machine}))
        measures = {"accuracy": {"value": accuracy, "low": 0.0, "high": 1.0}}
        metrics = {"dataset": "toy", "split": "test", "fingerprint": images, "measures": measures, "flip": flip}
        write_evaluation(path, "toy", "test", metrics, pd.DataFrame({column: ["neutral"] for column in PREDICTION_COLUMNS}))

    def words() -> list[str]:
        text: str = run(app).multiselect(key="run").help
        return text.splitlines()[2:]

    reason = (
        "The first is the default: of those measured on toy and timed on the same machine, none is as accurate in its time."
    )
    add(DEFAULT_RUN, 0.5, 8.0)
    try_sample(app)
    mine = f"- **{escape(DEFAULT_RUN)}**: accuracy 0.500 on toy, 8.0 ms a face on {escape('a_chip')}"
    # Alone it is better than nobody.
    assert words() == [mine]
    add("other-images", 0.9, 1.0, images="def")
    add("other-machine", 0.9, 1.0, machine="another")
    make_run("unknown")
    assert words()[-1] == "- **unknown**"
    add("slower", 0.6, 9.0)
    assert words()[0] == mine
    assert words()[-2:] == ["", reason]
    add("better", 0.5, 7.0)
    assert reason not in words()
    add("mirrored", 0.4, 9.0, flip=True)
    assert any("**mirrored**: accuracy 0.400 on toy with flip, 9.0 ms" in w for w in words())


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        '{"split": "test"}',
        '{"split": "test", "measures": null}',
        '{"split": "test", "measures": {"accuracy": 0.5}}',
        '{"split": "test", "measures": {"accuracy": {"value": null}}}',
        '{"split": "test", "measures": {"accuracy": {"value": NaN}}}',
        '{"split": "test", "measures": {"accuracy": {"value": true}}}',
    ],
)
def test_odd_figures_of_a_run_are_left_out(app: AppTest, make_run: Callable[..., Path], content: str) -> None:
    path = make_run(DEFAULT_RUN)
    write_info(path, replace(read_run(path).info, timings={"ms_per_face": "fast", "measured_on": 3}))
    (path / "evaluations" / "toy-test").mkdir(parents=True)
    (path / "evaluations" / "toy-test" / "metrics.json").write_text(content)
    try_sample(app)
    assert app.multiselect(key="run").help.splitlines()[2:] == [f"- **{escape(DEFAULT_RUN)}**"]


def test_no_run_is_one_sentence_and_one_command(app: AppTest) -> None:
    run(app)
    assert "no trained network" in app.info[0].value
    assert app.code[0].value == "python -m emotion_core train"
    assert not app.file_uploader


@pytest.mark.usefixtures("one_run")
def test_a_damaged_run_folder_is_named_and_the_rest_works(app: AppTest, checkpoints: Path) -> None:
    (checkpoints / "broken").mkdir()
    (checkpoints / "broken" / "run.json").write_text("{", encoding="utf-8")
    try_sample(app)
    assert cards(app) == 1
    assert app.expander[0].label == "1 run folder cannot be read"
    assert any("broken" in text.value and "not readable JSON" in text.value for text in app.text)


def test_damaged_weights_cost_only_their_run(app: AppTest, make_run: Callable[..., Path]) -> None:
    (make_run("bad") / "model.safetensors").write_bytes(b"no weights")
    make_run(DEFAULT_RUN)
    app.query_params.update(photo="sample", run=["bad", DEFAULT_RUN])
    run(app)
    assert cards(app) == 1
    assert len(app.error) == 1
    assert "safetensors" in app.error[0].value


def test_a_collapsed_run_is_named(app: AppTest, one_run: Path) -> None:
    folder = one_run / "evaluations" / "affectnet-3999-test"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text(json.dumps({"collapse": ["one class is predicted for everything"]}))
    try_sample(app)
    [warning] = [warning.value.replace("\\", "") for warning in app.warning]
    assert warning == f"{DEFAULT_RUN} has collapsed: one class is predicted for everything."


def test_the_expected_mix_is_said_and_can_be_changed_without_reading_again(
    app: AppTest, one_run: Path, calls: dict[str, list[int]]
) -> None:
    write_info(one_run, replace(read_run(one_run).info, dataset={"name": "affectnet-3999"}))
    try_sample(app)
    assert any("Probabilities assume the everyday mix of expressions (neutral 33 %" in line for line in captions(app))
    app.radio(key="prior").set_value("balanced")
    run(app)
    assert any("all expressions are equally frequent" in line for line in captions(app))
    app.radio(key="prior").set_value("estimate")
    run(app)
    assert "1 face suggests no mix of expressions" in app.info[0].value
    assert any("everyday mix" in line for line in captions(app))
    assert calls["read"] == [1]


def test_a_run_whose_mix_is_not_known_says_so(app: AppTest, one_run: Path) -> None:
    try_sample(app)
    assert any("not known which mix of expressions this run was trained on" in line for line in captions(app))


def test_a_calibrated_run_names_no_expression_where_none_stands(app: AppTest, one_run: Path) -> None:
    # Validation images of which the network is right by chance: no verdict ever stands, and sets are large.
    generator = np.random.default_rng(0)
    faces = JudgedFaces(
        logits=generator.normal(size=(200, 8)).astype(np.float16), labels=generator.integers(0, 8, 200).astype(np.uint8)
    )
    entry = {"temperature": 1.0, "prior": "balanced"}
    info = replace(read_run(one_run).info, dataset={"name": "affectnet-3999"}, calibration={"affectnet-3999": entry})
    write_info(one_run, info)
    write_calibration(read_run(one_run), Calibration(faces={"affectnet-3999": faces}))
    try_sample(app)
    [heading] = [markdown.value for markdown in app.markdown if markdown.value.startswith("## ")]
    assert heading.startswith("## Unsure: ")
    assert any("90 % set:" in line for line in captions(app))
