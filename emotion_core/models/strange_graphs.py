"""ONNX graphs from outside: checked before anything runs them, then computed in a process of its own with limits.

A graph is a program that somebody else wrote. It may name files anywhere on the disk, ask for operators of unknown libraries,
or for more memory than there is; the first two are refused here, and the third ends a process that nobody else needs.
"""

from __future__ import annotations

import hashlib
import importlib
import io
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import IO, Any, Literal, cast

import numpy as np
import numpy.typing as npt

from emotion_core.apart import exactly, limit, limited, start_process, write_all
from emotion_core.errors import GraphError

MAX_BYTES = 1 << 30
"""Of a graph with its weights."""
MEMORY = 4 << 30
"""Bytes that computing a batch may take."""
SECONDS = 120
"""Of processor time for one batch, all threads together."""
PATIENCE = 600.0
"""Seconds, by the clock, after which a graph that does not answer is ended."""
MAX_ANSWER = 512 << 20
"""Bytes that the outputs of one batch may have."""

ASK = struct.Struct("<Q")
ANSWER = struct.Struct("<?Q")
"""Whether it went well, and the length of the outputs, or of the reason."""

DOMAINS = ("", "ai.onnx", "ai.onnx.ml", "com.microsoft")
"""Sets of operators that ONNX Runtime brings along."""

TYPES: Mapping[int, Any] = {1: np.float32, 10: np.float16, 2: np.uint8}
"""Types of images that a graph may take, by ONNX's numbers."""

Array = npt.NDArray[Any]
Layout = Literal["nchw", "nhwc"]


@dataclass(frozen=True, kw_only=True)
class ImageInput:
    """What a graph takes.

    Attributes:
        name: of the input.
        layout: whether channels come before rows and columns, or after.
        channels: 3 for colour, 1 for grey.
        size: rows and columns; ``None`` where any will do.
        batch: images that it takes at a time; ``None`` where any number will do.
        dtype: of its numbers.
    """

    name: str
    layout: Layout
    channels: int
    size: tuple[int, int] | None
    batch: int | None
    dtype: Any


def read_graph(path: Path) -> tuple[Any, str]:
    """Read an ONNX file from outside.

    Args:
        path: the file. Weights may lie in other files of its folder.

    Returns:
        The model (``onnx.ModelProto``) with all weights inside, and the SHA-256 digest of what it consists of.

    Raises:
        GraphError: it is none, too large, needs operators or a version that are not here, or files from elsewhere.
    """
    onnx: Any = importlib.import_module("onnx")
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise GraphError(f"'{path}' has {size:,} bytes; at most {MAX_BYTES:,} are read.")
        content = path.read_bytes()
    except OSError as error:
        raise GraphError(f"'{path}' cannot be read ({error.strerror or error}).") from error
    if not content:
        raise GraphError(f"'{path}' is empty.")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:  # protobuf raises types of its own
        raise GraphError(f"'{path}' is no ONNX file, or it is cut short.") from error
    if not model.graph.node:
        raise GraphError(f"'{path}' is no ONNX file: it has no graph.")
    _check_operators(model, path, onnx.defs.onnx_opset_version())
    digest = hashlib.sha256(content)
    outside = [tensor for tensor in _tensors(model) if tensor.data_location == onnx.TensorProto.EXTERNAL]
    files = sorted({_beside(path, tensor) for tensor in outside})
    total = size + sum(file.stat().st_size for file in files)
    if total > MAX_BYTES:
        raise GraphError(f"'{path}' and its weights have {total:,} bytes; at most {MAX_BYTES:,} are read.")
    for file in files:
        digest.update(file.read_bytes())
    for tensor in outside:
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, str(path.parent))
        except Exception as error:
            raise GraphError(f"The weights '{tensor.name}' of '{path}' cannot be read ({error}).") from error
        tensor.data_location = onnx.TensorProto.DEFAULT
        del tensor.external_data[:]
    return model, digest.hexdigest()


