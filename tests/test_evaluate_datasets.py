"""Evaluation on every kind of dataset: fewer classes, CSV files, drawn faces; and that no picture is decoded twice."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import softmax
from sklearn import metrics as reference

import emotion_core.calibrate
import emotion_core.evaluate
from emotion_core.calibrate import calibrate
from emotion_core.cli import main
from emotion_core.compare import load_store, reported_entries
from emotion_core.data.datasets import load_dataset
from emotion_core.data.plain_csv import load_plain_csv
from emotion_core.data.table import FaceTable, build_frame
from emotion_core.data.transforms import decode_table
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.evaluate import evaluate, prediction_table
from emotion_core.explain.neighbours import Features
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.intervals import bootstrap_measures, wilson_interval
from emotion_core.metrics.summary import summarize
from emotion_core.models.checkpoint import load_network
from emotion_core.models.inference import infer
from emotion_core.results.find import find_run
from emotion_core.results.interpretation import Interpretation
from emotion_core.results.reviews import Review, ReviewStore
from emotion_core.results.run import Run, RunInfo, write_evaluation
from tests.data.layouts import save, write_fer2013_csv, write_folders

MakeRun = Callable[..., Path]
FOUR = ["happiness", "fear", "disgust", "anger"]
PROBS = [f"prob_{name}" for name in EXPRESSIONS]


@pytest.fixture
def fer2013(tmp_path: Path) -> Path:
    """20 training and 12 test rows of each of FER-2013's seven expressions."""
    rows = [(number % 7, "Training") for number in range(140)]
    rows += [(number % 7, ("PublicTest", "PrivateTest")[number % 2]) for number in range(84)]
    write_fer2013_csv(tmp_path / "data" / "fer2013.csv", rows)
    return tmp_path / "data"


@pytest.fixture
def predictions() -> pd.DataFrame:
    """300 images of four expressions, between which a network decides."""
    generator = np.random.default_rng(0)
    labels = generator.choice([EXPRESSIONS.index(name) for name in FOUR], 300)
    table = FaceTable(
        name="four", frame=build_frame(map(str, range(300)), [EXPRESSIONS[i] for i in labels]), read_bytes=str.encode
    )
    logits = (generator.normal(0, 1, (300, 8)) + 1.5 * np.eye(8)[labels]).astype(np.float32)
    run = Run(path=Path("four"), name="four", info=RunInfo(network={}, outputs=("expression",)))
    probs = Interpretation(temperature=0.7, classes=FOUR).probabilities(logits)
    return prediction_table(table, probs, np.zeros((300, 2), np.float32), run)


def test_a_run_decides_between_the_classes_of_the_dataset_alone(make_run: MakeRun, fer2013: Path) -> None:
    path = make_run("mine", temperature=1.7)
    run = find_run(path)
    evaluation = evaluate(run, "fer2013-4", fer2013, device="cpu")
    table = load_dataset("fer2013-4", fer2013).split("test")
    logits, _ = infer(load_network(run.info.network, run.weights), decode_table(table, 48)[1])
    columns = [EXPRESSIONS.index(name) for name in FOUR]
    expected = np.zeros((48, 8))
    expected[:, columns] = softmax(logits[:, columns] / 1.7, axis=1)
    np.testing.assert_allclose(evaluation.predictions[PROBS], expected, atol=1e-6)
    stored = json.loads((path / "evaluations" / "fer2013-4-test" / "metrics.json").read_text())
    assert (stored["num_classes"], stored["classes"], stored["images"]) == (4, FOUR, 48)
    [entry] = load_store().entries
    assert (entry.dataset, entry.num_classes) == ("fer2013-4", 4)
    assert {(beside.dataset, beside.num_classes) for beside in reported_entries("fer2013-4")} == {("fer2013", 4)}


@pytest.mark.parametrize(("name", "number"), [("fer2013", 7), ("affectnet-3999", 8)])
def test_other_datasets_have_their_own_classes(
    make_run: MakeRun, fer2013: Path, write_affectnet: Callable[..., Path], name: str, number: int
) -> None:
    write_affectnet(fer2013, [(index % 8, 0.0, 0.5) for index in range(80)])
    evaluation = evaluate(find_run(make_run()), name, fer2013, device="cpu", store=False)
    assert evaluation.metrics["num_classes"] == len(evaluation.metrics["classes"]) == number
    probs = evaluation.predictions[PROBS]
    assert (probs["prob_contempt"] == 0).all() == (number == 7)
    np.testing.assert_allclose(probs.sum(axis=1), 1, atol=1e-6)


