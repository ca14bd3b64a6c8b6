"""Pictures from strangers, decoded in a process of its own with limits, so that none of them costs this one anything.

A decoder is a large program that runs on bytes somebody chose. Here it may take so much processor time and so much memory, and
may crash; whoever serves many people loses one picture by it, and nobody waits for it. At most :data:`WORKERS` pictures are
decoded at a time, others wait for their turn. Elsewhere than on Linux pictures are decoded in this
one, with the checks of :func:`~emotion_core.images.read_image` alone.
"""

from __future__ import annotations

import atexit
import contextlib
import mmap
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import numpy as np

from emotion_core.errors import ImageError
from emotion_core.images import MAX_BYTES, MAX_PIXELS, UNNAMED, decode, load_bytes, read_image

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from emotion_core.images import PictureSource

WORKERS = 2
"""Pictures that are decoded at a time."""

SECONDS = 3
"""Of processor time for one picture; a photo of 50 megapixels takes less than one."""

MEMORY = 300 << 20
"""Bytes that decoding may take, beside the file and the finished picture."""

ENOUGH = 25_000_000
"""Pixels; of a JPEG with more, half of each side is read."""

LARGEST = 3 * MAX_PIXELS + 1024
"""Bytes that a worker may write: the largest picture and its head."""

PATIENCE = 60.0
"""Seconds, by the clock, after which a worker that does not answer is ended."""

ASK = struct.Struct("<Q")
ANSWER = struct.Struct("<?QQQ")
"""Whether it went well; width and height of the picture and where its first pixel lies, or the length of the reason."""


def start_process(module: str, handle: int, *arguments: float | None) -> subprocess.Popen[bytes]:
    """A process that decodes: it calls ``work(handle, *arguments)`` of a module of this package.

    Args:
        module: its full name.
        handle: of an open file, which the process shares.
        arguments: numbers, or ``None``.
    """
    root = str(Path(__file__).resolve().parents[1])
    told = ", ".join(map(repr, (handle, *arguments)))
    code = f"import sys; sys.path.insert(0, {root!r}); import {module} as apart; apart.work({told})"
    return subprocess.Popen(  # noqa: S603 - our own program, without a word of anybody else's
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        pass_fds=(handle,),
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )


class Worker:
    """One process that decodes one picture after another."""

    def __init__(self) -> None:
        self._line, theirs = socket.socketpair()
        with theirs:
            self._process = start_process(__name__, theirs.fileno(), SECONDS, MEMORY)
        for unused in (self._process.stdin, self._process.stdout):
            cast(IO[bytes], unused).close()
        self._answered = self._line.makefile("rb")

    def read(self, subject: str, data: bytes) -> NDArray[np.uint8]:
        """Decode one picture.

        Args:
            subject: what to call it in a message.
            data: content of the file.

        Returns:
            Upright RGB, shape ``(H, W, 3)``.

        Raises:
            ImageError: it cannot be decoded, or not within the limits; after the latter the worker is of no more use.
        """
        watch = threading.Timer(PATIENCE, self._process.kill)
        watch.start()
        # What is asked and what is answered lies in memory that both processes see, so that no pixel is copied from one to the
        # other. Each picture has its own, which goes when nobody holds the picture any more.
        handle = os.memfd_create("picture")
        try:
            return self._ask(subject, data, handle)
        except (OSError, EOFError):
            raise ImageError(f"{subject} {self._cause()}: save it again as JPEG or PNG, or make it smaller.") from None
        finally:
            watch.cancel()
            os.close(handle)

    def _ask(self, subject: str, data: bytes, handle: int) -> NDArray[np.uint8]:
        write_all(handle, data)
        socket.send_fds(self._line, [ASK.pack(len(data))], [handle])
        well, width, height, start = ANSWER.unpack(exactly(self._answered, ANSWER.size))
        if not well:
            reason = exactly(self._answered, width).decode(errors="replace")
            raise ImageError(subject + reason.removeprefix(UNNAMED))
        size = height * width * 3
        if not 0 < size <= 3 * MAX_PIXELS or os.fstat(handle).st_size < start + size:
            raise EOFError
        shared = mmap.mmap(handle, start + size, flags=mmap.MAP_SHARED | getattr(mmap, "MAP_POPULATE", 0))
        return np.ndarray((height, width, 3), np.uint8, buffer=shared, offset=start)

    def _cause(self) -> str:
        """Why the process is gone, as far as the system says."""
        self._process.kill()
        late = self._process.wait() == -signal.SIGXCPU
        return f"takes more than {SECONDS} seconds to decode" if late else "cannot be decoded within the limits"

    @property
    def alive(self) -> bool:
        """Whether it can decode another picture."""
        return self._process.poll() is None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._answered.close()
        self._line.close()
        self._process.wait()


