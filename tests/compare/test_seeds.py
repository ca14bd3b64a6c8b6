"""Trainings that differ in their seed alone, and means of their weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from emotion_core.compare import repeated_trainings, reported_entries, seed_spread
from tests.compare.stored import MakeRun, correct, load
from tests.stored import predictions


def test_seeds_of_one_training(make_run: MakeRun, tmp_path: Path) -> None:
    for seed, number in ((0, 100), (1, 110), (2, 90)):
        info = {"seed": seed, "training": {"title": "A preset", "lr": 0.1, "seed": seed}}
        make_run(f"seed{seed}", predictions(correct(number)), info=info)
    # The same title, but another learning rate, another start, or other images.
    make_run("lr", predictions(correct(10)), info={"seed": 3, "training": {"title": "A preset", "lr": 0.2, "seed": 3}})
    make_run("init", predictions(correct(10)), info={"seed": 4, "init": "imagenet"})
    make_run("images", predictions(correct(10)), info={"seed": 5}, fingerprint="other")
    [spread] = seed_spread([*load(tmp_path), *reported_entries("affectnet-3999")], "accuracy")
    assert (spread.backbone, spread.preset, spread.names) == ("custom_cnn", "A preset", ("seed0", "seed1", "seed2"))
    assert spread.mean == pytest.approx(0.5)
    assert spread.sd == pytest.approx(0.05)  # 0.45, 0.50, 0.55 with n - 1
    assert seed_spread(load(tmp_path, "seed0"), "accuracy") == ()
    assert seed_spread(load(tmp_path), "colour") == ()
    assert repeated_trainings(load(tmp_path)) == {"seed1", "seed2"}
    assert repeated_trainings(load(tmp_path, "seed2", "seed1", "lr")) == {"seed2"}
    assert repeated_trainings(reported_entries("affectnet-3999")) == frozenset()


def test_seeds_of_older_and_newer_runs_belong_together(make_run: MakeRun, tmp_path: Path) -> None:
    for seed, later in enumerate(({}, {"precision": "auto", "keep": "best"}, {"precision": "bf16"})):
        training = {"title": "A preset", "phases": [], "lr": 0.1, "seed": seed, **later}
        make_run(f"run-{seed}", predictions(correct(100 + seed)), info={"training": training, "seed": seed}, seed=seed)
    [spread] = seed_spread(load(tmp_path), "accuracy")
    assert spread.names == ("run-0", "run-1")


def test_a_mean_of_weights_stands_for_its_parts(make_run: MakeRun, tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        make_run(f"seed{seed}", predictions(correct(100)), info={"seed": seed})
    make_run("soup", predictions(correct(120)), info={"training": {"title": "Mean", "averaged": ["seed0", "seed1", "gone"]}})
    assert repeated_trainings(load(tmp_path)) == {"seed0", "seed1", "seed2"}
    assert repeated_trainings(load(tmp_path, "soup", "seed1", "seed2")) == {"seed1", "seed2"}
    assert repeated_trainings(load(tmp_path, "seed0")) == frozenset()
