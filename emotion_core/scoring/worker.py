"""The process that scores: it holds the network, and does one task after another from files to a Parquet file of rows.

Pictures are decoded in it under limits of time and memory, so one that is made to do harm ends the process and not the command;
:mod:`emotion_core.scoring.pool` sees at which picture that was.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import struct
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotion_core.apart import limits
from emotion_core.errors import EmotionCoreError, FilmError, ImageError
from emotion_core.images import read_image
from emotion_core.scoring.places import place_of
from emotion_core.scoring.plan import Task
from emotion_core.scoring.sources import Sources
from emotion_core.scoring.table import batch, rows_of, schema, unread

if TYPE_CHECKING:
    import numpy.typing as npt

    from emotion_core.predict import Photo, Whole

SECONDS = 10
"""Of processor time for one picture; the largest that are read take less than three."""

MEMORY = 640 << 20
"""Bytes for decoding one picture, which itself takes 150 MB at most."""

FILM_MEMORY = 2 << 30

FACES = 32
"""Faces of a forward pass, and pictures that wait for one at most."""

ROWS = 4096
"""Rows that are held before they are written."""

CELL = struct.Struct("<qqq")
"""What a process says of itself in shared memory: number of the task, of the picture that it decodes (-1 for none), and how
many pictures of the task are done."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All that a task's rows follow from, beside its pictures and the network.

    Attributes:
        run: folder of the run.
        device: as ``--device``.
        runtime: as ``--runtime``.
        prior: as ``--prior``, or numbers by expression.
        coverage: of prediction sets.
        flip: flip test-time augmentation.
        whole: when the whole picture counts as one face.
        maps: whether heat maps are kept.
        rate: frames of a film that are read each second.
    """

    run: str
    device: str = "auto"
    runtime: str = "auto"
    prior: str = "everyday"
    coverage: float = 0.9
    flip: bool = False
    whole: Whole = "never"
    maps: bool = False
    rate: float = 5.0

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


class Scorer:
    """Does tasks.

    Args:
        settings: of all of them.
        cell: called with the task, the picture that is decoded (-1 for none) and how many are done.
    """

    def __init__(self, settings: Settings, cell: Any = lambda task, at, done: None) -> None:
        from emotion_core.faces import load_detector
        from emotion_core.metrics.priors import read_prior
        from emotion_core.predict import Predictor

        self.settings = settings
        self._detector = load_detector()
        self.predictor = Predictor.from_run(
            settings.run,
            device=settings.device,
            detector=self._detector,
            runtime=_runtime(settings),
            prior=read_prior(settings.prior),
            coverage=settings.coverage,
        )
        self._sources = Sources()
        self._cell = cell
        self._schema = schema(maps=settings.maps)

    def facts(self) -> dict[str, Any]:
        """What computes: part of what a table's numbers follow from."""
        return {"runtime": self.predictor.runtime, "device": str(self.predictor.device), "detector": self._detector.name}

    def close(self) -> None:
        """Close what is open."""
        self._sources.close()

    def do(self, number: int, task: Task, folder: str, skip: dict[int, str]) -> dict[str, int]:
        """Do a task and write its rows.

        Args:
            number: of the task, which names the file.
            task: of the plan.
            folder: address of the folder for files of tasks.
            skip: reasons by number of the picture, of those that are not to be decoded.

        Returns:
            How many ``rows`` and ``faces`` there are, and how many pictures are ``unread``.

        Raises:
            OSError: the rows cannot be written.
        """
        counts = {"rows": 0, "faces": 0, "unread": 0}
        rows = self._film(number, task, skip) if task["kind"] == "film" else self._pictures(number, task, skip)
        with (
            place_of(folder).child(f"{number:09d}.parquet").create() as sink,
            pq.ParquetWriter(sink, self._schema, compression="zstd") as writer,
        ):
            while some := list(islice(rows, ROWS)):
                counts["rows"] += len(some)
                counts["faces"] += sum("face" in row for row in some)
                counts["unread"] += sum("error" in row for row in some)
                writer.write_batch(batch(some, self._schema))
        return counts

    def _pictures(self, number: int, task: Task, skip: dict[int, str]) -> Iterator[dict[str, Any]]:
        from emotion_core.predict import find_faces

        waiting: list[tuple[str, str, Photo]] = []
        for at, (source, key, content) in enumerate(self._sources.items(task)):
            if at in skip:
                content = ImageError(skip[at])
            self._cell(number, at, at)
            found: list[Any] = [content] if isinstance(content, bytes) else [b""]
            read = _decode if isinstance(content, bytes) else _raise(content)
            [photo] = find_faces(found, self._detector, names=[key or source], whole=self.settings.whole, read=read)
            self._cell(number, -1, at + 1)
            waiting.append((source, key, photo))
            if len(waiting) >= FACES or sum(len(each.faces) for *_, each in waiting) >= FACES:
                yield from self._read(waiting)
                waiting = []
        yield from self._read(waiting)

    def _read(self, waiting: list[tuple[str, str, Photo]]) -> Iterator[dict[str, Any]]:
        """Faces of several pictures share a forward pass."""
        photos = [photo for *_, photo in waiting]
        predictions = self.predictor.read_photos(photos, batch_size=FACES, flip=self.settings.flip)
        for (source, key, _), prediction in zip(waiting, predictions, strict=True):
            yield from rows_of(prediction, source, key, maps=self.settings.maps)

    def _film(self, number: int, task: Task, skip: dict[int, str]) -> Iterator[dict[str, Any]]:
        from emotion_core.films.opening import open_film
        from emotion_core.films.reading import read_film

        place = place_of(task["at"])
        if 0 in skip:
            yield unread(place.shown, "", skip[0])
            return
        self._cell(number, 0, 0)
        try:
            file = place.open()
        except OSError as error:
            yield unread(place.shown, "", f"The file cannot be read ({error.strerror or error}).")
            return
        settings = self.settings
        try:
            with file, _limited_film(), open_film(file, rate=settings.rate, threads=1) as film:
                frames = read_film(
                    self.predictor, film, self._detector, name=place.shown, whole=settings.whole, flip=settings.flip
                )
                for frame in frames:
                    when = {"frame": frame.number, "time": frame.time}
                    yield from rows_of(frame.prediction, place.shown, "", maps=settings.maps, film=when, tracks=frame.tracks)
        except FilmError as error:
            yield unread(place.shown, "", str(error))
        except MemoryError:
            yield unread(place.shown, "", "The film takes too much memory to decode: make it smaller.")


