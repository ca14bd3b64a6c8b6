from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from emotion_core.cli import main
from emotion_core.data.plain_csv import load_plain_csv
from emotion_core.errors import CheckpointError
from emotion_core.inspection.accuracy_slices import EXPRESSION, REGION, accuracy_by_slice, known_slices, what_first
from emotion_core.inspection.affect import QUARTERS
from emotion_core.inspection.attributes import cut_attributes
from emotion_core.inspection.table import inspect_runs
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
        assert each.lost == pytest.approx(sum(shares[label] for label in truth[member]) - right[member].sum())
        # Each half has expressions of its own, so there is nothing to compare it with.
        assert (each.difference is None) == (key[0] == "half")
        if each.difference is not None:
            assert each.difference == pytest.approx(mantel_haenszel(member, right, truth).difference)
        if key[1] != "oldest":
            tested[key] = mantel_haenszel(member, right, truth).p_value
    assert found["group", "oldest"].p_holm is None
    for key, value in zip(tested, holm(list(tested.values())), strict=True):
        assert found[key].p_holm == pytest.approx(value)
    verdicts = {row["images"]: row["verdict"] for row in slice_rows(list(found.values()))}
    assert verdicts == {"old": "worse", "oldest": "", "young": "better", "a": "", "b": ""}


def test_true_expressions_are_held_against_all_others(run: Run) -> None:
    table = pd.read_parquet(run.path / "evaluations" / "faces-test" / "predictions.parquet")
    inspected = inspect_runs([table])
    cut = known_slices(inspected, pd.DataFrame())
    assert list(cut.columns) == [EXPRESSION, REGION]
    found = {each.name: each for each in accuracy_by_slice(table, cut)}
    right = np.array([number % 10 < (9 if number < 80 else 3) for number in range(IMAGES)])
    for number, name in enumerate(EXPRESSIONS):
        member = np.arange(IMAGES) % 8 == number
        assert found[name].difference == pytest.approx(right[member].mean() - right[~member].mean())
        assert found[name].expected == pytest.approx(right.mean())
    place = table.set_index("sample_id")[["valence", "arousal"]]
    sad = place.index[(place["valence"] < 0) & (place["arousal"] < 0)]
    assert set(cut.index[(cut[REGION] == "sad, bored").to_numpy()]) == set(sad)
    assert sum(found[name].images for name in QUARTERS) == IMAGES


def test_what_to_look_at_first_follows_from_the_figures(run: Run, groups: pd.DataFrame) -> None:
    table = pd.read_parquet(run.path / "evaluations" / "faces-test" / "predictions.parquet")
    first, second, third = what_first(accuracy_by_slice(table, groups))
    assert first.startswith("Look first at group “old”: 0.320 of 75 images right, 0.")
    assert "the rest of the same expressions (p < 0.01); it loses 2" in first
    assert second == "No other slice is significantly worse."
    assert third == "No significant difference by half."
    even = accuracy_by_slice(table, groups[["half"]])
    first, second, third = what_first(even)
    assert first == "No slice is significantly worse than the rest, among 1 attributes tested."
    assert third.startswith("So look at single images")


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