class Workers:
    """So many workers; whoever needs one waits until one is free.

    Args:
        count: of processes. They are started when they are needed first, and again after they died.
    """

    def __init__(self, count: int = WORKERS) -> None:
        self._free: queue.LifoQueue[Worker | None] = queue.LifoQueue()
        for _ in range(count):
            self._free.put(None)

    def read(self, source: PictureSource) -> NDArray[np.uint8]:
        """The same as :func:`~emotion_core.images.read_image`, in another process.

        Raises:
            ImageError: as there, or it cannot be decoded within the limits.
        """
        subject, data = load_bytes(source, MAX_BYTES)
        worker = self._free.get()
        try:
            worker = _fresh(worker)
            return worker.read(subject, data)
        finally:
            if worker is not None and not worker.alive:
                worker.close()
                worker = None
            self._free.put(worker)

    def start(self) -> None:
        """Start one worker, so that the first picture does not wait for it."""
        with contextlib.suppress(queue.Empty):
            self._free.put(_fresh(self._free.get_nowait()))

    def close(self) -> None:
        """End all that are free."""
        with contextlib.suppress(queue.Empty):
            while True:
                worker = self._free.get_nowait()
                if worker is not None:
                    worker.close()


def _fresh(worker: Worker | None) -> Worker:
    """A worker that is alive: the given one, or another in its place."""
    if worker is not None and worker.alive:
        return worker
    if worker is not None:
        worker.close()
    return Worker()


def limited() -> bool:
    """Whether this system can limit a process, and share memory with it without writing an upload to disk: Linux."""
    return hasattr(os, "memfd_create")


_workers: Workers | None = None
_lock = threading.Lock()


def _shared() -> Workers:
    global _workers
    with _lock:
        if _workers is None:
            _workers = Workers()
            atexit.register(_workers.close)
        return _workers


def read_apart(source: PictureSource) -> NDArray[np.uint8]:
    """Read a picture as upright RGB, as :func:`~emotion_core.images.read_image` does, in a process with limits.

    A JPEG of more than :data:`ENOUGH` pixels comes at half its size.

    Args:
        source: the file's content, or the path of a file.

    Returns:
        Array of shape ``(H, W, 3)``, uint8, C-contiguous and writable.

    Raises:
        ImageError: not a picture, too large, damaged, or not decoded within :data:`SECONDS` and :data:`MEMORY`.
    """
    return _shared().read(source) if limited() else read_image(source)


def start_early() -> None:
    """Start a worker before the first picture comes."""
    if limited():
        _shared().start()


def work(line: int, seconds: int, memory: int) -> None:
    """What a worker does until nobody asks any more.

    Args:
        line: of the socket that brings what is asked, and takes the answer. With each question comes the handle of the memory
            that holds the file, and then the finished picture.
        seconds: of processor time that a picture may take.
        memory: bytes that it may take.
    """
    import resource

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST, LARGEST))
    with socket.socket(fileno=line) as asked:
        while (question := socket.recv_fds(asked, ASK.size, 1))[0]:
            size, handle = ASK.unpack(question[0])[0], question[1][0]
            try:
                asked.sendall(_answer(handle, size, seconds, memory))
            finally:
                os.close(handle)


def _answer(handle: int, size: int, seconds: int, memory: int) -> bytes:
    """Decode the picture in this memory and lay it there."""
    limit(seconds, memory + size)
    try:
        picture = decode(UNNAMED, os.pread(handle, size, 0), enough=ENOUGH)
    except ImageError as error:
        reason = str(error).encode(errors="replace")
        return ANSWER.pack(False, len(reason), 0, 0) + reason
    # As PPM, which is a short head and then the pixels: Pillow writes them from where they are, without a copy in between.
    os.ftruncate(handle, 0)
    with open(handle, "wb", closefd=False) as file:
        file.seek(0)
        picture.save(file, "PPM")
        end = file.tell()
    return ANSWER.pack(True, *picture.size, end - 3 * picture.width * picture.height)


def limit(more: int, memory: int) -> None:
    """So much processor time and memory more than now."""
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(used.ru_utime + used.ru_stime) + 1 + more
    for kind, soft in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, address_space() + memory)):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


@contextlib.contextmanager
def limits(seconds: int, memory: int) -> Iterator[None]:
    """Limits on this process for as long as the block runs; where it takes too much time, the process ends by ``SIGXCPU``.

    Args:
        seconds: of processor time.
        memory: bytes; what takes more raises ``MemoryError``.
    """
    if not limited():
        yield
        return
    import resource

    limit(seconds, memory)
    try:
        yield
    finally:
        for kind in (resource.RLIMIT_AS, resource.RLIMIT_CPU):
            hard = resource.getrlimit(kind)[1]
            resource.setrlimit(kind, (hard, hard))


def address_space() -> int:
    """Bytes of address space in use; unknown on systems without ``/proc``, where memory is not limited."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 1 << 46


def write_all(handle: int, data: bytes) -> None:
    """Write all of it to the beginning of an open file."""
    written = 0
    while written < len(data):
        written += os.pwrite(handle, data[written:] if written else data, written)


def exactly(stream: IO[bytes], size: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: the stream ends before.
    """
    content = stream.read(size)
    if len(content) < size:
        raise EOFError
    return content