def test_measures_over_absent_classes_are_those_of_scikit_learn(predictions: pd.DataFrame) -> None:
    measures = summarize(predictions)
    target, names = predictions["expression"], predictions[PROBS].idxmax(axis=1).str.removeprefix("prob_")
    four = predictions[[f"prob_{name}" for name in sorted(FOUR)]].to_numpy(dtype=float)
    one_hot = np.stack([target == name for name in sorted(FOUR)], axis=1)
    expected = {
        "accuracy": reference.accuracy_score(target, names),
        "f1_macro": reference.f1_score(target, names, labels=FOUR, average="macro"),
        "f1_weighted": reference.f1_score(target, names, labels=FOUR, average="weighted"),
        "cohen_kappa": reference.cohen_kappa_score(target, names),
        "roc_auc": reference.roc_auc_score(
            target, four / four.sum(axis=1, keepdims=True), multi_class="ovr", labels=sorted(FOUR)
        ),
        "pr_auc": reference.average_precision_score(one_hot, four, average="macro"),
        "brier": float(((four - one_hot) ** 2).sum(axis=1).mean()),
        "log_loss": reference.log_loss(target, four / four.sum(axis=1, keepdims=True), labels=sorted(FOUR)),
    }
    assert {name: measures[name] for name in expected} == pytest.approx(expected, abs=1e-6)


def test_intervals_over_absent_classes_are_those_of_the_repeated_rows(predictions: pd.DataFrame) -> None:
    counts = np.random.default_rng(1).multinomial(300, np.full(300, 1 / 300), 3)
    drawn = bootstrap_measures(predictions, counts)
    for index, row in enumerate(counts):
        repeated = predictions.iloc[np.repeat(np.arange(300), row)].reset_index(drop=True)
        expected = summarize(repeated)
        assert {name: values[index] for name, values in drawn.items()} == pytest.approx(expected, abs=1e-9)


def test_temperature_is_fitted_between_the_classes_of_the_dataset(
    make_run: MakeRun, fer2013: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = load_dataset("fer2013-4", fer2013).split("val")
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 2, (len(table), 8)) + 2 * table.targets

    def read(network: object, pixels: np.ndarray, **_: object) -> Features:
        some = logits[: len(pixels)] if len(pixels) == len(table) else np.zeros((len(pixels), 8))
        return Features(generator.normal(size=(len(pixels), 6)).astype(np.float16), some, np.zeros((len(pixels), 2)))

    monkeypatch.setattr(emotion_core.calibrate, "features_of", read)
    calibrated = calibrate(find_run(make_run()), "fer2013-4", fer2013, device="cpu")
    columns = [EXPRESSIONS.index(name) for name in FOUR]
    target = torch.tensor([FOUR.index(name) for name in table.frame["expression"]])

    def loss(temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(torch.from_numpy(logits[:, columns]) / temperature, target))

    best = calibrated.info.temperature
    assert 0.1 < best < 10
    assert loss(best) <= min(loss(best * 1.02), loss(best / 1.02))


