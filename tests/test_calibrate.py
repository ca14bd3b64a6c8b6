"""One command gives a run its temperature, its sets, its verdicts and the faces it knows."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from emotion_core.calibrate import calibrate, own_datasets
from emotion_core.cli import main
from emotion_core.data.schematic import SchematicSource, sample_id
from emotion_core.data.transforms import resize_square
from emotion_core.errors import ConfigError
from emotion_core.images import read_image
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict import Predictor, estimate_mix, interpret_readings
from emotion_core.results.calibration import FILE
from emotion_core.results.find import find_run
from emotion_core.results.interpretation import interpret

MakeRun = Callable[..., Path]


@pytest.fixture(scope="module")
def drawn() -> list[np.ndarray]:
    return [resize_square(read_image(SchematicSource().read(sample_id(0, index))), 48) for index in range(200)]


@pytest.fixture
def calibrated(make_run: MakeRun, write_affectnet: Callable[..., Path], tmp_path: Path, drawn: list[np.ndarray]) -> Path:
    """A run with random weights, calibrated on drawn faces in AffectNet's layout."""
    data = tmp_path / "data"
    write_affectnet(data, [(index % 8, 0.0, 0.5, drawn[index + 40]) for index in range(160)])
    path = make_run("mine", dataset={"name": "affectnet-3999"})
    calibrate(find_run(path), None, data, device="cpu")
    return path


def test_everything_is_stored_with_the_run(calibrated: Path):
    info = json.loads((calibrated / "run.json").read_text())
    [(name, entry)] = info["calibration"].items()
    assert name == "affectnet-3999"
    assert entry["split"] == "val"
    assert (entry["images"], entry["prior"], entry["flip"]) == (26, "balanced", False)
    assert entry["temperature"] == info["temperature"]
    assert set(entry["verdicts"]) == {"balanced", "everyday"}
    assert (calibrated / FILE).stat().st_size < 300_000


def test_readings_carry_their_set_and_change_with_the_prior_alone(calibrated: Path, drawn: list[np.ndarray]):
    predictor = Predictor.from_run(calibrated, device="cpu")
    readings = predictor.read(drawn[:3])
    for reading in readings:
        assert reading.possible[0] == reading.expression
        assert reading.stands is not None
        assert sum(reading.probabilities.values()) == pytest.approx(1)
    balanced = interpret(find_run(calibrated), "trained")
    again = interpret_readings(readings, balanced)
    direct = Predictor.from_run(calibrated, device="cpu", prior="trained").read(drawn[:3])
    for one, other, before in zip(again, direct, readings, strict=True):
        assert dict(one.probabilities) == pytest.approx(dict(other.probabilities))
        assert (one.possible, one.stands, one.valence) == (other.possible, other.stands, before.valence)
        assert one.probabilities["neutral"] < before.probabilities["neutral"]


def test_words_of_a_verdict(calibrated: Path, drawn: list[np.ndarray]):
    from dataclasses import replace

    [reading] = Predictor.from_run(calibrated, device="cpu").read(drawn[:1])
    told = {
        (True, ("fear",)): "fear",
        (None, ()): "fear",
        (False, ("fear",)): "unsure: probably fear",
        (False, ("fear", "anger")): "unsure: fear or anger",
        (False, ("fear", "anger", "sadness")): "unsure: fear, anger or sadness",
        (False, ("fear", "anger", "sadness", "neutral")): "unsure: fear, anger or another",
    }
    for (stands, possible), words in told.items():
        assert replace(reading, expression="fear", stands=stands, possible=possible).verdict == words
    assert replace(reading, expression=None).verdict == ""


def test_another_benchmark_is_added_and_the_own_one_stays_first(calibrated: Path, tmp_path: Path, drawn: list[np.ndarray]):
    rows = ["image,expression,split"]
    (tmp_path / "other" / "affectnet-96").mkdir(parents=True)
    for index, picture in enumerate(drawn[:80]):
        Image.fromarray(picture).save(tmp_path / "other" / "affectnet-96" / f"{index}.png")
        rows.append(f"{index}.png,{EXPRESSIONS[index % 8]},{'val' if index < 40 else 'train'}")
    (tmp_path / "other" / "affectnet-96" / "labels.csv").write_text("\n".join(rows))
    run = calibrate(find_run(calibrated), "affectnet-96", tmp_path / "other", device="cpu")
    assert list(run.info.calibration) == ["affectnet-3999", "affectnet-96"]
    assert run.info.temperature == run.info.calibration["affectnet-3999"]["temperature"]
    assert len(interpret(run, benchmark="affectnet-96")._faces.labels) == run.info.calibration["affectnet-96"]["images"] == 40


