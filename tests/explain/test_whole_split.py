"""Mean maps are the means of what is computed face by face, and the command stores them with what methods are worth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from emotion_core.cli import main
from emotion_core.data.affectnet import load_affectnet
from emotion_core.data.transforms import decode_table
from emotion_core.errors import CheckpointError, ConfigError
from emotion_core.explain import cam_for_all, normalise_maps
from emotion_core.explain.faithfulness import judge_methods
from emotion_core.explain.mean_maps import mean_maps
from emotion_core.explain.whole_split import explain_split
from emotion_core.labels import OUTPUTS
from emotion_core.models.checkpoint import load_network
from emotion_core.models.inference import to_input
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.explanations import FAITHFULNESS, MAPS, read_explanations
from emotion_core.results.find import find_run

MakeRun = Callable[..., Path]


@pytest.fixture
def data(write_affectnet: Callable[..., Path], tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    rows = [(i % 8, (i % 5 - 2) / 2, 0.25, generator.integers(0, 255, (48, 48, 3), dtype=np.uint8)) for i in range(80)]
    return write_affectnet(tmp_path / "data", rows).parent


def evaluated(make_run: MakeRun, **settings: object) -> Path:
    path = make_run(**settings)
    folder = path / "evaluations" / "affectnet-3999-test"
    folder.mkdir(parents=True)
    (folder / "metrics.json").write_text("{}")
    return path


def test_means_are_those_of_single_faces(build: Callable[..., EmotionNetwork]):
    network = build("custom_cnn")
    pixels = np.random.default_rng(1).integers(0, 255, (30, 3, 64, 64), dtype=np.uint8)
    labels = np.random.default_rng(2).integers(-1, 3, 30)
    found, predicted = mean_maps(network, pixels, labels, batch_size=7)
    singles = []
    for row, label in enumerate(labels):
        outputs, raw = cam_for_all(network, to_input(network, torch.from_numpy(pixels[row : row + 1])))
        said = int(outputs.logits.argmax())
        assert predicted[row] == said
        singles.append((label, said, normalise_maps(raw)[0].numpy()))
    for label in range(8):
        for right in (0, 1):
            mine = [(said, maps) for true, said, maps in singles if true == label and (said == true) == right]
            assert found.counts[label, right] == len(mine)
            for place, wanted in enumerate(("said", "true")):
                expected = np.mean([maps[said if wanted == "said" else label] for said, maps in mine], axis=0) if mine else 0
                np.testing.assert_allclose(found.expression[label, right, place], expected, atol=1e-5)
    assert found.counts.sum() == (labels >= 0).sum()
    assert found.num_images == 30
    affect = np.mean([maps[len(OUTPUTS) - 2 :] for _, _, maps in singles], axis=0)
    np.testing.assert_allclose(found.affect, affect, atol=1e-5)
    assert mean_maps(network, pixels, labels, affect=False)[0].affect.shape == (0, *affect.shape[1:])
    with pytest.raises(ValueError, match="no picture"):
        mean_maps(network, pixels[:0], labels[:0])


def test_a_network_decides_between_the_expressions_of_the_dataset(build: Callable[..., EmotionNetwork]):
    network = build("custom_cnn")
    pixels = np.random.default_rng(1).integers(0, 255, (12, 3, 64, 64), dtype=np.uint8)
    with torch.inference_mode():
        logits = network(to_input(network, torch.from_numpy(pixels))).logits.numpy()
    _, predicted = mean_maps(network, pixels, np.full(12, 2), classes=("sadness", "anger"))
    assert predicted.tolist() == [2 if row[2] > row[6] else 6 for row in logits]
    judged = judge_methods(network, pixels, predicted, ["centre"], classes=("sadness", "anger"))["centre"]
    expected = 1 / (1 + np.exp(-np.abs(logits[:, 2] - logits[:, 6])))
    np.testing.assert_allclose(judged.insertion[:, -1], expected, atol=1e-5)


def test_the_command_stores_and_prints(make_run: MakeRun, data: Path, capsys: pytest.CaptureFixture[str]):
    path = evaluated(make_run)
    name = find_run(path).name
    options = ["explain", name, "--dataset", "affectnet-3999", "--data-root", str(data), "--device", "cpu"]
    assert main([*options, "--images", "8", "--methods", "gradcam", "layercam"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"{name} on affectnet-3999, test split: mean maps of 16 images"
    assert lines[1].startswith("judged on 8 of 16 images, as many of each expression as there are, in ")
    assert [line.split()[:2] for line in lines[3:7]] == [["gradcam", "8"], ["layercam", "8"], ["random", "8"], ["centre", "8"]]
    assert [line.count("[") for line in lines[3:7]] == [2, 2, 1, 1]
    assert "explains this run best" in lines[8]

    run = find_run(path)
    found = read_explanations(run, "affectnet-3999-test")
    table, pixels = decode_table(load_affectnet(data).split("test"), 48)
    assert found.about["fingerprint"] == table.fingerprint()
    maps, _ = mean_maps(load_network(run.info.network, run.weights).eval(), pixels, table.expression_indices)
    np.testing.assert_allclose(found.maps.expression, maps.expression, atol=1e-3)
    folder = path / "evaluations" / "affectnet-3999-test"
    sizes = (folder / MAPS).stat().st_size + (folder / FAITHFULNESS).stat().st_size
    assert sizes < 300_000
    first = json.loads((folder / FAITHFULNESS).read_text())
    assert (first["images"], first["of"], first["seed"]) == (8, 16, 0)
    assert len(first["methods"]["gradcam"]["insertion_curve"]) == len(first["fractions"]) == 11

    shutil.copytree(path, path.with_name("again"))
    methods = ["gradcam", "layercam"]
    again = explain_split(
        find_run(path.with_name("again")), "affectnet-3999", data, num_images=8, methods=methods, device="cpu"
    )
    assert {**again.faithfulness, "seconds": 0} == {**first, "seconds": 0}


def test_score_cam_is_judged_on_fewer_faces(make_run: MakeRun, data: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("emotion_core.explain.whole_split.FEWER", {"scorecam": 2})
    told: dict[str, int] = {}

    def progress(what: str, done: int, total: int) -> None:
        told[what] = told.get(what, 0) + done
        assert told[what] <= total

    found = explain_split(
        find_run(evaluated(make_run)), "affectnet-3999", data, num_images=8, methods=["gradcam", "scorecam"], device="cpu",
        progress=progress,
    )  # fmt: skip
    assert {name: entry["images"] for name, entry in found.faithfulness["methods"].items()} == {
        "gradcam": 8, "scorecam": 2, "random": 8, "centre": 8,
    }  # fmt: skip
    assert list(told.values()) == [16, 2, 24]


def test_what_cannot_be_explained_is_refused(make_run: MakeRun, data: Path, monkeypatch: pytest.MonkeyPatch):
    run = find_run(evaluated(make_run))
    with pytest.raises(ConfigError, match=r"no CAM method 'lime'\. Known: gradcam"):
        explain_split(run, "affectnet-3999", data, methods=["lime"], device="cpu")
    with pytest.raises(ConfigError, match="at least 8 images"):
        explain_split(run, "affectnet-3999", data, num_images=7, device="cpu")
    # Before anything is computed.
    monkeypatch.setattr("emotion_core.explain.whole_split.mean_maps", None)
    with pytest.raises(CheckpointError, match="has not been evaluated on the val split"):
        explain_split(run, "affectnet-3999", data, split="val", num_images=8, methods=["gradcam"], device="cpu")
    affect_only = find_run(make_run("affect", outputs=("affect",)))
    with pytest.raises(ConfigError, match="is not trained on expressions"):
        explain_split(affect_only, "affectnet-3999", data, device="cpu")