def test_no_picture_is_decoded_twice(make_run: MakeRun, fer2013: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: Counter[str] = Counter()

    def watched(*arguments: object, **options: object) -> FaceTable:
        table = load_dataset(*arguments, **options)

        def read_bytes(sample_id: str) -> bytes:
            read[sample_id] += 1
            return table.read_bytes(sample_id)

        return replace(table, read_bytes=read_bytes)

    monkeypatch.setattr(emotion_core.evaluate, "load_dataset", watched)
    evaluate(find_run(make_run()), "fer2013-4", fer2013, device="cpu", store=False)
    # Test images of four classes, and all of the training split but its validation images, of seven.
    assert len(read) == 48 + 126
    assert set(read.values()) == {1}


def test_training_pictures_of_other_classes_leak_too(make_run: MakeRun, tmp_path: Path) -> None:
    folder = tmp_path / "fer2013"
    write_folders(folder, {f"train/{word}": 10 for word in ("angry", "sad")} | {"test/angry": 3})
    sad, tested = sorted((folder / "train" / "sad").iterdir()), sorted((folder / "test" / "angry").iterdir())
    in_val = set(load_dataset("fer2013", tmp_path).split("val").sample_ids)
    trained = next(path for path in sad if path.relative_to(folder).as_posix() not in in_val)
    tested[0].write_bytes(trained.read_bytes())
    metrics = evaluate(find_run(make_run()), "fer2013-4", tmp_path, device="cpu", store=False).metrics
    assert (metrics["images"], metrics["without_leaked"]["left_out"]) == (3, 1)


def write_faces(folder: Path, name: str) -> None:
    for number in range(16):
        save(folder / f"{number}.png")
    rows = [f"{number}.png,{EXPRESSIONS[number % 8]},0.5,{'test' if number >= 8 else 'train'}" for number in range(16)]
    (folder / name).write_text("\n".join(["image,expression,valence,split", *rows]) + "\n")


def test_a_csv_file_is_evaluated_and_stored_by_a_safe_name(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    write_faces(tmp_path, "My faces (2).csv")
    path = make_run("mine")
    assert main(["evaluate", "mine", "--dataset", str(tmp_path / "My faces (2).csv"), "--device", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("mine on My-faces-2@")
    assert ", test split: 8 images, " in printed
    rows = [line.split() for line in printed.splitlines() if line.startswith(EXPRESSIONS)]
    assert [(row[0], row[3]) for row in rows] == [(name, "1") for name in EXPRESSIONS]
    key = f"{load_plain_csv(tmp_path / 'My faces (2).csv').name}-test"
    assert {entry.name for entry in (path / "evaluations").iterdir()} == {key}
    [entry] = load_store().entries
    assert (entry.evaluation, entry.num_classes, entry.images) == (key, 8, 8)
    assert {"accuracy", "rmse_valence"} <= set(entry.measures)
    assert not {"rmse_arousal"} & set(entry.measures)


def test_files_of_one_name_have_an_evaluation_and_reviews_each(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = make_run("mine")
    for site in ("siteA", "siteB"):
        write_faces(tmp_path / site, "labels.csv")
    (tmp_path / "siteB" / "9.png").write_bytes((tmp_path / "siteB" / "8.png").read_bytes())
    first, second = (load_plain_csv(tmp_path / site / "labels.csv").name for site in ("siteA", "siteB"))
    with ReviewStore() as store:
        store.add(Review(dataset=first, sample_id="8.png", verdict="bad crop", reviewer="Ann"))
    (tmp_path / "siteA" / "labels.csv").rename(tmp_path / "siteA" / "gold.csv")
    reviewed = {}
    for file in ("siteA/gold.csv", "siteB/labels.csv"):
        assert main(["evaluate", "mine", "--dataset", str(tmp_path / file), "--device", "cpu", "--reviews"]) == 0
        reviewed[file] = "1 of the images are reviewed" in capsys.readouterr().out
    # The renamed file keeps its review, and the other one of its former name has none.
    assert list(reviewed.values()) == [True, False]
    assert {entry.evaluation for entry in load_store().entries} == {f"{first}-test".replace("labels", "gold"), f"{second}-test"}
    assert len(list((path / "evaluations").iterdir())) == 2


def test_a_name_that_other_content_has_is_refused_unless_it_is_to_be_replaced(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run("mine")
    write_faces(tmp_path / "sfew", "labels.csv")
    options = ["evaluate", "mine", "--dataset", "sfew", "--data-root", str(tmp_path), "--device", "cpu"]
    assert main(options) == 0
    before = find_run("mine").evaluations["sfew-test"]
    assert main(options) == 0
    labels = tmp_path / "sfew" / "labels.csv"
    labels.write_text(labels.read_text().replace("8.png,neutral,0.5,test", "8.png,neutral,-0.5,test"))
    capsys.readouterr()
    assert main(options) == 1
    message = capsys.readouterr().err
    assert f"has an evaluation sfew-test on other images or labels (7 images, {before['fingerprint']}; now " in message
    assert message.count("\n") == 1
    assert find_run("mine").evaluations["sfew-test"] == before
    run = find_run("mine")
    with pytest.raises(CheckpointError, match="on other images or labels"):
        write_evaluation(run.path, "sfew", "test", {**before, "fingerprint": "0"}, run.evaluation("sfew-test").predictions())
    assert main([*options, "--replace"]) == 0
    assert find_run("mine").evaluations["sfew-test"]["fingerprint"] != before["fingerprint"]


def test_a_csv_file_without_expressions_has_no_table_of_classes(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        save(tmp_path / f"{number}.png")
    (tmp_path / "a.csv").write_text("image,arousal,split\n" + "".join(f"{n}.png,0.{n},val\n" for n in range(4)))
    make_run("mine")
    options = ["--dataset", "a.csv", "--data-root", str(tmp_path), "--device", "cpu"]
    assert main(["evaluate", "mine", *options, "--split", "val"]) == 0
    assert "precision" not in capsys.readouterr().out
    with pytest.raises(ConfigError, match=r"No image of 'a@[0-9a-f]{8}', val, has an expression to calibrate on"):
        calibrate(find_run("mine"), "a.csv", tmp_path, device="cpu")


def test_per_class_figures_are_printed_for_the_classes_of_the_dataset(
    make_run: MakeRun, fer2013: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run("mine")
    assert main(["evaluate", "mine", "--dataset", "fer2013-4", "--data-root", str(fer2013), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    start = next(index for index, line in enumerate(lines) if line.startswith("expression "))
    assert lines[start].split() == ["expression", "precision", "f1", "images", "recall", "95", "%", "interval"]
    rows = [line.split() for line in lines[start + 1 : start + 5]]
    assert [row[0] for row in rows] == FOUR
    predictions = pd.read_parquet(find_run("mine").path / "evaluations" / "fer2013-4-test" / "predictions.parquet")
    names = predictions[PROBS].idxmax(axis=1).str.removeprefix("prob_")
    expected = reference.precision_recall_fscore_support(predictions["expression"], names, labels=FOUR, zero_division=0)
    for row, precision, recall, f1, images in zip(rows, *expected, strict=True):
        assert [float(cell) for cell in row[1:5]] == pytest.approx([precision, f1, images, recall], abs=5e-4)
        assert [float(row[5]), float(row[7])] == pytest.approx(wilson_interval(recall, images), abs=5e-4)


def test_drawn_faces_need_no_data_folder(make_run: MakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    from emotion_core.data import datasets
    from emotion_core.data.schematic import load_schematic

    monkeypatch.setattr("emotion_core.data.schematic.load_schematic", lambda **options: load_schematic(count=80, **options))
    assert datasets.DATASETS["schematic"].affect
    metrics = evaluate(find_run(make_run()), "schematic", None, device="cpu", store=False).metrics
    assert (metrics["dataset"], metrics["num_classes"], metrics["images"]) == ("schematic", 8, 16)
    assert "ccc_valence" in metrics["measures"]


def test_a_dataset_that_needs_data_asks_for_it(
    make_run: MakeRun, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EMOTION_DATA", raising=False)
    make_run("mine")
    assert main(["evaluate", "mine", "--dataset", "raf-db", "--device", "cpu"]) == 1
    assert capsys.readouterr().err == (
        "Error: Where is 'raf-db'? Pass the folder of the datasets with --data-root, or set EMOTION_DATA.\n"
    )


def test_faces_are_looked_for_unless_a_dataset_has_them_cut(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    seen: list[tuple[int, ...]] = []

    def middle(image: np.ndarray, detector: object) -> np.ndarray:
        seen.append(image.shape)
        return image[: len(image) // 3, : image.shape[1] // 3]

    monkeypatch.setattr(emotion_core.evaluate, "crop_main_face", middle)
    write_faces(tmp_path, "mine.csv")
    run = find_run(make_run("mine"))
    found = evaluate(run, str(tmp_path / "mine.csv"), tmp_path, device="cpu", store=False)
    assert found.metrics["faces"] == "found"
    assert len(seen) == found.metrics["images"]
    given = evaluate(run, str(tmp_path / "mine.csv"), tmp_path, device="cpu", store=False, faces="given")
    assert given.metrics["faces"] == "given"
    assert len(seen) == found.metrics["images"]
    assert not np.allclose(given.predictions[PROBS], found.predictions[PROBS])