def test_what_is_no_face_is_unfamiliar(calibrated: Path, drawn: list[np.ndarray]):
    predictor = Predictor.from_run(calibrated, device="cpu")
    assert sum(reading.unfamiliar for reading in predictor.read(drawn[:40])) <= 8
    noise = np.random.default_rng(0).integers(0, 256, (48, 48, 3), dtype=np.uint8)
    flat = np.full((48, 48, 3), 128, dtype=np.uint8)
    [prediction, other] = predictor.predict([noise, flat], whole="always")
    assert "unlike the faces that the network was trained on" in prediction.warnings(0)
    assert "blurred" in other.warnings(0)
    for each in (prediction, other):
        assert each.to_dict()["faces"][0]["warnings"] == list(each.warnings(0))


def test_a_mix_is_estimated_from_enough_faces(calibrated: Path, drawn: list[np.ndarray]):
    predictor = Predictor.from_run(calibrated, device="cpu", prior="estimate")
    predictions = predictor.predict(drawn[:40], whole="always")
    found = estimate_mix(predictions)
    mix = found[0].interpretation.prior
    assert mix.name == "estimate"
    mean = np.mean([list(each.readings[0].probabilities.values()) for each in found], axis=0)
    np.testing.assert_allclose(mean, mix.array, atol=1e-4)
    with pytest.raises(ConfigError, match="3 faces suggest no mix"):
        estimate_mix(predictions[:3])


def test_the_command_line_says_which_mix_counts(calibrated: Path, tmp_path: Path, drawn: list[np.ndarray], capsys):
    photo = str(tmp_path / "face.png")
    cv2.imwrite(photo, drawn[0])
    command = ["predict", photo, "--run", "mine", "--device", "cpu", "--whole-image", "always"]
    assert main([*command, "--json"]) == 0
    told = capsys.readouterr()
    assert "Probabilities assume the everyday mix of expressions (neutral 33 %" in told.err
    record = json.loads(told.out)
    assert (record["prior"]["name"], record["coverage"]) == ("everyday", 0.9)
    [face] = record["faces"]
    assert face["expression"] == face["set"][0]
    assert "blurred" in " ".join(face["warnings"]) or isinstance(face["stands"], bool)
    assert main([*command, "--prior", "balanced", "--coverage", "0.5", "--json"]) == 0
    told = capsys.readouterr()
    assert "all expressions are equally frequent" in told.err
    half = json.loads(told.out)
    assert (half["prior"]["name"], half["coverage"]) == ("balanced", 0.5)
    assert main([*command, "--prior", "everyday", "--coverage", "0.5", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["faces"][0]["set"]) <= len(face["set"])
    assert main([*command, "--prior", "estimate"]) == 1
    assert capsys.readouterr().err.strip() == (
        "Error: 1 face suggests no mix of expressions; at least 30 are needed to estimate one."
    )
    assert main([*command, "--prior", "neutral=-1"]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_evaluate_records_the_prior_and_what_the_sets_hold(calibrated: Path, tmp_path: Path, capsys):
    command = ["evaluate", "mine", "--dataset", "affectnet-3999", "--data-root", str(tmp_path / "data"), "--device", "cpu"]
    stored = calibrated / "evaluations" / "affectnet-3999-test" / "metrics.json"
    for prior, expected in (([], "balanced"), (["--prior", "everyday"], "everyday")):
        assert main([*command, *prior]) == 0
        told = capsys.readouterr().out
        assert f"prior: {expected}" in told
        assert "verdicts that stand" in told
        metrics = json.loads(stored.read_text())
        assert metrics["prior"]["name"] == expected
        assert metrics["sets"]["asked"] == 0.9
        assert 0 <= metrics["sets"]["coverage"]["low"] <= metrics["sets"]["coverage"]["value"] <= 1
        assert 1 <= metrics["sets"]["mean_size"] <= 8


def test_the_datasets_of_a_run_are_those_that_it_names(make_run: MakeRun):
    sources = {"name": "affectnet-3999", "sources": [{"dataset": "ferplus"}, {"dataset": "affectnet-3999"}, {"dataset": "x"}]}
    assert own_datasets(find_run(make_run("several", dataset=sources))) == ["affectnet-3999", "ferplus"]
    with pytest.raises(ConfigError, match="Name the datasets with --dataset"):
        own_datasets(find_run(make_run("none")))