def _check_operators(model: Any, path: Path, newest: int) -> None:
    for entry in model.opset_import:
        if entry.domain not in DOMAINS:
            raise GraphError(
                f"'{path}' needs operators of '{entry.domain[:60]}', which ONNX Runtime does not have. Export it without them."
            )
        if entry.domain in DOMAINS[:2] and entry.version > newest:
            raise GraphError(f"'{path}' is written for opset {entry.version}; up to {newest} can be read. Export it again.")
    if model.functions and any(function.domain in DOMAINS[:2] for function in model.functions):
        raise GraphError(f"'{path}' puts functions of its own in the place of ONNX's operators. Export it without them.")


def _tensors(model: Any) -> Iterator[Any]:
    """Every tensor of a model, whether it is an initialiser or stands in a node, a subgraph or a function."""
    waiting: list[Any] = [model.graph, *model.functions]
    while waiting:
        graph = waiting.pop()
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += list(attribute.graphs)


def _beside(path: Path, tensor: Any) -> Path:
    """The file of the same folder that holds a tensor."""
    place = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    folder = path.resolve().parent
    file = folder / place
    if not place or Path(place).is_absolute() or PureWindowsPath(place).drive or not file.resolve().is_relative_to(folder):
        raise GraphError(
            f"'{path}' wants its weights from '{place[:80]}', outside its folder. Save them beside it, or inside it."
        )
    if not file.is_file():
        raise GraphError(f"The weights of '{path}' are not beside it: there is no file '{place[:80]}'.")
    return file


