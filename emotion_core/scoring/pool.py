"""Processes that score, from the side that starts them: tasks in, counts out.

One that dies is replaced and its task done again. A picture at which processes die again and again is left out with its reason.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import queue
import signal
import tempfile
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import IO, Any, cast

from emotion_core.apart import start_process
from emotion_core.errors import ScoringError, write_remedy
from emotion_core.scoring.plan import Task
from emotion_core.scoring.worker import CELL, SECONDS, Settings

WORKER = "emotion_core.scoring.worker"
"""Module whose ``work`` a process does."""

AHEAD = 2
"""Tasks that a process is given at a time, so that it never waits for the next one."""

TIMES = 3
"""Deaths at one picture after which it is left out, unless the system says that it took too much time."""

DEATHS = 8
"""Deaths during one task, whatever the picture, after which it is the machine that is to blame."""

TICK = 0.5
"""s between two looks at how far processes are."""


@dataclass(frozen=True, kw_only=True)
class Done:
    """A task that is done, or, with ``number`` -1, a moment at which to look how far all are.

    Attributes:
        number: of the task.
        counts: ``rows``, ``faces``, ``unread`` and ``waited``, the s that the process had nothing to do before.
        under_way: pictures that are done of tasks that are not.
    """

    number: int = -1
    counts: dict[str, Any] = field(default_factory=dict)
    under_way: int = 0


class _Process:
    """One process and what it was given."""

    def __init__(self, start: dict[str, Any], said: queue.Queue[tuple[_Process, dict[str, Any] | None]]) -> None:
        with tempfile.TemporaryFile() as file:
            file.write(CELL.pack(-1, -1, 0))
            file.flush()
            self.cell = mmap.mmap(file.fileno(), CELL.size, access=mmap.ACCESS_READ)
            self.process = start_process(WORKER, file.fileno())
        self.given: deque[int] = deque()
        self._asked = cast(IO[bytes], self.process.stdin)
        self.send(start)
        threading.Thread(target=self._listen, args=(said,), daemon=True).start()

    def send(self, order: dict[str, Any]) -> None:
        # A process that died is noticed by what it says, not by what it is told.
        with contextlib.suppress(BrokenPipeError):
            self._asked.write(json.dumps(order, allow_nan=False).encode() + b"\n")
            self._asked.flush()

    def _listen(self, said: queue.Queue[tuple[_Process, dict[str, Any] | None]]) -> None:
        with contextlib.suppress(ValueError):  # closed meanwhile
            for line in cast(IO[bytes], self.process.stdout):
                said.put((self, json.loads(line)))
        said.put((self, None))

    def state(self) -> tuple[int, int, int]:
        """Number of the task, of the picture that is decoded, and of pictures done."""
        return cast(tuple[int, int, int], CELL.unpack(self.cell[:]))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self._asked.close()
        cast(IO[bytes], self.process.stdout).close()
        self.cell.close()


class Pool:
    """So many processes that score.

    Args:
        settings: of all tasks.
        folder: address of the folder for files of tasks.
        count: of processes.

    Raises:
        ScoringError: the network cannot be loaded.
    """

    def __init__(self, settings: Settings, folder: str, count: int) -> None:
        self._start = {"settings": settings.to_dict(), "folder": folder}
        self._said: queue.Queue[tuple[_Process, dict[str, Any] | None]] = queue.Queue()
        self._skip: dict[int, dict[int, str]] = {}
        self._deaths: Counter[tuple[int, int]] = Counter()
        self._processes: list[_Process] = []
        self.facts: dict[str, Any] = {}
        try:
            self._processes = [_Process(self._start, self._said) for _ in range(count)]
            while not self.facts:
                process, told = self._said.get()
                self._take(process, told)
        except BaseException:
            self.close()
            raise

    @property
    def pids(self) -> list[int]:
        """Of the processes that are there now."""
        return [each.process.pid for each in self._processes]

    def run(self, tasks: Iterable[tuple[int, Task]]) -> Iterator[Done]:
        """Do tasks, each once; they are asked for as they are needed.

        Args:
            tasks: with their numbers.

        Yields:
            One :class:`Done` a task, in the order in which they end, and some between.

        Raises:
            ScoringError: rows cannot be written, or processes die whatever they do.
        """
        coming, again = iter(tasks), deque[int]()
        mine: dict[int, Task] = {}
        while True:
            for process in self._processes:
                while len(process.given) < AHEAD:
                    if again:
                        number = again.popleft()
                    elif (following := next(coming, None)) is not None:
                        number = following[0]
                        mine[number] = following[1]
                    else:
                        break
                    process.given.append(number)
                    process.send({"number": number, "task": mine[number], "skip": self._skip.get(number, {})})
            if not mine:
                return
            try:
                process, told = self._said.get(timeout=TICK)
            except queue.Empty:
                yield Done(under_way=self._under_way())
                continue
            lost = self._take(process, told)
            again.extend(lost)
            if told is not None and "done" in told:
                number = told.pop("done")
                process.given.remove(number)
                del mine[number]
                self._skip.pop(number, None)
                yield Done(number=number, counts=told, under_way=self._under_way())

    def _under_way(self) -> int:
        return sum(done for task, _, done in (each.state() for each in self._processes) if task >= 0)

    def _take(self, process: _Process, told: dict[str, Any] | None) -> list[int]:
        """Take in what a process said; tasks that have to be done again."""
        if told is None:
            return self._replace(process)
        if "ready" in told:
            if self.facts and told["ready"] != self.facts:
                raise ScoringError(f"Processes compute differently: {told['ready']} and {self.facts}.")
            self.facts = told["ready"]
        if "failed" in told:
            if "errno" not in told:
                raise ScoringError(told["failed"])
            remedy = write_remedy(OSError(told["errno"], ""))
            raise ScoringError(f"The table cannot be written ({told['failed']}). {remedy}; the same command then goes on.")
        if "bug" in told:
            raise RuntimeError(told["bug"])
        return []

    def _replace(self, process: _Process) -> list[int]:
        """Put another process in the place of one that died."""
        if process not in self._processes:
            return []
        number, picture, _ = process.state()
        cause = process.process.wait()
        lost = list(process.given)
        process.close()
        self._blame(lost[0] if number < 0 and lost else number, picture, cause)
        self._processes[self._processes.index(process)] = _Process(self._start, self._said)
        return lost

    def _blame(self, number: int, picture: int, cause: int) -> None:
        late = cause == -signal.SIGXCPU
        self._deaths[number, picture] += 1
        if picture >= 0 and (late or self._deaths[number, picture] >= TIMES):
            reason = f"It takes more than {SECONDS} seconds to decode" if late else "The decoder crashes at it"
            self._skip.setdefault(number, {})[picture] = f"{reason}: save it again as JPEG or PNG."
        elif sum(times for (task, _), times in self._deaths.items() if task == number) >= DEATHS:
            name = signal.Signals(-cause).name if cause < 0 else f"status {cause}"
            raise ScoringError(
                f"Processes that score die again and again ({name}): memory may be too small. Start fewer with --workers; the "
                "same command goes on."
            )

    def close(self) -> None:
        """End all processes at once; what they have not finished is done again another time."""
        for process in self._processes:
            process.close()
        self._processes = []


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
