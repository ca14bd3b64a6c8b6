"""What computes a network's forward pass: torch, or its exported graph in ONNX Runtime or OpenVINO.

All of them give the same outputs up to rounding. A graph is faster on a CPU, but it has to be exported, loaded and checked
first: one photo is read by torch before a graph is ready.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from emotion_core.errors import ConfigError, GraphError, did_you_mean
from emotion_core.models.graphs import INPUT, OUTPUTS, graph_key, graph_of, kept_graph
from emotion_core.models.network import EmotionNetwork, Forward, Outputs

LOAD_AFTER = 64
"""Faces after which loading a kept graph has paid: it takes about as long as is saved on so many."""
EXPORT_AFTER = 256
"""Faces after which exporting has paid."""

TOLERANCE = 1e-3
"""Largest difference from torch that a graph may show, relative to the largest output of its kind."""

Session = Callable[[npt.NDArray[np.float32]], Sequence[npt.NDArray[np.float32]]]
"""Normalised images ``(B, C, S, S)`` to the arrays of :data:`~emotion_core.models.graphs.OUTPUTS`."""

log = logging.getLogger(__name__)


class Runtime(Forward, Protocol):
    """A forward pass that says what computes it."""

    @property
    def name(self) -> str:
        """``"torch"``, or a key of :data:`SESSIONS`."""
        ...


class TorchRuntime:
    """The network itself, on whatever device it lies."""

    name = "torch"

    def __init__(self, network: EmotionNetwork) -> None:
        self._network = network

    def __call__(self, images: torch.Tensor) -> Outputs:
        outputs: Outputs = self._network(images)
        return outputs

    def output_gradients(self, pooled: torch.Tensor) -> torch.Tensor:
        return self._network.output_gradients(pooled)


class GraphRuntime:
    """A network's exported graph; only the gradients of its heads, which are known in closed form, are torch's."""

    def __init__(self, network: EmotionNetwork, name: str, session: Session) -> None:
        self._network = network
        self.name = name
        self._session = session

    def __call__(self, images: torch.Tensor) -> Outputs:
        return Outputs(*map(torch.from_numpy, self._session(images.contiguous().numpy())))

    def output_gradients(self, pooled: torch.Tensor) -> torch.Tensor:
        return self._network.output_gradients(pooled)


class AutoRuntime:
    """torch at first; ONNX Runtime from the face on at which its graph has paid."""

    def __init__(self, network: EmotionNetwork) -> None:
        self._network = network
        self._runtime: Runtime = TorchRuntime(network)
        self._key: str | None = None
        self._seen, self._next = 0, LOAD_AFTER

    @property
    def name(self) -> str:
        """Of the runtime that computed last."""
        return self._runtime.name

    def expect(self, faces: int) -> None:
        """Say that so many faces come, so that a graph that will pay is there for the first."""
        if self._seen + faces >= self._next:
            self._load(self._seen + faces)

    def __call__(self, images: torch.Tensor) -> Outputs:
        self.expect(len(images))
        self._seen += len(images)
        return self._runtime(images)

    def output_gradients(self, pooled: torch.Tensor) -> torch.Tensor:
        return self._network.output_gradients(pooled)

    def _load(self, faces: int) -> None:
        self._key = self._key or graph_key(self._network)
        if faces < EXPORT_AFTER and kept_graph(self._key) is None:
            self._next = EXPORT_AFTER
            return
        self._next = 1 << 62
        self._runtime = _graph_or_torch(self._network, "onnxruntime", key=self._key)


def threads() -> int:
    """Cores that a forward pass may use: as many as torch takes, and no more than this process is allowed."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(torch.get_num_threads(), allowed))


def _onnxruntime(graph: bytes) -> Session:
    ort = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads()
    options.log_severity_level = 4
    # Threads that wait by spinning would take the cores from decoding and detection.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return lambda images: session.run(list(OUTPUTS), {INPUT: images})