def _runtime(settings: Settings) -> str:
    """``auto`` changes the runtime after some faces, and with it the last bits: here it is one from the first face on."""
    import importlib.util

    from emotion_core.models.device import resolve_device

    if settings.runtime != "auto" or os.environ.get("EMOTION_RUNTIME"):
        return settings.runtime
    on_cpu = resolve_device(settings.device).type == "cpu" and importlib.util.find_spec("onnxruntime") is not None
    return "onnxruntime" if on_cpu else "torch"


def _decode(content: Any) -> npt.NDArray[Any]:
    with limits(SECONDS, MEMORY + len(content)):
        return read_image(content)


def _raise(error: ImageError) -> Any:
    def read(_: Any) -> Any:
        raise error

    return read


@contextmanager
def _limited_film() -> Iterator[None]:
    """Memory alone: a film takes as long as it takes, and its process can be ended at any time."""
    with limits(1 << 30, FILM_MEMORY):
        yield


def work(handle: int) -> None:
    """What the process does until nobody asks any more: a line of JSON for each task, and one for each answer.

    Args:
        handle: of the file behind the cell.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Whatever a library prints does not go between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    asked: queue.Queue[bytes] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, asked), daemon=True).start()
    with suppress(BrokenPipeError):
        _serve(handle, asked, answers)
    os._exit(0)


def _serve(handle: int, asked: queue.Queue[bytes], answers: IO[bytes]) -> None:
    import mmap

    memory = mmap.mmap(handle, CELL.size)

    def tell(task: int, at: int, done: int) -> None:
        CELL.pack_into(memory, 0, task, at, done)

    def answer(**said: Any) -> None:
        answers.write(json.dumps(said, allow_nan=False).encode() + b"\n")
        answers.flush()

    tell(-1, -1, 0)
    try:
        one_thread()
        told = json.loads(asked.get())
        scorer = Scorer(Settings(**told["settings"]), tell)
        answer(ready=scorer.facts())
        while True:
            waited = time.perf_counter()
            order = json.loads(asked.get())
            waited = time.perf_counter() - waited
            number = order["number"]
            skip = {int(at): reason for at, reason in order["skip"].items()}
            counts = scorer.do(number, order["task"], told["folder"], skip)
            tell(-1, -1, 0)
            answer(done=number, waited=waited, **counts)
    except EmotionCoreError as error:
        answer(failed=str(error))
    except OSError as error:
        answer(failed=str(error.strerror or error), errno=error.errno, file=str(error.filename or ""))
    except Exception:  # a bug: its traceback goes to whoever started the process
        answer(bug=traceback.format_exc())


def one_thread() -> None:
    """There is a process for each core, so each computes in one thread."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    pa.set_cpu_count(1)
    pa.set_io_thread_count(2)


def _listen(stream: IO[bytes], asked: queue.Queue[bytes]) -> None:
    """Take in what is asked; when whoever asks is gone, so is this process, at once and whatever it does."""
    for line in stream:
        asked.put(line)
    os._exit(0)
