"""Results of others become runs that are compared like ours; mistakes are found, and nothing of them is stored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score

from emotion_core.cli import main
from emotion_core.compare import Entry, compare, find_entries, load_store, on_shared_images
from emotion_core.compare.matrix import generalisation_matrix, matrix_legend
from emotion_core.importing import Truth, guess_columns, known_benchmarks, prepare, read_classes, store_results
from emotion_core.labels import EXPRESSIONS
from emotion_core.remeasure import remeasure
from emotion_core.results.find import find_run
from tests.importing.conftest import IMAGES, image_names, probabilities

SEVEN = EXPRESSIONS[:7]
FER2013 = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


def write(path: Path, table: pd.DataFrame) -> str:
    table.to_csv(path, index=False)
    return str(path)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def results(classes: tuple[str, ...] = EXPRESSIONS, right: float = 0.6, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"image": image_names()}).join(probabilities(right, classes=classes)).assign(**columns)


def entries(*names: str) -> list[Entry]:
    return find_entries(load_store(), names)


def test_imported_predictions_are_compared_like_ours(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = results(valence=0.1, arousal=np.linspace(-1, 1, IMAGES))
    assert main(["import", write(tmp_path / "theirs.csv", table), "--benchmark", "faces", "--licence", "MIT"]) == 0
    assert "160 rows, found 160 by their full names; 160 images of faces-test count" in capsys.readouterr().out
    run = find_run("imported/theirs")
    assert (run.info.role, run.has_weights, run.info.outputs) == ("imported", False, ("expression", "affect"))
    said = np.array(EXPRESSIONS)[table[list(EXPRESSIONS)].to_numpy().argmax(axis=1)]
    right = accuracy_score(np.array(EXPRESSIONS)[np.arange(IMAGES) % 8], said)
    assert run.evaluations["faces-test"]["measures"]["accuracy"]["value"] == pytest.approx(right)
    both, words = on_shared_images(entries("ours", "imported/theirs"))
    assert words == ""
    comparison = compare(both, ["accuracy", "ccc_arousal"], baseline="ours")
    assert not comparison.apart
    assert comparison.against_baseline("imported/theirs", "accuracy") is not None
    assert remeasure(run, "faces-test").changed == ()
    card = (run.path / "README.md").read_text(encoding="utf-8")
    assert "Somebody else's network" in card
    assert "- Licence: MIT." in card
    assert main(["runs"]) == 0
    assert "imported; unknown, results only; faces-test" in capsys.readouterr().out


def test_networks_that_know_fewer_expressions_are_compared_on_the_images_that_both_can_answer(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["import", write(tmp_path / "seven.csv", results(SEVEN)), "--benchmark", "faces-test"]) == 0
    assert "It does not know contempt: 140 of the 160 images" in capsys.readouterr().out
    shared, words = on_shared_images(entries("ours", "imported/seven"))
    assert words == "On the 140 of 160 images that all of these runs can answer, between 7 expressions (without contempt)."
    ours, theirs = shared
    assert ours.num_classes == theirs.num_classes == 7
    # By hand: ours between the seven alone.
    table = find_run("ours").evaluation("faces-test").predictions()
    table = table[table["expression"] != "contempt"]
    said = np.array(SEVEN)[table[[f"prob_{name}" for name in SEVEN]].to_numpy().argmax(axis=1)]
    assert ours.measures["accuracy"].value == pytest.approx(accuracy_score(table["expression"], said))
    assert not compare(shared, ["accuracy", "log_loss", "ccc_valence"], baseline="ours").apart
    assert len(ours.predictions(["expression"])) == 140
    assert np.allclose(ours.predictions([]).filter(like="prob_").sum(axis=1), 1)
    apart = compare(entries("ours", "imported/seven"), ["accuracy"], baseline="ours").apart
    assert [entry.name for entry, _ in apart] == ["imported/seven"]
    matrix = generalisation_matrix(load_store().entries, names=["ours", "imported/seven"])
    marked = {name: row["faces-test"].text.endswith("‡") for name, row in matrix.rows.items()}
    assert marked == {"ours": False, "imported/seven": True}
    assert "‡ on the images that the run can answer alone" in matrix_legend(matrix)
    assert main(["compare", "ours", "imported/seven", "--measures", "accuracy"]) == 0
    assert capsys.readouterr().out.startswith(words)


def test_expressions_that_are_named_alone_have_no_measures_of_probabilities(checkpoints: Path, tmp_path: Path) -> None:
    named = pd.DataFrame({"image": image_names(), "emotion": probabilities().idxmax(axis=1)})
    assert main(["import", write(tmp_path / "named.csv", named), "--benchmark", "faces"]) == 0
    measures = find_run("imported/named").evaluations["faces-test"]["measures"]
    assert {"accuracy", "f1_macro", "cohen_kappa"} <= measures.keys()
    assert not {"log_loss", "ece", "roc_auc", "brier", "top2_accuracy"} & measures.keys()
    comparison = compare(on_shared_images(entries("ours", "imported/named"))[0], ["accuracy", "ece"], baseline="ours")
    assert comparison.against_baseline("imported/named", "accuracy") is not None
    assert comparison.against_baseline("imported/named", "ece") is None


def test_logits_become_probabilities(truth: Truth) -> None:
    probs = probabilities()
    logits = pd.DataFrame({"image": image_names()}).join(np.log(probs) + 3)
    found = prepare(logits, guess_columns(logits, logits=True), truth).predictions
    assert np.allclose(found[[f"prob_{name}" for name in EXPRESSIONS]], probs)


def test_a_file_with_truth_makes_a_benchmark_of_its_own(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    mine = results(truth=np.array(EXPRESSIONS)[np.arange(IMAGES) % 8])
    assert main(["import", write(tmp_path / "one.csv", mine), "--benchmark", "mine"]) == 0
    assert "mine-test" in known_benchmarks()
    # Another network needs no truth; one that says otherwise is refused.
    assert main(["import", write(tmp_path / "two.csv", results(right=0.5)), "--benchmark", "mine"]) == 0
    assert not compare(entries("imported/one", "imported/two"), ["accuracy"]).apart
    before = files(checkpoints)
    other = mine.assign(truth=mine["truth"].iloc[::-1].tolist())
    capsys.readouterr()
    assert main(["import", write(tmp_path / "three.csv", other), "--benchmark", "mine"]) == 1
    assert "differs from the truth of mine-test for" in capsys.readouterr().out
    assert main(["import", write(tmp_path / "four.csv", mine), "--benchmark", "sfew"]) == 1
    assert "is a dataset that there is already" in capsys.readouterr().err
    assert files(checkpoints) == before


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda t: t.assign(fear=t["fear"] / 2), [], "do not sum to 1: those of row"),
        (lambda t: t.assign(fear=t["fear"] * 4 - 9), [], "gives fear the probability -6.* logits"),
        (lambda t: t.assign(valence=7.0, arousal=1.0), [], r"runs from 7 to 7, outside \[-1, 1\].*--affect-range"),
        (lambda t: t.head(150), [], "10 of the 160 images .* have no prediction, such as 'images/IMG_0150.jpg'"),
        (lambda t: t.head(150), ["--min-share", "0.95"], "share of 0.938, and 0.95 is asked for"),
        (lambda t: pd.concat([t, t.assign(fear=0.0).iloc[:1]]), [], r"1 images have several rows .* \(rows 1 and 161\)"),
        (lambda t: t.assign(image=range(IMAGES)), [], "No row names an image of faces-test: 'image' holds '0'"),
        (lambda t: t.assign(image="x", other=t["image"]), [], "The column 'other' does: did you mean it"),
        (lambda t: t.assign(image=""), [], "Row 1 has an empty name"),
        (lambda t: t.assign(fear="a lot"), [], "Row 1 of the column 'fear' holds 'a lot'"),
        (lambda t: t.assign(fear=np.inf), [], "Row 1 of the column 'fear' holds 'inf'"),
        (lambda t: t.assign(image="<img src=x onerror=alert(1)>"), [], "No row names an image"),
        (lambda t: t, ["--name", "<b>"], "cannot name a run"),
        (lambda t: t, ["--experiment", "../up"], "cannot name a experiment"),
        (lambda t: t, ["--columns", "image"], "not ROLE=COLUMN"),
        (lambda t: t.assign(image="a", truth="fear"), ["--benchmark", "new"], "The image 'a' stands in the file twice"),
        (lambda t: t.assign(image="=" + t["image"], truth="fear"), ["--benchmark", "new"], "no name of a file"),
        (lambda t: t, ["--benchmark", "facse"], "Did you mean 'faces-test'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_stored(
    checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture, change, options: list[str], message: str
) -> None:  # fmt: skip
    before = files(checkpoints)
    path = write(tmp_path / "theirs.csv", change(results()))
    assert main(["import", path, "--benchmark", "faces", *options]) == 1
    printed = capsys.readouterr()
    assert printed.err.count("\n") <= 2  # a sentence, no traceback
    assert pd.Series([printed.out + printed.err]).str.contains(message, regex=True).all(), printed
    assert files(checkpoints) == before


def test_a_permuted_order_is_found_and_named(truth: Truth) -> None:
    numbered = probabilities(0.6)[list(FER2013)].set_axis([f"p{number}" for number in range(7)], axis=1)
    numbered = numbered.div(numbered.sum(axis=1), axis=0)
    table = pd.DataFrame({"image": image_names()}).join(numbered)
    [doubt] = prepare(table, guess_columns(table, classes=read_classes("affectnet7")), truth).doubts
    assert "Did you mean FER-2013's order (anger, disgust, fear, happiness, sadness, surprise, neutral)?" in doubt
    assert prepare(table, guess_columns(table, classes=read_classes("fer2013")), truth).doubts == ()
    # An order that nobody uses is found as well.
    named = results()[["image", *sorted(EXPRESSIONS, key=len)]]
    named = named.rename(columns=dict(zip(EXPRESSIONS, np.roll(EXPRESSIONS, 1), strict=True)))
    [doubt] = prepare(named, guess_columns(named), truth).doubts
    assert "another order of its expressions" in doubt


def test_a_weak_network_is_not_called_permuted(truth: Truth) -> None:
    weak = results(right=0.15)
    found = prepare(weak, guess_columns(weak), truth)
    assert found.doubts == ()
    assert any("no better than chance" in finding.text for finding in found.findings)


def test_the_truth_as_prediction_is_doubted(truth: Truth) -> None:
    copied = pd.DataFrame({"image": image_names(), "label": truth.frame["expression"]})
    [doubt] = prepare(copied, guess_columns(copied), truth).doubts
    assert "Is it the column of the truth?" in doubt


def test_rounded_probabilities_and_percentages_are_mended(truth: Truth) -> None:
    exact = prepare(results(), guess_columns(results()), truth).predictions.filter(like="prob_").to_numpy()
    for factor, digits, words in ((1, 2, "rounded"), (100, 3, "percentages")):
        table = results()
        table[list(EXPRESSIONS)] = (table[list(EXPRESSIONS)] * factor).round(digits)
        found = prepare(table, guess_columns(table), truth)
        assert any(words in finding.text for finding in found.findings)
        assert found.doubts == ()
        assert np.abs(found.predictions.filter(like="prob_").to_numpy() - exact).max() < 0.02


def test_other_scales_of_valence_are_mapped(truth: Truth) -> None:
    table = pd.DataFrame({"image": image_names(), "valence": np.linspace(1, 9, IMAGES), "arousal": 5.0})
    found = prepare(table, guess_columns(table), truth, affect_range=(1, 9)).predictions
    assert found["pred_valence"].tolist() == pytest.approx(np.linspace(-1, 1, IMAGES).tolist())
    assert (found["pred_arousal"] == 0).all()


def test_images_without_a_face_count_as_not_answered(truth: Truth) -> None:
    table = results().astype(object)
    table.iloc[3:8, 1:] = ""
    found = prepare(table, guess_columns(table), truth, min_share=0.9)
    assert len(found.predictions) == IMAGES - 5
    assert any(
        "5 of 160 images have no prediction, such as 'images/IMG_0003.jpg'" in finding.text for finding in found.findings
    )


def test_training_images_do_not_count_and_are_named(truth: Truth) -> None:
    more = results()
    more = pd.concat([more, more.head(20).assign(image=[f"images/T{number}.jpg" for number in range(20)])], ignore_index=True)
    known = {f"images/T{number}.jpg": "train" for number in range(20)}
    benchmark = Truth(dataset="faces", split="test", frame=truth.frame, elsewhere=lambda: known)
    found = prepare(more, guess_columns(more), benchmark)
    assert len(found.predictions) == IMAGES
    assert any("20 rows name no image" in finding.text and "20 in train" in finding.text for finding in found.findings)


def test_a_name_that_is_taken_is_refused(checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    path = write(tmp_path / "theirs.csv", results())
    assert main(["import", path, "--benchmark", "faces", "--dry-run"]) == 0
    assert not (checkpoints / "imported").exists()
    assert main(["import", path, "--benchmark", "faces"]) == 0
    assert main(["import", path, "--benchmark", "faces"]) == 1
    assert "or replace them (--replace)" in capsys.readouterr().err
    assert main(["import", path, "--benchmark", "faces", "--replace", "--source", "somewhere"]) == 0
    assert find_run("imported/theirs").info.origin == {"source": "somewhere"}


def test_a_store_that_fails_on_the_way_leaves_nothing(truth: Truth, checkpoints: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    table = results()
    prepared = prepare(table, guess_columns(table), truth)
    before = files(checkpoints)
    monkeypatch.setattr("emotion_core.importing.store.keep_summary", fail)
    with pytest.raises(ValueError, match="No space left on device"):
        store_results(prepared, checkpoints, name="theirs")
    assert files(checkpoints) == before


def test_what_is_stored_is_strict_json(checkpoints: Path, tmp_path: Path) -> None:
    constant = pd.DataFrame({"image": image_names(), "valence": 0.0, "arousal": 0.0})
    assert main(["import", write(tmp_path / "flat.csv", constant), "--benchmark", "faces"]) == 0

    def refuse(word: str) -> None:
        raise AssertionError(word)

    for path in (checkpoints / "imported" / "flat").rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
