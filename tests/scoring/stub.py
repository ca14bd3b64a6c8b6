"""The real engine around a network that is none: rows are digests of the pictures, so no process has to load torch.

``python -m tests.scoring.stub SOURCE OUT`` scores as the command does.
"""

from __future__ import annotations

import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

from emotion_core.scoring import engine, plan, pool, store, worker
from emotion_core.scoring.places import Place
from emotion_core.scoring.table import schema, unread

TASK, SHARD = 8, 4
"""Small, so that a few hundred pictures are many tasks and files."""


class StubScorer(worker.Scorer):
    """Does what a scorer does but for finding and reading faces. Pictures called ``crash`` end its process."""

    def __init__(self, settings: worker.Settings, cell: Any) -> None:
        self.settings = settings
        self._sources = worker.Sources()
        self._cell = cell
        self._schema = schema(maps=settings.maps)

    def facts(self) -> dict[str, Any]:
        return {"runtime": "stub", "device": "cpu", "detector": "none"}

    def _pictures(self, number: int, task: Any, skip: dict[int, str]) -> Iterator[dict[str, Any]]:
        for at, (source, key, content) in enumerate(self._sources.items(task)):
            self._cell(number, at, at)
            if at in skip or not isinstance(content, bytes):
                yield unread(source, key, skip.get(at, str(content)))
                continue
            if content.startswith(b"crash"):
                os.kill(os.getpid(), signal.SIGSEGV if content == b"crash" else signal.SIGXCPU)
            self._cell(number, -1, at + 1)
            digest = hashlib.pbkdf2_hmac("sha256", content, b"", 300)
            yield {
                "source": source,
                "key": key,
                "face": 0,
                "expression": "neutral",
                "valence": digest[0] / 255,
                "set": ["neutral"],
            }


class InProcess:
    """Tasks one after the other in this process, where nothing is to crash."""

    pids: tuple[int, ...] = ()

    def __init__(self, settings: worker.Settings, folder: str, count: int) -> None:
        self._scorer = StubScorer(settings, lambda task, at, done: None)
        self._folder = folder
        self.facts = self._scorer.facts()

    def run(self, tasks: Iterator[tuple[int, Any]]) -> Iterator[pool.Done]:
        for number, task in tasks:
            yield pool.Done(number=number, counts={**self._scorer.do(number, task, self._folder, {}), "waited": 0.0})

    def close(self) -> None:
        self._scorer.close()


class _Run:
    name = "stub"
    has_weights = True

    def __init__(self, path: Any) -> None:
        self.path = self.weights = path


def patch(digest: str = "one") -> None:
    """Put the stub in place, in this process and in those that it starts."""
    from pathlib import Path

    plan.TASK, store.SHARD = TASK, SHARD
    pool.WORKER = "tests.scoring.stub"
    engine.find_run = lambda name: _Run(Path(name))
    store.digest_of_run = lambda run: digest


def work(handle: int) -> None:
    """What a process of the stub does."""
    worker.Scorer = StubScorer  # type: ignore[misc]
    worker.one_thread = lambda: None
    worker.work(handle)


def settings(**changes: Any) -> worker.Settings:
    return worker.Settings(**{"run": ".", "runtime": "torch", **changes})


def table_of(folder: str) -> dict[str, bytes]:
    """The table's files."""
    place = Place(folder).child(store.TABLE)
    return {name: place.child(name).read() for name in place.names()}


if __name__ == "__main__":
    patch()
    engine.score([sys.argv[1]], sys.argv[2], settings(), workers=2)
