"""Classifiers of timm and of Transformers that users bring along say what these libraries themselves compute."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from emotion_core.errors import ResultsError
from emotion_core.importing.networks import Given, open_network, read_outputs_list
from emotion_core.importing.networks.hub import fetch

SEVEN = read_outputs_list("fer2013")
IMAGES = [np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8) for seed in range(3)]
PREPARED = torch.stack([torch.from_numpy(image).permute(2, 0, 1).float() / 127.5 - 1 for image in IMAGES])
"""The same as these networks take them: mean and standard deviation 0.5."""


@pytest.fixture(scope="module")
def in_timm(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    """A small network of timm with seven classes, in a folder as timm writes it."""
    import timm
    from safetensors.torch import save_file

    folder = tmp_path_factory.mktemp("timm")
    torch.manual_seed(0)
    model = timm.create_model("test_convnext", pretrained=False, num_classes=7).eval()
    save_file(model.state_dict(), folder / "model.safetensors")
    cfg = {"input_size": [3, 32, 32], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 1.0, "interpolation": "bilinear"}
    config = {"architecture": "test_convnext", "num_classes": 7, "label_names": list(SEVEN), "pretrained_cfg": cfg}
    (folder / "config.json").write_text(json.dumps(config))
    return model, folder


def test_a_folder_of_timm_reads_as_timm_itself(in_timm: tuple[nn.Module, Path]) -> None:
    model, folder = in_timm
    by_name = Given(classes=SEVEN, size=(32, 32), mean=(0.5,) * 3, std=(0.5,) * 3)
    with torch.inference_mode():
        logits = model(PREPARED).numpy()
    for text, given in ((str(folder), Given()), (f"timm:test_convnext@{folder / 'model.safetensors'}", by_name)):
        network = open_network(text, given)
        said = network.compute(np.stack([network.prepare(image) for image in IMAGES]))
        np.testing.assert_allclose(said.scores, logits, atol=1e-5)
        assert (network.classes, network.input_size) == (SEVEN, 32)


def test_what_timm_does_not_know_is_said(in_timm: tuple[nn.Module, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    _, folder = in_timm
    weights = folder / "model.safetensors"
    for text, match in (
        (f"timm:resnet19@{weights}", r"timm has no 'resnet19'\. Did you mean 'resnet"),
        ("timm:resnet18", "know no expressions"),
        (f"timm:test_vit@{weights}", "does not hold the weights of 'test_vit' with 7 outputs"),
        (str(weights), "holds weights and no network"),
    ):
        with pytest.raises(ResultsError, match=match):
            open_network(text, Given(classes=SEVEN))
    with pytest.raises(ResultsError, match="Name them in the order of its outputs"):
        open_network(f"timm:test_convnext@{weights}")
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda name, **_: str(folder))
    assert open_network("hf:owner/name").classes == SEVEN

    def unreachable(name: str, **_: Any) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    with pytest.raises(ResultsError, match=r"cannot be fetched .* \(no route to host\)"):
        fetch("owner/name")


def test_a_classifier_of_transformers_reads_as_transformers_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = pytest.importorskip("transformers")
    labels = {place: name for place, name in enumerate(("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"))}
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=32, patch_size=16,
        id2label=labels, label2id={name: place for place, name in labels.items()},
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.ViTForImageClassification(config).eval()
    model.save_pretrained(tmp_path)
    how = {
        "image_processor_type": "ViTImageProcessor",
        "size": {"height": 32, "width": 32},
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "rescale_factor": 1 / 255,
        **dict.fromkeys(("do_resize", "do_rescale", "do_normalize"), True),
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(how))
    network = open_network(str(tmp_path))
    with torch.inference_mode():
        logits = model(pixel_values=PREPARED).logits.numpy()
    said = network.compute(np.stack([network.prepare(image) for image in IMAGES]))
    np.testing.assert_allclose(said.scores, logits, atol=1e-5)
    assert (network.classes, network.backbone, network.input_size) == (SEVEN, "vit", 32)
    path = tmp_path / "config.json"
    said_there = json.loads(path.read_text())
    for change, match in (
        ({"auto_map": {"AutoConfig": "x.Y"}}, "needs code of its author"),
        ({"id2label": {str(place): f"LABEL_{place}" for place in range(7)}}, "LABEL_0 is no expression"),
        ({"num_hidden_layers": 2}, "lack"),
    ):
        path.write_text(json.dumps({**said_there, **change}))
        with pytest.raises(ResultsError, match=match):
            open_network(str(tmp_path))
    path.write_text(json.dumps(said_there))
    (tmp_path / "model.safetensors").rename(tmp_path / "pytorch_model.bin")
    with pytest.raises(ResultsError, match="may run code of its author"):
        open_network(str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    (tmp_path / "pytorch_model.bin").rename(tmp_path / "model.safetensors")
    with pytest.raises(ResultsError, match="pip install transformers"):
        open_network(str(tmp_path))
