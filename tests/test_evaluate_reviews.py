"""Figures without the images that reviewers exclude, and with the labels that they correct."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score

from emotion_core.cli import main
from emotion_core.evaluate import evaluate
from emotion_core.labels import AFFECT, EXPRESSIONS
from emotion_core.metrics.summary import summarize
from emotion_core.results.find import find_run
from emotion_core.results.measured import reviewed_measures
from emotion_core.results.reviews import Review, ReviewStore
from emotion_core.results.verdicts import VERDICT_COLUMNS

MakeRun = Callable[..., Path]


@pytest.fixture
def data(write_affectnet: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    rows = [(i % 8, (i % 5 - 2) / 2, 0.25, generator.integers(0, 255, (48, 48, 3), dtype=np.uint8)) for i in range(80)]
    return write_affectnet(tmp_path / "data", rows).parent


@pytest.fixture
def predictions() -> pd.DataFrame:
    """Eight images, one a class, of which the first four are right."""
    said = [*EXPRESSIONS[:4], *["neutral"] * 4]
    table = pd.DataFrame({"sample_id": list("abcdefgh"), "expression": EXPRESSIONS})
    for name in AFFECT:
        table[name] = np.linspace(-1, 1, 8)
        table[f"pred_{name}"] = np.linspace(-0.5, 1, 8)
    for name in EXPRESSIONS:
        table[f"prob_{name}"] = [0.93 if name == answer else 0.01 for answer in said]
    return table


def verdicts(*rows: tuple[str, str | None, str | None]) -> pd.DataFrame:
    return pd.DataFrame([(*row, 1, 1.0, False) for row in rows], columns=list(VERDICT_COLUMNS), dtype=object)


def test_figures_counted_by_hand(predictions: pd.DataFrame):
    found = reviewed_measures(
        predictions,
        verdicts(
            ("a", "wrong label", None),
            ("d", "fine", None),
            ("e", "wrong label", "neutral"),
            ("f", "not a face", None),
            ("g", None, None),
            ("h", "ambiguous", None),
            ("elsewhere", "bad crop", None),
        ),
    )
    assert found["reviewed"] == {"images": 6, "undecided": 1}
    rest = found["without_reviewed_out"]
    assert (rest["images"], rest["left_out"]) == (5, 3)
    # Of b, c, d, g and h the first three are right.
    assert rest["measures"]["accuracy"]["value"] == pytest.approx(3 / 5)
    corrected = found["with_corrected_labels"]
    assert (corrected["images"], corrected["corrected"]) == (8, 1)
    # With e called neutral, as the network does, five of eight are right.
    assert corrected["measures"]["accuracy"]["value"] == pytest.approx(5 / 8)
    assert corrected["measures"]["ccc_valence"]["value"] == pytest.approx(summarize(predictions)["ccc_valence"])


def test_reviews_that_change_nothing_add_no_figures(predictions: pd.DataFrame):
    assert reviewed_measures(predictions, verdicts()) == {"reviewed": {"images": 0, "undecided": 0}}
    found = reviewed_measures(predictions, verdicts(("a", "fine", None), ("b", "ambiguous", None)))
    assert found == {"reviewed": {"images": 2, "undecided": 0}}


def test_a_correction_to_the_label_that_it_has_is_none(predictions: pd.DataFrame):
    assert "with_corrected_labels" not in reviewed_measures(predictions, verdicts(("a", "wrong label", "neutral")))


def test_an_image_without_label_gets_one(predictions: pd.DataFrame):
    predictions.loc[predictions["sample_id"].isin(["e", "f"]), "expression"] = None
    found = reviewed_measures(predictions, verdicts(("e", "wrong label", "neutral")))["with_corrected_labels"]
    assert found["corrected"] == 1
    assert found["measures"]["accuracy"]["value"] == pytest.approx(5 / 7)


def test_reviews_are_stored_and_printed_with_an_evaluation(
    make_run: MakeRun, data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delenv("EMOTION_REVIEWS_URL", raising=False)
    path = make_run("mine")
    plain = evaluate(find_run(path), "affectnet-3999", data, device="cpu", store=False)
    options = ["evaluate", "mine", "--dataset", "affectnet-3999", "--data-root", str(data), "--device", "cpu", "--reviews"]
    assert main(options) == 0
    printed = capsys.readouterr().out
    assert "0 of the images are reviewed" in printed
    assert "nothing is excluded or corrected, so the figures stay as they are\n" in printed
    assert not (path.parent / "reviews.sqlite").exists()

    first, second, third = plain.predictions["sample_id"][:3]
    said = plain.predictions.iloc[0][[f"prob_{name}" for name in EXPRESSIONS]].astype(float).idxmax().removeprefix("prob_")
    other = next(name for name in EXPRESSIONS if name not in (said, plain.predictions["expression"][0]))
    with ReviewStore() as store:
        for image, verdict, expression in ((first, "wrong label", other), (second, "bad crop", None), (third, "fine", None)):
            store.add(Review(dataset="affectnet-3999", sample_id=image, verdict=verdict, expression=expression, reviewer="Ann"))
    assert main(options) == 0
    printed = capsys.readouterr().out
    assert "3 of the images are reviewed; reviewers of 0 of them do not agree\n" in printed
    assert "reviewers exclude 2, which leaves 14\nreviewers agree on another expression for 1\n" in printed
    accuracy = [line for line in printed.splitlines() if line.startswith("accuracy")]
    assert [line.count(" to ") for line in accuracy] == [1, 2]

    stored = json.loads((path / "evaluations" / "affectnet-3999-test" / "metrics.json").read_text())
    clean = plain.predictions[~plain.predictions["sample_id"].isin([first, second])]
    names = clean[[f"prob_{name}" for name in EXPRESSIONS]].idxmax(axis=1).str.removeprefix("prob_")
    rest = stored["without_reviewed_out"]["measures"]["accuracy"]
    assert rest["value"] == pytest.approx(accuracy_score(clean["expression"], names), abs=1e-6)
    assert stored["measures"]["accuracy"]["value"] == pytest.approx(plain.metrics["measures"]["accuracy"]["value"])
    assert stored["with_corrected_labels"]["corrected"] == 1
    # Without the option, an evaluation says nothing of reviews.
    assert main(options[:-1]) == 0
    assert "reviewed" not in json.loads((path / "evaluations" / "affectnet-3999-test" / "metrics.json").read_text())


def test_reviews_are_summed_up_and_written_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("EMOTION_REVIEWS_URL", f"sqlite:///{tmp_path}/reviews.sqlite")
    assert main(["reviews"]) == 0
    assert capsys.readouterr().out == f"No reviews in '{tmp_path}/reviews.sqlite'. The Errors page is where they are given.\n"
    with ReviewStore() as store:
        for image, verdict, who in (("a", "fine", "Ann"), ("a", "bad crop", "Bob"), ("b", "bad crop", "Ann")):
            store.add(Review(dataset="faces", sample_id=image, verdict=verdict, reviewer=who, note="ä"))
    assert main(["reviews"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "faces: 2 images reviewed by 2 people; reviewers of 1 images differ"
    assert [line.split() for line in lines[1:]] == [["bad", "crop", "1"], ["undecided", "1"]]
    assert main(["reviews", "--dataset", "others"]) == 0
    assert "No reviews of 'others' in " in capsys.readouterr().out

    assert main(["reviews", "--csv", "-", "--dataset", "faces"]) == 0
    assert len(list(csv.reader(io.StringIO(capsys.readouterr().out)))) == 4
    assert main(["reviews", "--csv", str(tmp_path / "out.csv")]) == 0
    written = (tmp_path / "out.csv").read_bytes()
    assert written.startswith(b"\xef\xbb\xbfid,dataset")
    assert written.decode("utf-8-sig").count("ä") == 3
    assert main(["reviews", "--csv", str(tmp_path)]) == 1
    assert "cannot be written (Is a directory). Name another file with --csv." in capsys.readouterr().err


def test_an_unusable_database_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EMOTION_REVIEWS_URL", "postgresql://ann:hunter2@127.0.0.1:1/faces")
    assert main(["reviews"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("Error: Reviews cannot be kept in the database 'faces' of 'ann'")
    assert printed.err.count("\n") == 1
    assert "hunter2" not in printed.err
