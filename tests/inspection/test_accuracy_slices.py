from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotion_core.cli import main
from emotion_core.data.plain_csv import load_plain_csv
from emotion_core.errors import CheckpointError
from emotion_core.inspection.accuracy_slices import accuracy_by_slice
from emotion_core.inspection.attributes import cut_attributes
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.intervals import wilson_interval
from emotion_core.metrics.significance import holm
from emotion_core.metrics.stratified import mantel_haenszel
from emotion_core.results.find import find_run
from emotion_core.results.run import Run
from emotion_core.results.slices import read_slices, slice_rows, write_slices
from tests.data.layouts import save
from tests.stored import predictions, store, write_run

IMAGES = 160


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Right on nine in ten young faces and on three in ten old ones, by turns."""
    right = np.array([number % 10 < (9 if number < 80 else 3) for number in range(IMAGES)])
    folder = write_run(tmp_path / "runs" / "mine")
    store(folder, predictions(right), flip=False, measures={}, chosen_by={})
    return find_run(folder)


@pytest.fixture
def groups() -> pd.DataFrame:
    ids = predictions(np.zeros(IMAGES, dtype=bool))["sample_id"]
    names = ["young"] * 80 + ["old"] * 75 + ["oldest"] * 5
    return cut_attributes(pd.DataFrame({"group": names, "half": ["a", "b"] * 80}, index=ids))


def test_every_number_against_its_definition(run: Run, groups: pd.DataFrame) -> None:
    table = pd.read_parquet(run.path / "evaluations" / "faces-test" / "predictions.parquet")
    found = {(each.attribute, each.name): each for each in accuracy_by_slice(table, groups)}
    right = np.array([number % 10 < (9 if number < 80 else 3) for number in range(IMAGES)])
    truth = table["expression"].map(EXPRESSIONS.index).to_numpy()
    assert [name for _, name in found] == ["old", "oldest", "young", "a", "b"]
    tested = {}
    for key, each in found.items():
        member = (groups[key[0]] == key[1]).to_numpy()
        assert each.images == member.sum()
        assert each.accuracy == pytest.approx(right[member].mean())
        assert (each.low, each.high) == pytest.approx(wilson_interval(right[member].mean(), int(member.sum())))
        shares = np.array([right[truth == label].mean() for label in range(8)])
        assert each.expected == pytest.approx(shares[truth[member]].mean())
        if key[1] != "oldest":
            tested[key] = mantel_haenszel(member, right, truth).p_value
    assert found["group", "oldest"].p_holm is None
    for key, value in zip(tested, holm(list(tested.values())), strict=True):
        assert found[key].p_holm == pytest.approx(value)
    verdicts = {row["images"]: row["verdict"] for row in slice_rows(list(found.values()))}
    assert verdicts == {"old": "worse", "oldest": "", "young": "better", "a": "", "b": ""}


def test_images_without_prediction_or_slice_do_not_count(run: Run, groups: pd.DataFrame) -> None:
    table = pd.read_parquet(run.path / "evaluations" / "faces-test" / "predictions.parquet")
    found = accuracy_by_slice(table.iloc[:100], groups.iloc[50:])
    assert {each.name: each.images for each in found if each.attribute == "group"} == {"old": 20, "young": 30}


def test_a_run_without_expressions_is_told(run: Run, groups: pd.DataFrame) -> None:
    table = pd.read_parquet(run.path / "evaluations" / "faces-test" / "predictions.parquet")
    silent = table.assign(**{f"prob_{name}": np.nan for name in EXPRESSIONS})
    with pytest.raises(CheckpointError, match="needs a run that predicts expressions"):
        accuracy_by_slice(silent, groups)
    with pytest.raises(CheckpointError, match="None of the images that were predicted belongs to a slice"):
        accuracy_by_slice(table, groups.iloc[:0])


def test_slices_stay_as_long_as_their_predictions(run: Run, groups: pd.DataFrame) -> None:
    table = pd.read_parquet(run.path / "evaluations" / "faces-test" / "predictions.parquet")
    found = accuracy_by_slice(table, groups)
    assert read_slices(run, "faces-test") == ()
    path = write_slices(run, "faces-test", found)
    assert read_slices(run, "faces-test") == found
    path.with_name("predictions.parquet").write_bytes(b"others")
    assert read_slices(run, "faces-test") == ()
    path.write_text("{")
    assert read_slices(run, "faces-test") == ()
    with pytest.raises(CheckpointError, match="Evaluate the run again"):
        write_slices(run, "sfew-test", found)


def test_the_command_line_keeps_them_with_the_run(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.read_parquet(run.path / "evaluations" / "faces-test" / "predictions.parquet")
    rows = []
    for number, (name, expression) in enumerate(zip(table["sample_id"], table["expression"], strict=True)):
        save(tmp_path / name)
        rows.append(f"{name},{expression},test,{'young' if number < 80 else 'old'}")
    (tmp_path / "faces.csv").write_text("\n".join(["image,expression,split,age group", *rows]))
    monkeypatch.setenv("EMOTION_CHECKPOINTS", str(run.path.parent))
    dataset = load_plain_csv(tmp_path / "faces.csv").name
    store(run.path, table, dataset)
    arguments = ["slices", "mine", "--dataset", str(tmp_path / "faces.csv")]
    assert main([*arguments, "--by", "age group", "brightness"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"mine on {dataset}-test\n")
    assert "age group" in printed
    assert [each.name for each in read_slices(run, f"{dataset}-test")][-2:] == ["old", "young"]
    card = (run.path / "README.md").read_text()
    assert r"| age group | old | 80 | 0.300 \[0.211, 0.408\] | 0.600 | 0.000 | worse |" in card
    assert main([*arguments, "--by", "age group", "--json"]) == 0
    old, young = json.loads(capsys.readouterr().out)["mine"]
    assert (old["images"], old["accuracy"], young["accuracy"]) == (80, 0.3, 0.9)
    assert main([*arguments, "--by", "age"]) == 1
    assert capsys.readouterr().err.startswith(f"Error: '{dataset}' has no column 'age'. Did you mean 'age group'?")
    assert main([*arguments, "--split", "val"]) == 1
    assert (
        f"'mine' was not evaluated on {dataset}-val. Do so first: python -m emotion_core evaluate mine"
        in capsys.readouterr().err
    )
