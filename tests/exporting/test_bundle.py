"""What is exported needs nothing of ours and gives the numbers of the app."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from emotion_core.cli import main
from emotion_core.errors import CheckpointNotFoundError, ConfigError
from emotion_core.explain import overlay
from emotion_core.exporting import TARGETS, export_run
from emotion_core.faces import load_detector
from emotion_core.labels import EXPRESSIONS
from emotion_core.predict import Predictor, find_faces
from emotion_core.results.find import CLONED, DEFAULT_RUN, find_run

MakeRun = Callable[..., Path]


@pytest.mark.parametrize("target", TARGETS)
def test_the_example_alone_gives_the_numbers_of_the_app(target: str, portrait: Path, tmp_path: Path):
    run = find_run(CLONED / DEFAULT_RUN)
    folder = tmp_path / "exported"
    export_run(run, target, folder)
    # -I: nothing of the folder that it is started from, and no PYTHONPATH, so that our package cannot be imported.
    command = [sys.executable, "-I", str(folder / "example.py"), str(portrait), str(tmp_path / "overlay.png")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    [photo] = find_faces([portrait], load_detector())
    [face] = photo.faces
    [expected] = Predictor.from_run(run.path, device="cpu", runtime="torch").read([face.crop], flip=True)
    for name in EXPRESSIONS:
        assert found[name] == pytest.approx(expected.probabilities[name], abs=1e-4)
    assert found["valence"] == pytest.approx(expected.valence, abs=1e-4)
    assert found["arousal"] == pytest.approx(expected.arousal, abs=1e-4)
    drawn = np.asarray(Image.open(tmp_path / "overlay.png")).astype(int)
    ours = overlay(face.crop, expected.maps[expected.expression]).astype(int)
    assert drawn.shape == ours.shape
    # A value that lies on the border of two of 256 colours may fall to either side.
    assert np.abs(drawn - ours).max() <= 4
    assert np.abs(drawn - ours).mean() < 0.01


def test_the_example_fits_a_screen_and_imports_nothing_of_ours(make_run: MakeRun, tmp_path: Path):
    export_run(find_run(make_run()), "onnx", tmp_path / "out")
    text = (tmp_path / "out" / "example.py").read_text(encoding="utf-8")
    assert "emotion_core" not in text
    code = [line for line in text.split('"""', 2)[2].splitlines() if line.strip() and not line.startswith("#")]
    assert len(code) <= 36


@pytest.mark.parametrize("target", TARGETS)
def test_checksums_are_those_of_every_file(target: str, make_run: MakeRun, tmp_path: Path):
    files = export_run(find_run(make_run()), target, tmp_path / "out")
    lines = (tmp_path / "out" / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    sums = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    assert sums.keys() == {path.name for path in files} - {"SHA256SUMS"}
    assert all(hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == digest for name, digest in sums.items())


def test_preprocess_says_all_that_the_probabilities_need(make_run: MakeRun, tmp_path: Path):
    from scipy.special import softmax

    path = make_run(temperature=1.7)
    export_run(find_run(path), "onnx", tmp_path / "out")
    about = json.loads((tmp_path / "out" / "preprocess.json").read_text(encoding="utf-8"))
    assert (about["size"], about["classes"]) == (48, list(EXPRESSIONS))
    assert about["mean"] == pytest.approx([0.485, 0.456, 0.406])
    predictor = Predictor.from_run(path, device="cpu")
    [reading] = predictor.read([np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8)])
    probs = softmax(np.array(reading.logits) / about["temperature"] + np.array(about["shift"]))
    np.testing.assert_allclose(probs, list(reading.probabilities.values()), atol=1e-6)


def test_a_model_folder_of_the_hub_has_a_card_that_the_hub_reads(tmp_path: Path):
    from huggingface_hub import ModelCard
    from safetensors.torch import load_file

    run = find_run(CLONED / DEFAULT_RUN)
    export_run(run, "huggingface", tmp_path / "model")
    card = ModelCard.load(tmp_path / "model" / "README.md")
    assert card.data.to_dict()["library_name"] == "emotion_core"
    assert card.data.license == "other"
    assert card.data.pipeline_tag == "image-classification"
    stored = run.evaluations["affectnet-3999-test"]["measures"]["accuracy"]["value"]
    results = {(each.dataset_type, each.metric_type): each.metric_value for each in card.data.eval_results}
    assert results["affectnet-3999", "accuracy"] == pytest.approx(stored, abs=1e-4)
    assert "## Limits" in card.text
    assert load_file(tmp_path / "model" / "model.safetensors").keys() == load_file(run.weights).keys()


def test_an_exported_model_folder_is_a_run(make_run: MakeRun, tmp_path: Path):
    path = make_run()
    export_run(find_run(path), "huggingface", tmp_path / "model")
    crop = np.random.default_rng(0).integers(0, 255, (48, 48, 3), dtype=np.uint8)
    [ours] = Predictor.from_run(path, device="cpu").read([crop])
    [theirs] = Predictor.from_run(tmp_path / "model", device="cpu").read([crop])
    assert theirs.logits == ours.logits


def test_what_lies_in_the_way_stays(make_run: MakeRun, tmp_path: Path):
    run = find_run(make_run())
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is there already and not an empty folder"):
        export_run(run, "onnx", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]
    (tmp_path / "empty").mkdir()
    assert export_run(run, "onnx", tmp_path / "empty")


def test_nothing_is_left_of_an_export_that_fails(make_run: MakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*arguments: object, **settings: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("emotion_core.exporting.bundle.write_text", full)
    (tmp_path / "place").mkdir()
    with pytest.raises(ConfigError, match=r"cannot be written \(No space left on device\)\. Nothing is exported"):
        export_run(find_run(make_run()), "onnx", tmp_path / "place" / "out")
    assert list((tmp_path / "place").iterdir()) == []


def test_what_cannot_be_exported_is_said(make_run: MakeRun, tmp_path: Path):
    run = find_run(make_run())
    with pytest.raises(ConfigError, match="cannot be exported to 'tflite'"):
        export_run(run, "tflite", tmp_path / "out")
    run.weights.unlink()
    with pytest.raises(CheckpointNotFoundError):
        export_run(run, "onnx", tmp_path / "out")
    grey = find_run(make_run("grey", in_chans=1, mean=[0.5], std=[0.25]))
    with pytest.raises(ConfigError, match="does not take colour pictures"):
        export_run(grey, "onnx", tmp_path / "out")


def test_the_command_lists_what_it_wrote(make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    make_run()
    assert main(["export", DEFAULT_RUN, "--to", "onnx", "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert [Path(line.partition(" (")[0]).name for line in printed.splitlines()] == [
        *("README.md", "SHA256SUMS", "example.py", "face_detection_yunet_2023mar.onnx", "network.onnx", "preprocess.json")
    ]
