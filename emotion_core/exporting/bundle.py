"""A run as a folder with all that predicting takes: graph, preprocessing, classes, card, checksums and an example."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import torch

from emotion_core.data.datasets import DATASETS
from emotion_core.durable import replace_durably
from emotion_core.errors import CheckpointNotFoundError, ConfigError
from emotion_core.explain import exact_maps
from emotion_core.faces.crop import CROP_SCALE
from emotion_core.faces.loading import MODEL_NAME
from emotion_core.faces.yunet import CLOSE_UP_SIDE, SCORE_THRESHOLD
from emotion_core.labels import EXPRESSIONS, OUTPUTS
from emotion_core.models.checkpoint import load_network
from emotion_core.models.graphs import export_module
from emotion_core.models.network import EmotionNetwork
from emotion_core.results.card import render_card
from emotion_core.results.files import strict_json, write_text
from emotion_core.results.interpretation import Interpretation, interpret
from emotion_core.results.run import Run

TARGETS = ("onnx", "openvino", "huggingface")
"""What a run can be exported to: an ONNX graph, OpenVINO's format, or a model folder of the Hugging Face hub."""

GRAPH_OUTPUTS = ("logits", "affect", "maps")


class _WithMaps(torch.nn.Module):
    """Logits, valence and arousal, and the raw Grad-CAM maps of all ten outputs."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs = self.network(images)
        return outputs.logits, outputs.affect, exact_maps(outputs, self.network.output_gradients(outputs.pooled))


def export_run(run: Run, target: str, folder: Path) -> list[Path]:
    """Write a run for other programs; all of it or nothing.

    Args:
        run: with weights.
        target: one of :data:`TARGETS`.
        folder: that is made; one that is there has to be empty.

    Returns:
        The files that were written.

    Raises:
        ConfigError: unknown target, a package that is not installed, a folder that is not empty or cannot be written, or a
            network that does not take colour pictures.
        CheckpointError: the run has no usable weights.
        GraphError: the network cannot be exported.
    """
    _check(run, target, folder)
    network = load_network(run.info.network, run.weights).eval()
    graph = export_module(_WithMaps(network), network, GRAPH_OUTPUTS)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".export-") as place:
            made = Path(place) / "made"
            made.mkdir()
            _fill(made, run, network, target, graph)
            if folder.is_dir():
                folder.rmdir()
            replace_durably(made, folder)
    except OSError as error:
        raise ConfigError(f"'{folder}' cannot be written ({error.strerror or error}). Nothing is exported.") from error
    return sorted(folder.iterdir())


def _check(run: Run, target: str, folder: Path) -> None:
    if target not in TARGETS:
        raise ConfigError(f"A run cannot be exported to '{target}'. Known: {', '.join(TARGETS)}.")
    if target == "openvino" and importlib.util.find_spec("openvino") is None:
        raise ConfigError("Exporting to OpenVINO needs its package: pip install openvino.")
    if not run.has_weights:
        raise CheckpointNotFoundError(run.weights)
    if run.info.network.get("in_chans", 3) != 3:
        raise ConfigError(f"'{run.name}' does not take colour pictures, and only networks that do can be exported.")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"'{folder}' is there already and not an empty folder. Choose another one.")


def _fill(folder: Path, run: Run, network: EmotionNetwork, target: str, graph: bytes) -> None:
    if target == "openvino":
        openvino: Any = importlib.import_module("openvino")
        model = openvino.Core().read_model(graph, b"")
        openvino.save_model(model, folder / "network.xml", compress_to_fp16=False)
    else:
        (folder / "network.onnx").write_bytes(graph)
    write_text(folder / "preprocess.json", strict_json(describe(network, interpret(run)), indent=2) + "\n")
    (folder / MODEL_NAME).write_bytes((resources.files("emotion_core.faces") / "model" / MODEL_NAME).read_bytes())
    write_text(folder / "example.py", example("openvino" if target == "openvino" else "onnxruntime"))
    if target == "huggingface":
        shutil.copyfile(run.weights, folder / "model.safetensors")
        shutil.copyfile(run.path / "run.json", folder / "run.json")
    write_text(folder / "README.md", _hub_card(run) if target == "huggingface" else render_card(run))
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(folder.iterdir())]
    write_text(folder / "SHA256SUMS", "".join(sums))


def describe(network: EmotionNetwork, how: Interpretation) -> dict[str, Any]:
    """What has to be known to use the graph, as plain data.

    Probabilities are ``softmax(logits / temperature + shift)``: the shift leads from the prior in the logits to ``prior``, and
    is ``None`` for expressions that cannot be predicted.
    """
    config = network.config
    neutral = how.probabilities([[0.0] * len(EXPRESSIONS)])[0]
    shift = [None if share == 0 else float(torch.tensor(share, dtype=torch.float64).log()) for share in neutral]
    return {
        "size": config.input_size,
        "mean": list(config.mean),
        "std": list(config.std),
        "channels": "RGB, scaled to [0, 1], then normalised; images x channels x rows x columns",
        "resize": "bilinear with antialiasing (Pillow)",
        "detector": {"model": MODEL_NAME, "longer_side": CLOSE_UP_SIDE, "score": SCORE_THRESHOLD},
        "crop": {"shape": "square around the middle of the box", "side_per_longer_side_of_box": CROP_SCALE, "roll": "kept"},
        "flip": "logits, affect and maps are means over the face and its mirror image",
        "classes": list(EXPRESSIONS),
        "outputs": list(OUTPUTS),
        "temperature": how.temperature,
        "shift": shift,
        "prior": how.prior_dict(),
        "trained": None if how.trained is None else how.trained.to_dict(),
    }


def example(package: str) -> str:
    """The program that reads a photo with the exported files.

    Args:
        package: what runs the graph, ``"onnxruntime"`` or ``"openvino"``.
    """
    text = (resources.files("emotion_core.exporting") / "example.txt").read_text(encoding="utf-8")
    if package == "openvino":
        text = text.replace("as np, onnxruntime", "as np, openvino").replace("install onnxruntime", "install openvino")
        old, new = "onnxruntime.InferenceSession", "openvino.Core().compile_model"
        text = text.replace(
            f'{old}(here / "network.onnx").run(None, {{"images": batch}})',
            f'{new}(here / "network.xml", "CPU", F32)(batch).values()',
        )
        text = text.replace("\nhere =", '\nF32 = {"INFERENCE_PRECISION_HINT": "f32"}\nhere =')
    return text


def _hub_card(run: Run) -> str:
    """The run's card with the front matter that the hub knows, written by the hub's own library."""
    from huggingface_hub import EvalResult, ModelCard, ModelCardData

    dataset = str(run.info.dataset.get("name", "unknown"))
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=metrics["dataset"],
            dataset_name=DATASETS[metrics["dataset"]].title if metrics["dataset"] in DATASETS else metrics["dataset"],
            dataset_split=metrics["split"],
            metric_type=name,
            metric_value=round(metrics["measures"][name]["value"], 4),
        )
        for metrics in run.evaluations.values()
        for name in ("accuracy", "ccc_valence", "ccc_arousal")
        if metrics.get("split") == "test" and (metrics.get("measures", {}).get(name) or {}).get("value") is not None
    ]
    data = ModelCardData(
        license="other",
        license_name="see-card",
        library_name="emotion_core",
        pipeline_tag="image-classification",
        tags=["facial-expression-recognition", "valence-arousal", "onnx", run.info.backbone],
        datasets=[source["dataset"] for source in run.info.dataset.get("sources", ())] or [dataset],
        model_name=run.name,
        eval_results=results or None,
    )
    body = render_card(run).split("\n---\n", 1)[1]
    return str(ModelCard(f"---\n{data.to_yaml()}\n---\n{body}"))
