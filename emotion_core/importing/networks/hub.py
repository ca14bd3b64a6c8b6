"""Image classifiers of timm and of Hugging Face Transformers, from folders with safetensors."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from emotion_core.errors import ResultsError, did_you_mean
from emotion_core.importing.networks.given import Given, classes_of_labels, prepared_by
from emotion_core.importing.networks.network import OwnNetwork, Said
from emotion_core.models.runtimes import installed
from emotion_core.texts import shorten

WEIGHTS = "model.safetensors"
PICKLED = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack")
"""Endings of files that may run code when they are opened, or that nothing here reads."""


class TorchNetwork(OwnNetwork):
    """A classifier that torch computes.

    Args:
        model: gives logits ``(B, K)``, or an object with ``logits``.
        prepare: a picture ``(H, W, 3)`` to an array ``(C, S, S)``.
        given: what is said of it, its classes included.
        width: number of its outputs.
        about: ``name``, ``backbone``, ``digest``, ``input_size``.
    """

    def __init__(self, model: Any, prepare: Any, given: Given, width: int, **about: Any) -> None:
        self._model, self._prepare = model.eval().requires_grad_(False), prepare
        self.num_params = sum(weight.numel() for weight in model.parameters())
        for key, value in about.items():
            setattr(self, key, value)
        self.set_classes(given, width, "")

    def prepare(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = np.asarray(self._prepare(image), dtype=np.float32)
        return found

    def compute(self, images: npt.NDArray[Any]) -> Said:
        import torch

        with torch.inference_mode():
            found = self._model(torch.from_numpy(np.ascontiguousarray(images)))
        logits = getattr(found, "logits", found)
        return self.take_apart(logits.double().cpu().numpy(), None)


def weights_digest(paths: list[Path]) -> str:
    """SHA-256 of some files, one after the other."""
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


def refuse_pickle(path: Path) -> None:
    """Refuse weights that run code when they are read.

    Raises:
        ResultsError: the name ends so.
    """
    if path.suffix.lower() in PICKLED:
        raise ResultsError(
            f"'{path}' may run code of its author when it is opened, so it is not read. Convert it where you trust it: "
            "safetensors.torch.save_file(torch.load(FILE, weights_only=True), 'model.safetensors'), or torch.onnx.export."
        )


def find_weights(folder: Path) -> list[Path]:
    """The safetensors of a folder.

    Raises:
        ResultsError: there are none.
    """
    found = [folder / WEIGHTS] if (folder / WEIGHTS).is_file() else sorted(folder.glob("model-*-of-*.safetensors"))
    if not found:
        for path in sorted(folder.iterdir()):
            refuse_pickle(path)
        raise ResultsError(f"'{folder}' has no {WEIGHTS}.")
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """``config.json`` of a folder; empty where there is none.

    Raises:
        ResultsError: it is damaged.
    """
    path = folder / "config.json"
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes()[: 4 << 20])
    except (OSError, ValueError, RecursionError) as error:
        raise ResultsError(f"'{path}' is not readable JSON ({error}).") from error
    return found if isinstance(found, dict) else {}


def open_transformers(folder: Path, given: Given) -> OwnNetwork:
    """An image classifier of Transformers.

    Args:
        folder: with ``config.json``, ``preprocessor_config.json`` and ``model.safetensors``.
        given: what is said of it.

    Raises:
        ResultsError: the package is not there, the folder is incomplete, or it needs code of its author.
    """
    config, weights = read_config(folder), find_weights(folder)
    if not installed("transformers"):
        raise ResultsError(f"'{folder}' is a model of Transformers, which is not installed: pip install transformers.")
    if config.get("auto_map"):
        raise ResultsError(f"'{folder}' needs code of its author to run, which is not done. Export it to ONNX and bring that.")
    if not (folder / "preprocessor_config.json").is_file():
        raise ResultsError(f"'{folder}' has no preprocessor_config.json, which says how pictures are prepared.")
    transformers: Any = importlib.import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    local = {"local_files_only": True, "trust_remote_code": False}
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(folder, **local)
        model, found = transformers.AutoModelForImageClassification.from_pretrained(
            folder, use_safetensors=True, output_loading_info=True, **local
        )
    except Exception as error:  # the package raises whatever a damaged file leads to
        raise ResultsError(f"'{folder}' cannot be opened by Transformers ({_reason(error)}).") from error
    if missing := [*found.get("missing_keys", ()), *found.get("mismatched_keys", ())]:
        raise ResultsError(f"The weights in '{folder}' lack {len(missing)} that the network has, such as {missing[0]!s:.60}.")
    width = int(model.config.num_labels)
    labels = [model.config.id2label.get(place, f"LABEL_{place}") for place in range(width)]
    if not given.classes:
        given = Given(classes=classes_of_labels(labels, f"'{folder}'"), scores="logits")
    try:
        sample = processor(images=np.zeros((64, 64, 3), dtype=np.uint8), return_tensors="np")["pixel_values"][0]
    except Exception as error:
        raise ResultsError(f"'{folder}/preprocessor_config.json' cannot be used ({_reason(error)}).") from error
    return TorchNetwork(
        model,
        lambda image: processor(images=image, return_tensors="np")["pixel_values"][0],
        given.or_else(Given(scores="logits")),
        width,
        name=folder.name,
        backbone=str(config.get("model_type") or "unknown"),
        digest=weights_digest(weights),
        input_size=int(sample.shape[-1]),
    )


def open_timm(name: str, weights: Path | None, given: Given, *, folder: Path | None = None) -> OwnNetwork:
    """An image classifier of timm.

    Args:
        name: of the architecture.
        weights: a safetensors file.
        given: what is said of it.
        folder: with a ``config.json``, as timm pushes it to the hub.

    Raises:
        ResultsError: there is no such architecture, or the weights are another one's.
    """
    import timm
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    config = read_config(folder) if folder is not None else {}
    if not timm.is_model(name):
        raise ResultsError(f"timm has no '{shorten(name, 60)}'.{did_you_mean(name, timm.list_models())}")
    if weights is None:
        raise ResultsError(
            f"timm's own weights of '{name}' know no expressions. Name the file of yours: timm:{name}@FILE.safetensors."
        )
    refuse_pickle(weights)
    try:
        state = load_file(weights)
    except (OSError, SafetensorError) as error:
        raise ResultsError(f"'{weights}' is no readable safetensors file ({_reason(error)}).") from error
    labels = config.get("label_names") or (config.get("pretrained_cfg") or {}).get("label_names")
    if not given.classes and labels:
        given = given.or_else(Given(classes=classes_of_labels(labels, f"'{folder}'")))
    wide = int(config.get("num_classes") or len(given.classes))
    if not wide:
        raise ResultsError("Which expressions does it know? Name them in the order of its outputs with --classes.")
    try:
        model = timm.create_model(name, pretrained=False, num_classes=wide, **(config.get("model_args") or {}))
        model.load_state_dict(state)
    except (RuntimeError, TypeError, ValueError) as error:
        raise ResultsError(
            f"'{weights}' does not hold the weights of '{name}' with {wide} outputs ({_reason(error)})."
        ) from error
    data: Any = importlib.import_module("timm.data")
    known = data.resolve_model_data_config(model, config.get("pretrained_cfg") or {})
    size = tuple(int(side) for side in known["input_size"][1:])
    prepare: Any = _timm_transform(known)
    if given.size or given.mean or given.std:
        own = given.or_else(Given(mean=tuple(known["mean"]), std=tuple(known["std"]), size=(size[0], size[1])))
        prepare, size = prepared_by(own, size=None, channels=3, name=name), own.size or size
    return TorchNetwork(
        model,
        prepare,
        given.or_else(Given(scores="logits")),
        wide,
        name=(folder.name if folder is not None else weights.stem),
        backbone=name,
        digest=weights_digest([weights]),
        input_size=size[0],
    )


def _timm_transform(config: dict[str, Any]) -> Any:
    from PIL import Image

    data: Any = importlib.import_module("timm.data")
    transform = data.create_transform(**config, is_training=False)
    return lambda image: transform(Image.fromarray(image)).numpy()


def fetch(name: str) -> Path:
    """A model folder of the Hugging Face hub, without files that may run code.

    Raises:
        ResultsError: it cannot be fetched.
    """
    hub: Any = importlib.import_module("huggingface_hub")
    try:
        return Path(hub.snapshot_download(name, allow_patterns=["*.json", "*.safetensors", "*.onnx"]))
    except Exception as error:  # no network, no such repository, no permission: each has a type of its own
        raise ResultsError(
            f"'{shorten(name, 80)}' cannot be fetched from the Hugging Face hub ({_reason(error)}). Download it, and name its "
            "folder instead."
        ) from error


def _reason(error: Exception) -> str:
    lines = [line for line in str(error).strip().splitlines() if line.strip()] or [type(error).__name__]
    return shorten(" ".join(lines[0].split()).rstrip(".:"), 200)
