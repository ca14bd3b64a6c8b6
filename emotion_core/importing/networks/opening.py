"""Which kind of network is meant by a file, a folder or a name."""

from __future__ import annotations

from pathlib import Path

from emotion_core.errors import ResultsError
from emotion_core.importing.networks.given import Given
from emotion_core.importing.networks.graphs import OnnxNetwork
from emotion_core.importing.networks.hub import fetch, find_weights, open_timm, open_transformers, read_config, refuse_pickle
from emotion_core.importing.networks.network import OwnNetwork
from emotion_core.texts import shorten


def open_network(text: str, given: Given | None = None) -> OwnNetwork:
    """Open somebody's network.

    Args:
        text: an ONNX file; ``timm:NAME@FILE.safetensors``; a folder of timm, of Hugging Face Transformers, or with one ONNX
            file; or ``hf:OWNER/NAME``, such a folder on the Hugging Face hub.
        given: what is said of it.

    Raises:
        ResultsError: there is nothing, it is none of these, or something about it has to be said.
        GraphError: an ONNX file cannot be used.
    """
    given = given or Given()
    kind, _, rest = text.partition(":")
    if kind == "hf" and rest:
        return _open_folder(fetch(rest), given)
    if kind == "timm" and rest and not Path(rest).expanduser().is_dir():
        name, _, file = rest.partition("@")
        return open_timm(name, _existing(file) if file else None, given)
    path = _existing(rest if kind == "timm" and rest else text)
    if path.is_dir():
        return _open_folder(path, given)
    refuse_pickle(path)
    if path.suffix.lower() == ".safetensors":
        raise ResultsError(
            f"'{path}' holds weights and no network. Name its folder, or the architecture: timm:NAME@{path.name}."
        )
    return OnnxNetwork(path, given)


def _existing(text: str) -> Path:
    path = Path(text).expanduser()
    try:
        if path.exists():
            return path
    except (OSError, ValueError):  # a name of 10,000 characters, or one with a NUL byte
        pass
    raise ResultsError(f"There is no file or folder '{shorten(text, 200)}'.")


def _open_folder(path: Path, given: Given) -> OwnNetwork:
    if (path / "run.json").is_file() and not (path / "preprocess.json").is_file():
        raise ResultsError(f"'{path}' is a run of this program: leave '--model' out, and name it as RUN.")
    config = read_config(path)
    if "model_type" in config or "architectures" in config:
        return open_transformers(path, given)
    if architecture := config.get("architecture"):
        [weights, *more] = find_weights(path)
        if more:
            raise ResultsError(f"'{path}' has its weights in several files; timm reads one.")
        return open_timm(str(architecture), weights, given, folder=path)
    graphs = sorted(path.glob("*.onnx"))
    if (path / "preprocess.json").is_file():  # as our export writes it, where the detector lies beside the network
        graphs = [graph for graph in graphs if graph.name == "network.onnx"] or graphs
    if len(graphs) == 1:
        return OnnxNetwork(graphs[0], given)
    if graphs:
        raise ResultsError(f"'{path}' has {len(graphs)} ONNX files. Name one of them.")
    for file in sorted(path.iterdir()):
        refuse_pickle(file)
    raise ResultsError(
        f"'{path}' is no network: it has no ONNX file, and no config.json with a model.safetensors of timm or Transformers."
    )
