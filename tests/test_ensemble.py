from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.cli import main
from emotion_core.compare import compare, find_entries, load_store
from emotion_core.ensemble import combine
from emotion_core.errors import ConfigError
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.results.find import find_run
from emotion_core.results.run import read_run
from emotion_core.results.summaries import read_predictions
from tests.stored import PROBS, random_predictions, store, write_run

COUNT = 40


def predictions(seed: int, *, outputs: tuple[str, ...] = ("expression", "affect")) -> pd.DataFrame:
    """Random predictions for the same forty faces, in an order of their own."""
    table = random_predictions(seed, COUNT)
    if "expression" not in outputs:
        table[PROBS] = np.nan
    if "affect" not in outputs:
        table[["pred_valence", "pred_arousal"]] = np.nan
    return table.sample(frac=1, random_state=seed).reset_index(drop=True)


@pytest.fixture
def member(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(tmp_path))

    def make(name: str, seed: int, **settings: Any) -> Path:
        outputs = settings.get("outputs", ("expression", "affect"))
        network = {"backbone": settings.get("backbone", "resnet50"), "input_size": 64}
        path = write_run(tmp_path / name, network=network, outputs=outputs, num_params=seed, seconds=2.0)
        about = {"left_out": 0, "num_classes": 8, "fingerprint": settings.get("fingerprint", "abc"), "chosen_by": {}}
        store(path, predictions(seed, outputs=outputs), collapse=[], measures={}, **about)
        return path

    return make


def test_probabilities_and_affect_are_means_by_image(member: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(member(f"m{seed}", seed, backbone=name)) for seed, name in ((1, "resnet50"), (2, "vgg16"), (3, "vgg16"))]
    made = combine(runs, tmp_path / "all")
    assert not made.has_weights
    assert made.info.outputs == ("expression", "affect")
    assert (made.info.backbone, made.info.num_params, made.info.seconds) == ("ensemble", 6, 6.0)
    found = read_predictions(made, "faces-test").set_index("sample_id")
    tables = [predictions(seed).set_index("sample_id") for seed in (1, 2, 3)]
    for column in [*(f"prob_{name}" for name in EXPRESSIONS), "pred_valence", "pred_arousal"]:
        for image in found.index:
            expected = sum(float(table.loc[image, column]) for table in tables) / 3
            assert float(found.loc[image, column]) == pytest.approx(expected, abs=1e-12)
    measures = made.evaluations["faces-test"]["measures"]
    expected_ccc = concordance_corrcoef(found["pred_valence"], found["valence"])
    assert measures["ccc_valence"]["value"] == pytest.approx(expected_ccc)
    assert measures["accuracy"]["low"] <= measures["accuracy"]["value"] <= measures["accuracy"]["high"]


def test_a_classifier_and_a_regressor_are_one_run(member: Callable[..., Path], tmp_path: Path) -> None:
    classifier = read_run(member("classifier", 1, outputs=("expression",)))
    regressor = read_run(member("regressor", 2, outputs=("affect",)))
    both = member("both", 3)
    pair = combine([classifier, regressor], tmp_path / "pair")
    assert (pair.info.backbone, pair.info.outputs) == ("resnet50", ("expression", "affect"))
    found = read_predictions(pair, "faces-test").set_index("sample_id")
    first, second = predictions(1).set_index("sample_id"), predictions(2, outputs=("affect",)).set_index("sample_id")
    assert np.allclose(found["prob_fear"], first["prob_fear"].loc[found.index])
    assert np.allclose(found["pred_arousal"], second["pred_arousal"].loc[found.index])
    # It compares like any other run.
    combine([pair, read_run(both)], tmp_path / "more")
    entries = find_entries(load_store(), ["pair", "both"], evaluation="faces-test")
    comparison = compare(entries, ["accuracy", "ccc_valence"], baseline="both")
    assert {entry.name for entry in comparison.entries} == {"pair", "both"}


def test_the_command_makes_a_run_with_a_card(
    member: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    member("a", 1)
    member("b", 2)
    assert main(["ensemble", "a", "b", "--out", "mean"]) == 0
    assert "mean of 2 runs on faces-test" in capsys.readouterr().out
    card = (tmp_path / "mean" / "README.md").read_text()
    assert "the mean of the predictions of `a`, `b`" in card
    assert find_run("mean").info.training["members"] == ("a", "b") or find_run("mean").info.training["members"] == ["a", "b"]
    # The same command again makes it again.
    assert main(["ensemble", "a", "b", "--out", "mean"]) == 0


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "An ensemble needs at least two different runs"),
        (["a", "a"], "An ensemble needs at least two different runs"),
        (["a", "other"], r"'a' and 'other' were evaluated on other images or labels of faces-test. Evaluate both again"),
        (["a", "none"], r"There is no evaluation that all runs have: 'a' on faces-test; 'none' on nothing"),
    ],
)
def test_what_cannot_be_combined(member: Callable[..., Path], tmp_path: Path, names: list[str], message: str) -> None:
    member("a", 1)
    member("other", 2, fingerprint="xyz")
    write_run(tmp_path / "none")
    with pytest.raises(ConfigError, match=message):
        combine([find_run(name) for name in names], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_run_named_twice_counts_once(member: Callable[..., Path], tmp_path: Path) -> None:
    first, second = read_run(member("a", 1)), read_run(member("b", 2))
    assert list(combine([first, first, second], tmp_path / "out").info.training["members"]) == ["a", "b"]


def test_an_ensemble_made_anew_keeps_nothing_of_the_old_one(member: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(member("a", 1)), read_run(member("b", 2))]
    for run in runs:
        store(run.path, predictions(9), **{**run.evaluations["faces-test"], "split": "val"})
    assert set(combine(runs, tmp_path / "out").evaluations) == {"faces-test", "faces-val"}
    third = read_run(member("c", 3))
    assert set(combine([runs[0], third], tmp_path / "out").evaluations) == {"faces-test"}


def test_an_ensemble_cannot_be_its_own_member(member: Callable[..., Path], tmp_path: Path) -> None:
    runs = [read_run(member("a", 1)), read_run(member("b", 2))]
    made = combine(runs, tmp_path / "out")
    with pytest.raises(ConfigError, match=r"out' is itself one of the runs"):
        combine([runs[0], made], tmp_path / "out")


def test_a_trained_run_is_never_replaced(member: Callable[..., Path]) -> None:
    runs = [read_run(member("a", 1)), read_run(member("b", 2))]
    with pytest.raises(ConfigError, match=r"c' holds a run of another kind. Choose another folder with --out"):
        combine(runs, member("c", 3))
