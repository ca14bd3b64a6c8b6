"""Scoring many pictures into a table, and going on where that was interrupted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from emotion_core.errors import CheckpointError, ConfigError, ScoringError, write_remedy
from emotion_core.metrics.priors import ESTIMATE, read_prior
from emotion_core.results.find import find_run
from emotion_core.scoring.places import Place, place_of
from emotion_core.scoring.plan import Task, plan
from emotion_core.scoring.pool import Done, Pool, cores
from emotion_core.scoring.store import Store, describe
from emotion_core.scoring.worker import Settings

Progress = Callable[[int, int], object]
"""Called with how many pictures are done, and how many there are."""


@dataclass(frozen=True, kw_only=True)
class Scored:
    """What a finished table holds.

    Attributes:
        pictures: that were listed; an archive that is read from its start, and a film, count as one.
        before: of them, those that an earlier command had done.
        faces: rows with a face.
        rows: all rows.
        unread: rows of what could not be read.
        seconds: of this command.
        idle: share of the processes' time in which they had nothing to do.
    """

    pictures: int
    before: int
    faces: int
    rows: int
    unread: int
    seconds: float
    idle: float = 0.0


def score(
    sources: Sequence[str],
    out: str,
    settings: Settings,
    *,
    workers: int | None = None,
    column: str | None = None,
    progress: Progress = lambda done, total: None,
    started: Callable[[Pool], object] = lambda pool: None,
) -> Scored:
    """Find and read the faces of any number of pictures.

    The same call goes on where one before was interrupted, in whatever way, and ends with the table that an undisturbed one
    makes. What cannot be read is a row with its reason.

    Args:
        sources: files, folders, patterns or addresses, as :func:`~emotion_core.scoring.plan.plan` takes them.
        out: folder, or address of one, for the table.
        settings: of the network's processes.
        workers: how many processes; one a core by default.
        column: of Parquet files; the first with a usual name by default.
        progress: told how many pictures are done.
        started: told of the local processes once they are there.

    Raises:
        ConfigError: the sources or settings are impossible, or not those of what is in the folder.
        CheckpointError: the run cannot be used.
        ScoringError: the work cannot go on; what is done stays, and the same call goes on.
    """
    begun = time.perf_counter()
    if workers is not None and workers < 1:
        raise ConfigError("There has to be one process at least.")
    if read_prior(settings.prior) == ESTIMATE:
        raise ConfigError("The mix cannot be estimated before all pictures are read: name another --prior.")
    run = find_run(settings.run)
    if not run.has_weights:
        raise CheckpointError(f"The run '{run.name}' holds results only, no weights. Choose another run to score with.")
    settings = replace(settings, run=str(run.path.resolve()))
    target, places = place_of(out), [place_of(text) for text in sources]
    _check_apart(target, places)
    with closing(Store(target)) as store:
        wanted = describe(run, settings, [each.shown for each in places], column)
        try:
            manifest = store.begin(wanted, lambda: plan(sources, column=column))
            work = _Work(store, progress)
            idle = _local(work, settings, workers, started) if work.left else 0.0
            if not manifest.finished:
                store.finish()
        except OSError as error:
            where = error.filename or target.shown
            raise ScoringError(
                f"'{where}' cannot be used ({error.strerror or error}). {write_remedy(error)}; the same command then goes on."
            ) from error
    totals = Counter[str]()
    for shard in manifest.shards.values():
        totals.update({name: shard[name] for name in ("rows", "faces", "unread")})
    return Scored(
        pictures=work.pictures, before=work.before, seconds=time.perf_counter() - begun, idle=idle,
        faces=totals["faces"], rows=totals["rows"], unread=totals["unread"],
    )  # fmt: skip


class _Work:
    """What is left to do, and what follows from a task that is done."""

    def __init__(self, store: Store, progress: Progress) -> None:
        self.store = store
        self._progress = progress
        finished = store.finished()
        manifest = store.begun()
        self.pictures = int(manifest.plan["pictures"])
        self._sizes: dict[int, int] = {}
        missing = Counter[int]()
        self.before = 0
        for number, task in store.tasks():
            shard = store.shard_of(number)
            missing[shard] += number not in finished
            if number in finished:
                self.before += task["pictures"]
        self._missing = missing
        self._done = self.before
        self._finished = finished
        self.left = sum(missing.values())
        progress(self._done, self.pictures)
        # The files of their tasks are all there, though a command was ended before it joined them.
        for shard in [each for each, count in missing.items() if not count and str(each) not in manifest.shards]:
            store.close_shard(shard)

    def tasks(self) -> Iterator[tuple[int, Task]]:
        """Tasks that are not done, one at a time."""
        for number, task in self.store.tasks():
            if number not in self._finished:
                self._sizes[number] = task["pictures"]
                yield number, task

    def take(self, results: Iterable[Done]) -> float:
        """Take in what is done; the s that processes waited."""
        waited = 0.0
        for done in results:
            if done.number >= 0:
                self._done += self._sizes.pop(done.number)
                self.left -= 1
                waited += done.counts.get("waited", 0.0)
                shard = self.store.shard_of(done.number)
                self._missing[shard] -= 1
                if not self._missing[shard]:
                    self.store.close_shard(shard)
            self._progress(self._done + done.under_way, self.pictures)
        return waited


def _local(work: _Work, settings: Settings, workers: int | None, started: Callable[[Pool], object]) -> float:
    count = min(workers or cores(), work.left)
    with closing(Pool(settings, work.store.parts.address, count)) as pool:
        work.store.computed_by(pool.facts)
        started(pool)
        begun = time.perf_counter()
        waited = work.take(pool.run(work.tasks()))
        return min(1.0, waited / max(count * (time.perf_counter() - begun), 1e-9))


def _check_apart(target: Place, places: Sequence[Place]) -> None:
    """A table inside a folder of pictures would be scored itself."""
    for place in places:
        inside = target.path == place.path or target.path.startswith(place.path.rstrip("/") + "/")
        if target.store == place.store and inside:
            raise ConfigError(f"The folder '{target.shown}' lies inside '{place.shown}', which is scored: name another --out.")
