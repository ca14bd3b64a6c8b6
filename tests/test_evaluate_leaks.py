"""Figures with and without the images that the training split holds too."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from emotion_core.cli import main
from emotion_core.data.affectnet import load_affectnet
from emotion_core.evaluate import evaluate
from emotion_core.labels import FERPLUS_VOTES
from emotion_core.metrics.summary import summarize
from emotion_core.results.find import find_run
from emotion_core.results.measured import measures_without

MakeRun = Callable[..., Path]


@pytest.fixture
def data(write_affectnet: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    rows = [(i % 8, (i % 5 - 2) / 2, 0.25, generator.integers(0, 255, (48, 48, 3), dtype=np.uint8)) for i in range(80)]
    return write_affectnet(tmp_path / "data", rows).parent


@pytest.fixture
def leaked(data: Path) -> list[str]:
    """Two test images that are overwritten with training images, and a validation image with a test image."""
    table = load_affectnet(data)
    train, val, test = (table.split(split).sample_ids for split in ("train", "val", "test"))
    for source, target in ((train[0], test[3]), (train[0], test[5]), (test[0], val[0])):
        shutil.copyfile(data / table.name / source, data / table.name / target)
    return [test[3], test[5]]


def test_figures_without_leaked_images_are_stored_beside_the_others(make_run: MakeRun, data: Path, leaked: list[str]):
    run = find_run(make_run())
    evaluation = evaluate(run, "affectnet-3999", data, device="cpu")
    stored = json.loads((run.path / "evaluations" / "affectnet-3999-test" / "metrics.json").read_text())
    assert stored["images"] == len(evaluation.predictions) == 16
    rest = stored["without_leaked"]
    assert (rest["images"], rest["left_out"], rest["ids"]) == (14, 2, sorted(leaked))
    clean = evaluation.predictions[~evaluation.predictions["sample_id"].isin(leaked)]
    expected = summarize(clean)
    assert list(rest["measures"]) == list(expected) == list(stored["measures"])
    for name, value in expected.items():
        measure = rest["measures"][name]
        assert (measure["value"] is None and math.isnan(value)) or measure["value"] == pytest.approx(value, abs=1e-6), name
        assert measure["value"] is None or measure["low"] <= measure["high"]


@pytest.mark.parametrize("split", ["train", "val"])
def test_a_split_without_leaked_images_has_no_second_figures(make_run: MakeRun, data: Path, leaked: list[str], split: str):
    # The validation split shares a picture with the test split only; the training split is not held out from itself.
    metrics = evaluate(find_run(make_run()), "affectnet-3999", data, split=split, device="cpu", store=False).metrics
    assert "without_leaked" not in metrics


def test_training_pictures_without_label_count(make_run: MakeRun, tmp_path: Path):
    cells = {"anger": "10", "unknown": "10"}
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 255, (2, 48, 48), dtype=np.uint8)
    lines = [",".join(["Usage", "Image name", *FERPLUS_VOTES])]
    for usage, folder, name, image, winner in (
        ("Training", "FER2013Train", "a.png", first, "unknown"),
        ("PrivateTest", "FER2013Test", "b.png", first, "anger"),
        ("PrivateTest", "FER2013Test", "c.png", second, "anger"),
    ):
        path = tmp_path / "ferplus" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
        lines.append(",".join([usage, name, *(cells[winner] if column == winner else "0" for column in FERPLUS_VOTES)]))
    (tmp_path / "ferplus" / "fer2013new.csv").write_text("\n".join(lines) + "\n")
    metrics = evaluate(find_run(make_run()), "ferplus", tmp_path, device="cpu", store=False).metrics
    assert metrics["images"] == 2
    assert (metrics["without_leaked"]["images"], metrics["without_leaked"]["left_out"]) == (1, 1)


def test_when_all_are_leaked_there_is_nothing_to_measure():
    predictions = pd.DataFrame({"sample_id": ["a", "b"]})
    assert measures_without(predictions, frozenset("abc")) == {"images": 0, "left_out": 2, "measures": {}}
    assert measures_without(predictions, frozenset("c")) is None


def test_both_columns_are_printed(make_run: MakeRun, data: Path, leaked: list[str], capsys: pytest.CaptureFixture[str]):
    make_run("mine")
    options = ["--dataset", "affectnet-3999", "--data-root", str(data), "--device", "cpu"]
    assert main(["evaluate", "mine", *options]) == 0
    printed = capsys.readouterr().out
    assert "2 images also stand, pixel for pixel, in the training split; on the right, the 14 others\n" in printed
    [accuracy] = [line for line in printed.splitlines() if line.startswith("accuracy")]
    assert accuracy.count(" to ") == 2
    assert main(["evaluate", "mine", *options, "--split", "val"]) == 0
    printed = capsys.readouterr().out
    assert "also stand" not in printed
    assert all(line.count(" to ") <= 1 for line in printed.splitlines())