def _openvino(graph: bytes) -> Session:
    core = importlib.import_module("openvino").Core()
    # Some processors would compute in bfloat16 otherwise, which is not equal to torch.
    settings = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads()}
    compiled = core.compile_model(core.read_model(graph, b""), "CPU", settings)

    def run(images: npt.NDArray[np.float32]) -> list[npt.NDArray[np.float32]]:
        # A request of its own: two threads may call at once.
        results: Any = compiled.create_infer_request().infer({INPUT: images}, share_inputs=True)
        return [results[compiled.output(name)] for name in OUTPUTS]

    return run


SESSIONS: Mapping[str, Callable[[bytes], Session]] = MappingProxyType({"onnxruntime": _onnxruntime, "openvino": _openvino})
"""What runs a graph, by the package's name."""

NAMES = ("auto", "torch", *SESSIONS)
"""What a user may ask for."""


def open_runtime(network: EmotionNetwork, name: str = "auto") -> Runtime:
    """What computes a network's forward pass.

    Args:
        network: in evaluation mode, on its device.
        name: one of :data:`NAMES`. ``"auto"`` is the one that ``EMOTION_RUNTIME`` names, else torch on a GPU, and on a CPU
            torch for the first faces and ONNX Runtime where there are many.

    Returns:
        A runtime; torch, and a warning that says why, where the graph cannot be exported, loaded or trusted.

    Raises:
        ConfigError: there is no such runtime, its package is not installed, or it does not run on the network's device.
    """
    chosen = (os.environ.get("EMOTION_RUNTIME") or "auto") if name == "auto" else name
    if chosen not in NAMES:
        raise ConfigError(f"There is no runtime '{chosen}'.{did_you_mean(chosen, NAMES)} Known: {', '.join(NAMES)}.")
    device = network.mean.device
    if chosen == "torch" or (chosen == "auto" and (device.type != "cpu" or not installed("onnxruntime"))):
        return TorchRuntime(network)
    if chosen == "auto":
        return AutoRuntime(network)
    if device.type != "cpu":
        raise ConfigError(
            f"The runtime '{chosen}' computes on the CPU, not on '{device}'. Use --device cpu, or --runtime torch."
        )
    if not installed(chosen):
        raise ConfigError(
            f"The runtime '{chosen}' is not installed. Install it with 'pip install {chosen}', or use another one."
        )
    return _graph_or_torch(network, chosen)


def expect(runtime: Runtime, faces: int) -> None:
    """Tell a runtime that so many faces come; only ``"auto"`` makes use of it."""
    if isinstance(runtime, AutoRuntime):
        runtime.expect(faces)


def installed(package: str) -> bool:
    """Whether a package can be imported."""
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:  # blocked: None in sys.modules
        return False


def _graph_or_torch(network: EmotionNetwork, name: str, *, key: str | None = None) -> Runtime:
    try:
        graph = graph_of(network, key=key)
        try:
            runtime = GraphRuntime(network, name, SESSIONS[name](graph))
            difference = _difference(network, runtime)
        except Exception as error:  # a runtime raises types of its own, for an unknown operator among others
            raise GraphError(f"{name} cannot run the network's graph ({str(error).splitlines()[0].rstrip('.')}).") from error
        if not difference <= TOLERANCE:
            raise GraphError(f"The network's graph in {name} differs from torch by {difference:.1g}.")
    except GraphError as error:
        log.warning("%s torch computes instead; the results are the same, in more time.", error)
        return TorchRuntime(network)
    return runtime


@torch.inference_mode()
def _difference(network: EmotionNetwork, runtime: Runtime) -> float:
    """Largest difference from torch on one random image, relative to the largest output of its kind."""
    config = network.config
    image = torch.randn(1, config.in_chans, config.input_size, config.input_size, generator=torch.Generator().manual_seed(0))
    pairs = zip(runtime(image), network(image), strict=True)
    return max(float((ours - torchs).abs().max() / torchs.abs().max().clamp(min=1e-6)) for ours, torchs in pairs)
