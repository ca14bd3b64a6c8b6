"""A network as an ONNX graph: exported once from its weights, and kept on disk under their digest."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import logging
import os
import tempfile
import threading
import warnings
from pathlib import Path

import torch
from torch import nn

from emotion_core.errors import GraphError
from emotion_core.models.network import EmotionNetwork, Outputs

INPUT = "images"
OUTPUTS = Outputs._fields
"""Names of the graph's outputs: the last feature map, its mean over positions, logits, and valence with arousal."""

OPSET = 18
KEPT = 12
"""So many graphs are kept; those that were not used for longest go first."""

log = logging.getLogger(__name__)
_exporting = threading.Lock()
"""The exporter keeps its settings in global variables."""


class _Plain(nn.Module):
    """A network whose outputs are a plain tuple, as the exporter wants them."""

    def __init__(self, network: EmotionNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.network(images))


def export_graph(network: EmotionNetwork) -> bytes:
    """The network in evaluation mode as an ONNX file; batch normalisation is folded into the convolutions before it.

    Args:
        network: it is not changed.

    Returns:
        A graph from normalised images ``(B, C, S, S)``, any ``B``, to :data:`OUTPUTS`, in float32.

    Raises:
        GraphError: there is no exporter, or it cannot translate the network.
    """
    return export_module(_Plain(network), network, OUTPUTS)


def export_module(module: nn.Module, network: EmotionNetwork, outputs: tuple[str, ...]) -> bytes:
    """A module around a network as an ONNX file, as :func:`export_graph` makes it.

    Args:
        module: takes the network's images and gives a tuple of tensors, a row an image; it is not changed.
        network: says how large images are.
        outputs: names of what the module gives.

    Raises:
        GraphError: there is no exporter, or it cannot translate the module.
    """
    config = network.config
    stream = io.BytesIO()
    with _exporting, warnings.catch_warnings(), torch.inference_mode(False):
        plain = copy.deepcopy(module).cpu().float().eval().requires_grad_(False)
        images = torch.zeros(2, config.in_chans, config.input_size, config.input_size)
        # The exporter that traces takes a second and needs the package onnx alone; the newer one takes twenty, and two more.
        warnings.simplefilter("ignore")
        try:
            torch.onnx.export(
                plain,
                (images,),
                stream,  # type: ignore[arg-type]
                input_names=[INPUT],
                output_names=list(outputs),
                dynamic_axes={name: {0: "batch"} for name in (INPUT, *outputs)},
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:  # whatever an operator, or the exporter of another version, leads to
            raise GraphError(f"The network cannot be exported to ONNX ({_first_line(error)}).") from error
    return stream.getvalue()


def graph_key(network: EmotionNetwork) -> str:
    """Digest of all that a graph follows from: weights, architecture and exporter."""
    config = json.dumps(network.config.to_dict(), sort_keys=True, allow_nan=False)
    digest = hashlib.sha256(f"{config} {OPSET} {torch.__version__}".encode())
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def graph_folder() -> Path:
    """Where graphs are kept: ``EMOTION_CACHE``, or ``emotion_core`` where the user's programs keep what can be made again."""
    if named := os.environ.get("EMOTION_CACHE"):
        return Path(named).expanduser() / "graphs"
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(root) / "emotion_core" / "graphs"


def kept_graph(key: str) -> bytes | None:
    """The graph that was kept under a key; ``None`` where there is none, or what lies there is not what was written."""
    for path in graph_folder().glob(f"{key}-*.onnx"):
        try:
            content = path.read_bytes()
            if path.name == _name(key, content):
                os.utime(path)
                return content
            path.unlink()
            log.warning("The kept graph '%s' is damaged; it is made again.", path)
        except OSError as error:
            log.warning("The kept graph '%s' cannot be used (%s).", path, error.strerror or error)
    return None


def graph_of(network: EmotionNetwork, *, key: str | None = None) -> bytes:
    """The network's graph: kept from before, or exported now and kept.

    Args:
        network: which one.
        key: its :func:`graph_key`, where that is known.

    Raises:
        GraphError: it cannot be exported.
    """
    key = key or graph_key(network)
    content = kept_graph(key)
    if content is None:
        content = export_graph(network)
        try:
            _keep(key, content)
        except OSError as error:
            log.warning("The graph cannot be kept in '%s' (%s), so it is made each time.", graph_folder(), error.strerror)
    return content


def _keep(key: str, content: bytes) -> None:
    folder = graph_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # A name of its own, because several processes may export the same network at once.
    handle, name = tempfile.mkstemp(dir=folder, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, folder / _name(key, content))
    finally:
        Path(name).unlink(missing_ok=True)
    for old in sorted(folder.glob("*.onnx"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        old.unlink(missing_ok=True)


def _name(key: str, content: bytes) -> str:
    """The name holds a digest of key and content, so a file that was cut short, changed or renamed is noticed."""
    return f"{key}-{hashlib.sha256(key.encode() + content).hexdigest()[:32]}.onnx"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
