"""Evaluation: what is stored, and that the shipped figures can be had again."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score

from emotion_core.calibrate import calibrate
from emotion_core.errors import CheckpointError, ConfigError, DataError
from emotion_core.evaluate import evaluate
from emotion_core.labels import EXPRESSIONS
from emotion_core.metrics.summary import summarize
from emotion_core.predict import Predictor
from emotion_core.results.evaluation import PREDICTION_COLUMNS
from emotion_core.results.find import DEFAULT_RUN, find_run
from emotion_core.results.summaries import load_summary

MakeRun = Callable[..., Path]
SHIPPED = Path(__file__).resolve().parents[1] / "checkpoints"


@pytest.fixture
def data(write_affectnet: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    rows = [(i % 8, (i % 5 - 2) / 2, 0.25, generator.integers(0, 255, (48, 48, 3), dtype=np.uint8)) for i in range(80)]
    return write_affectnet(tmp_path / "data", rows).parent


def test_stored_predictions_give_the_stored_measures(make_run: MakeRun, data: Path):
    run = find_run(make_run())
    evaluation = evaluate(run, "affectnet-3999", data, device="cpu")
    folder = run.path / "evaluations" / "affectnet-3999-test"
    assert evaluation.folder == folder
    predictions = pd.read_parquet(folder / "predictions.parquet")
    assert tuple(predictions.columns) == PREDICTION_COLUMNS
    stored = json.loads((folder / "metrics.json").read_text())
    assert stored["images"] == len(predictions) == 16
    for name, value in summarize(predictions).items():
        kept = stored["measures"][name]["value"]
        assert (kept is None and math.isnan(value)) or kept == pytest.approx(value, abs=1e-6), name
    assert {path.name for path in folder.iterdir()} == {"metrics.json", "predictions.parquet", "summary.npz"}
    kept = load_summary(run, "affectnet-3999-test")
    assert kept.measures == pytest.approx(summarize(predictions), nan_ok=True)


def test_predictions_are_those_of_the_predictor(make_run: MakeRun, data: Path):
    path = make_run()
    predictions = evaluate(find_run(path), "affectnet-3999", data, device="cpu", store=False).predictions
    files = [data / "affectnet-3999" / sample for sample in predictions["sample_id"]]
    read = Predictor.from_run(path, device="cpu").predict(files, whole="always")
    for row, prediction in zip(predictions.itertuples(), read, strict=True):
        [reading] = prediction.readings
        assert [getattr(row, f"prob_{name}") for name in EXPRESSIONS] == pytest.approx(
            list(reading.probabilities.values()), abs=1e-5
        )
        assert (row.pred_valence, row.pred_arousal) == pytest.approx((reading.valence, reading.arousal), abs=1e-5)


def test_mirror_image_is_averaged_in(make_run: MakeRun, data: Path):
    run = find_run(make_run())
    plain = evaluate(run, "affectnet-3999", data, device="cpu", store=False)
    mirrored = evaluate(run, "affectnet-3999", data, device="cpu", store=False, flip=True)
    assert (plain.metrics["flip"], mirrored.metrics["flip"]) == (False, True)
    assert not np.allclose(plain.predictions["pred_valence"], mirrored.predictions["pred_valence"])


def test_unreadable_picture_is_refused_or_counted(make_run: MakeRun, data: Path):
    run = find_run(make_run())
    sample = evaluate(run, "affectnet-3999", data, device="cpu", store=False).predictions["sample_id"].iloc[0]
    (data / "affectnet-3999" / sample).write_bytes(b"")
    with pytest.raises(DataError, match=rf"1 broken sample: {sample}"):
        evaluate(run, "affectnet-3999", data, device="cpu")
    metrics = evaluate(run, "affectnet-3999", data, device="cpu", on_error="skip", store=False).metrics
    assert (metrics["images"], metrics["left_out"]) == (15, 1)


def test_unknown_dataset_is_refused(make_run: MakeRun, data: Path):
    with pytest.raises(ConfigError, match="no dataset 'imagenet'"):
        evaluate(find_run(make_run()), "imagenet", data)


def test_shipped_figures_can_be_had_again_and_are_good_enough(shared_data: Path, tmp_path: Path):
    shutil.copytree(find_run(SHIPPED / DEFAULT_RUN).path, tmp_path / "copy")
    run = find_run(tmp_path / "copy")
    stored = run.evaluations["affectnet-3999-test"]
    evaluation = evaluate(run, "affectnet-3999", shared_data, device="cpu", flip=stored["flip"], store=False)
    assert evaluation.metrics["fingerprint"] == stored["fingerprint"]
    assert evaluation.metrics["images"] == 800
    # A few images may change sides where two classes are all but equal on another processor.
    for name, measure in stored["measures"].items():
        assert evaluation.metrics["measures"][name]["value"] == pytest.approx(measure["value"], abs=0.004), name
    table = evaluation.predictions
    names = table[[f"prob_{name}" for name in EXPRESSIONS]].idxmax(axis=1).str.removeprefix("prob_")
    measured = evaluation.metrics["measures"]["accuracy"]["value"]
    assert accuracy_score(table["expression"], names) == pytest.approx(measured, abs=1e-12)
    for measures in (stored["measures"], evaluation.metrics["measures"]):
        assert measures["accuracy"]["value"] >= 0.47
        assert measures["ccc_valence"]["value"] >= 0.55
        assert measures["ccc_arousal"]["value"] >= 0.45
    assert stored["chosen_by"]["split"] == "val"


def test_temperature_is_the_most_likely_one_on_the_validation_images(make_run: MakeRun, data: Path):
    path = make_run()
    run = find_run(path)
    before = evaluate(run, "affectnet-3999", data, split="val", device="cpu", store=False).predictions
    calibrated = calibrate(run, "affectnet-3999", data, device="cpu")
    assert json.loads((path / "run.json").read_text())["temperature"] == calibrated.info.temperature

    probs = before[[f"prob_{name}" for name in EXPRESSIONS]].to_numpy(dtype=np.float64)
    labels = np.array([EXPRESSIONS.index(name) for name in before["expression"]])

    def loss(temperature: float) -> float:
        scaled = probs ** (1 / temperature)
        return -np.log((scaled / scaled.sum(axis=1, keepdims=True))[np.arange(len(labels)), labels]).mean()

    best = calibrated.info.temperature
    assert loss(best) <= min(loss(best * 1.02), loss(best / 1.02))
    after = evaluate(calibrated, "affectnet-3999", data, split="val", device="cpu", store=False).metrics
    assert after["measures"]["log_loss"]["value"] == pytest.approx(loss(best), abs=1e-5)


def test_test_images_do_not_calibrate(make_run: MakeRun, data: Path):
    with pytest.raises(ConfigError, match="The test split chooses nothing"):
        calibrate(find_run(make_run()), "affectnet-3999", data, split="test")


def test_network_that_cannot_be_built_is_named(make_run: MakeRun, data: Path):
    path = make_run()
    info = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps(info | {"network": {"backbone": "alexnet", "input_size": 48}}))
    with pytest.raises(CheckpointError, match="cannot be built: There is no backbone 'alexnet'"):
        evaluate(find_run(path), "affectnet-3999", data, device="cpu")