def image_input(model: Any, *, layout: str = "") -> ImageInput:
    """Which input takes images, and how.

    Args:
        model: as :func:`read_graph` gives it.
        layout: ``"nchw"`` or ``"nhwc"``; told by the shape where it is empty.

    Raises:
        GraphError: it takes something else.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    inputs = [entry for entry in model.graph.input if entry.name not in weights]
    if len(inputs) != 1:
        names = ", ".join(f"'{entry.name[:40]}'" for entry in inputs[:5]) or "none"
        raise GraphError(f"A network that reads faces has one input, the images; this one has {len(inputs)}: {names}.")
    [entry] = inputs
    kind = entry.type.tensor_type
    shape = [dim.dim_value if dim.dim_value > 0 else None for dim in kind.shape.dim]
    written = " × ".join("any" if side is None else str(side) for side in shape) or "nothing said"
    if len(shape) != 4 or kind.elem_type not in TYPES:
        what = "numbers of another type" if len(shape) == 4 else f"the shape {written}"
        raise GraphError(f"The input '{entry.name[:40]}' has {what}; images × channels × rows × columns are expected.")
    ways = {"nchw": (shape[1], shape[2:]), "nhwc": (shape[3], shape[1:3])}
    fitting = [name for name, (channels, _) in ways.items() if channels in (1, 3)]
    if layout:
        fitting = [layout] if ways[layout][0] in (1, 3, None) else []
    if not fitting and None in (shape[1], shape[3]) and not layout:
        raise GraphError(f"The input has the shape {written}: are channels first or last? Say it with --layout nchw or nhwc.")
    if not fitting:
        raise GraphError(f"The input has the shape {written}; pictures have 3 channels, or 1 where they are grey.")
    chosen = cast(Layout, fitting[0])
    channels, (rows, columns) = ways[chosen]
    return ImageInput(
        name=entry.name,
        layout=chosen,
        channels=channels or 3,
        size=None if rows is None or columns is None else (rows, columns),
        batch=shape[0],
        dtype=TYPES[kind.elem_type],
    )


class GraphApart:
    """A graph in a process of its own. Where processes cannot be limited, it runs in this one.

    Args:
        content: the ONNX model, weights included.
        name: of the file, for messages.

    Raises:
        GraphError: it cannot be opened within the limits.
    """

    def __init__(self, content: bytes, name: str) -> None:
        self._name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._session: Any = None
        if not limited():
            try:
                self._session = _open(content)
            except Exception as error:  # ONNX Runtime raises types of its own
                raise GraphError(f"'{name}' cannot be opened ({_reason(error)}).") from error
            return
        self._handle = os.memfd_create("graph")
        self._process = start_process(__name__, self._handle, SECONDS, MEMORY)
        try:
            self._ask(content, "opened")
        except GraphError:
            self.close()
            raise

    def run(self, images: Array) -> dict[str, Array]:
        """Outputs by name.

        Args:
            images: as the graph's input takes them.

        Raises:
            GraphError: it fails, or not within the limits; then the process is of no more use.
        """
        if self._process is None:
            try:
                return _run(self._session, images)
            except Exception as error:
                raise GraphError(f"'{self._name}' cannot be computed ({_reason(error)}).") from error
        stream = io.BytesIO()
        np.save(stream, images, allow_pickle=False)
        with np.load(io.BytesIO(self._ask(stream.getvalue(), "computed")), allow_pickle=False) as file:
            names = [str(name) for name in file["names"]]
            return {name: file[f"array_{place}"] for place, name in enumerate(names)}

    def _ask(self, data: bytes, what: str) -> bytes:
        process = cast("subprocess.Popen[bytes]", self._process)
        asked, answered = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        watch = threading.Timer(PATIENCE, process.kill)
        watch.start()
        try:
            write_all(self._handle, data)
            asked.write(ASK.pack(len(data)))
            asked.flush()
            well, size = ANSWER.unpack(exactly(answered, ANSWER.size))
            if not well:
                reason = exactly(answered, min(size, 4000)).decode(errors="replace")
                raise GraphError(f"'{self._name}' cannot be {what} ({reason}).")
            if size > MAX_ANSWER:
                raise GraphError(f"'{self._name}' answers with {size:,} bytes a batch, more than any output of a network has.")
            return os.pread(self._handle, size, 0)
        except (OSError, EOFError):
            process.kill()
            late = process.wait() == -signal.SIGXCPU
            cause = f"more than {SECONDS} s of processor time" if late else "more than the limits of memory or time allow"
            raise GraphError(f"'{self._name}' cannot be {what}: it takes {cause}, or it crashes ONNX Runtime.") from None
        finally:
            watch.cancel()

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError):
                cast(IO[bytes], stream).close()
        self._process.wait()
        self._process = None
        os.close(self._handle)


def work(handle: int, seconds: int, memory: int) -> None:
    """What the process does: it opens the first thing that it is given and computes all others with it."""
    import resource

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    importlib.import_module("onnxruntime")
    asked, answered = sys.stdin.buffer, sys.stdout.buffer
    session: Any = None
    with suppress(EOFError):
        while True:
            size = ASK.unpack(exactly(asked, ASK.size))[0]
            limit(seconds, memory + 3 * size)
            try:
                data = os.pread(handle, size, 0)
                stream = io.BytesIO()
                if session is None:
                    session = _open(data)
                else:
                    _save(stream, _run(session, np.load(io.BytesIO(data), allow_pickle=False)))
                content = stream.getvalue()
                write_all(handle, content)
                answered.write(ANSWER.pack(True, len(content)))
            except Exception as error:
                reason = _reason(error).encode(errors="replace")
                answered.write(ANSWER.pack(False, len(reason)) + reason)
            answered.flush()


def _save(stream: IO[bytes], outputs: Mapping[str, Array]) -> None:
    names: Sequence[str] = list(outputs)
    arrays = {f"array_{place}": outputs[name] for place, name in enumerate(names)}
    np.savez(stream, names=np.array(names, dtype=str), **cast(dict[str, Any], arrays))


def _open(content: bytes) -> Any:
    ort: Any = importlib.import_module("onnxruntime")
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def _run(session: Any, images: Array) -> dict[str, Array]:
    [entry] = session.get_inputs()
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {entry.name: images})
    return {name: array for name, array in zip(names, found, strict=True) if isinstance(array, np.ndarray)}


def _reason(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return " ".join(lines[0].split())[:300].rstrip(".")
