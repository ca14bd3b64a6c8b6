"""Trainings that learn from the validation images too, once nothing is left to decide."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from emotion_core.calibrate import calibrate
from emotion_core.cli import main
from emotion_core.data.affectnet import load_affectnet
from emotion_core.errors import ConfigError
from emotion_core.evaluate import evaluate
from emotion_core.results.card import render_card
from emotion_core.results.run import describe_selection, read_history, read_run, write_info
from emotion_core.soup import average_weights
from emotion_core.training.config import Phase
from emotion_core.training.data import load_splits
from emotion_core.training.trainer import train
from tests.training.trainings import CONFIG

pytestmark = pytest.mark.usefixtures("one_thread")

ALL = replace(CONFIG, learn_from="train + val", keep="last", phases=(Phase(name="all", epochs=2, lr=4e-3),))


def test_validation_images_teach_and_test_images_do_not(data: Path) -> None:
    learnt, judged = load_splits(ALL, data, progress=False)
    usual = load_splits(CONFIG, data, progress=False)
    ids = [set(split.table.sample_ids) for split in usual]
    assert set(learnt.table.sample_ids) == ids[0] | ids[1]
    assert len(learnt.pixels) == len(learnt.table) == len(ids[0]) + len(ids[1])
    assert not set(learnt.table.sample_ids) & set(load_affectnet(data).split("test").sample_ids)
    assert len(judged.table) == len(judged.pixels) == 0
    # Each picture beside its own label.
    for split in usual:
        rows = [learnt.table.sample_ids.index(name) for name in split.table.sample_ids]
        assert np.array_equal(learnt.pixels[rows], split.pixels)
        assert np.array_equal(learnt.table.affect[rows], split.table.affect)


def test_no_image_judges_and_the_temperature_is_that_of_the_start(data: Path, tmp_path: Path) -> None:
    start = train(replace(ALL, learn_from="train"), data, tmp_path / "start", device="cpu", progress=False)
    write_info(start.path, replace(start.info, temperature=1.25))
    phases = (Phase(name="heads", epochs=2, lr=4e-3, stages=0, views=2), *ALL.phases)
    run = train(replace(ALL, init=str(start.path), phases=phases), data, tmp_path / "run", device="cpu", progress=False)
    assert run.info.finished
    assert run.info.temperature == 1.25
    assert run.info.selection == {"epoch": 4, "keep": "last"}
    history = read_history(run.path)
    assert len(history) == 4
    assert not [name for row in history for name in row if name.startswith("val_") or name == "score"]
    assert history[-1]["loss"] < history[0]["loss"]
    assert run.info.training_splits == ("train", "val")
    assert run.info.dataset["train"]["images"] == 64
    assert "val" not in run.info.dataset
    assert "64 images to learn from" in render_card(run)
    assert "none judged it" in render_card(run)
    assert evaluate(run, "affectnet-3999", data, device="cpu").metrics["measures"]["accuracy"]["value"] > 0.2


def test_from_random_weights_there_is_no_temperature_to_keep(data: Path, tmp_path: Path) -> None:
    run = train(ALL, data, tmp_path / "run", device="cpu", progress=False)
    assert run.info.temperature == 1.0


def test_a_killed_one_goes_on(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = train(ALL, data, tmp_path / "whole", device="cpu", progress=False)

    def stop(*_args: object, **_settings: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("emotion_core.training.reporting.Reporter.epoch", stop)
        with pytest.raises(KeyboardInterrupt):
            train(ALL, data, tmp_path / "run", device="cpu", progress=False)
    run = train(ALL, data, tmp_path / "run", device="cpu", progress=False)
    assert run.weights.read_bytes() == whole.weights.read_bytes()
    assert run.info.selection == whole.info.selection


def test_what_was_trained_on_does_not_calibrate(data: Path, tmp_path: Path) -> None:
    run = train(ALL, data, tmp_path / "run", device="cpu", progress=False)
    with pytest.raises(ConfigError, match=r"'run' learnt from the val split.*temperature stays 1\."):
        calibrate(run, "affectnet-3999", data, device="cpu")


def test_a_mean_of_weights_takes_over_their_temperatures(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    start = train(replace(ALL, learn_from="train"), data, tmp_path / "start", device="cpu", progress=False)
    runs = []
    for seed, temperature in enumerate((1.2, 1.5)):
        config = replace(ALL, init=str(start.path), seed=seed)
        run = train(config, data, tmp_path / f"run{seed}", device="cpu", progress=False)
        write_info(run.path, replace(run.info, temperature=temperature))
        runs.append(read_run(run.path))
    soup = average_weights(runs, tmp_path / "soup")
    assert soup.info.temperature == pytest.approx(1.35)
    assert soup.info.training_splits == ("train", "val")
    assert describe_selection(soup.info.selection).startswith(
        "the last epochs of several runs (trained on all images but those of the test"
    )
    assert main(["soup", *(str(run.path) for run in runs), "--out", str(tmp_path / "soup")]) == 0
    assert "next: evaluate" in capsys.readouterr().out


def test_pictures_trained_on_are_leaks(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    table = load_affectnet(copy)
    (twin, *_), (judged, *_) = table.split("val").sample_ids, table.split("test").sample_ids
    shutil.copyfile(copy / table.name / twin, copy / table.name / judged)
    usual = train(replace(ALL, learn_from="train"), copy, tmp_path / "usual", device="cpu", progress=False)
    run = train(ALL, copy, tmp_path / "run", device="cpu", progress=False)
    assert "without_leaked" not in evaluate(usual, "affectnet-3999", copy, device="cpu", store=False).metrics
    assert evaluate(run, "affectnet-3999", copy, device="cpu", store=False).metrics["without_leaked"]["left_out"] == 1


def test_something_has_to_choose_the_epoch() -> None:
    with pytest.raises(ConfigError, match=r"learn_from 'train \+ val' leaves no images to choose an epoch.*keep = 'last'"):
        replace(CONFIG, learn_from="train + val")
    with pytest.raises(ConfigError, match=r"learn_from 'val' is unknown\."):
        replace(CONFIG, learn_from="val")
