"""The folder that pictures are scored into.

``manifest.json`` says what its numbers follow from and what is finished, ``plan.jsonl`` lists the pictures, a line a task,
``table/`` holds the result in files of :data:`SHARD` tasks, ``parts/`` those of single tasks that do not fill one yet. All of
them are written whole or not at all, and follow from the plan alone: whenever the work is interrupted, the finished
folder is the same.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from emotion_core import __version__
from emotion_core.errors import ConfigError, ScoringError, write_remedy
from emotion_core.results.checked import parse_json
from emotion_core.results.files import strict_json
from emotion_core.results.run import Run
from emotion_core.scoring.places import Place
from emotion_core.scoring.plan import Task, line_of
from emotion_core.scoring.table import schema
from emotion_core.scoring.worker import Settings

SHARD = 512
"""Tasks of one file of the table: 131,072 pictures, about 20 MB."""

GROUP = 65_536
"""Rows that are held before a row group of the table is written."""

VERSION = 1
MANIFEST, PLAN, PARTS, TABLE, LOCK = "manifest.json", "plan.jsonl", "parts", "table", ".lock"
PACKAGES = ("torch", "onnxruntime", "opencv-python-headless", "pillow", "numpy", "pyarrow")
"""Whose versions may change the last bits of a number, or of the table's file."""


@dataclass
class Manifest:
    """Content of ``manifest.json``.

    Attributes:
        settings: of :class:`~emotion_core.scoring.worker.Settings`, without the run's place.
        run: ``name`` and ``digest`` of the run.
        software: versions by package.
        sources: addresses that were scored.
        column: of Parquet files.
        plan: ``sha256``, ``tasks`` and ``pictures``.
        facts: what computed: ``runtime``, ``device`` and ``detector``; empty until the first process says so.
        shards: of the table, by number: ``rows``, ``faces``, ``unread``, ``bytes`` and ``sha256``.
        finished: whether the table is whole.
        version: of this layout.
    """

    settings: dict[str, Any]
    run: dict[str, str]
    software: dict[str, str]
    sources: list[str]
    column: str | None
    plan: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    shards: dict[str, dict[str, Any]] = field(default_factory=dict)
    finished: bool = False
    version: int = VERSION


def describe(run: Run, settings: Settings, sources: Sequence[str], column: str | None) -> Manifest:
    """What the numbers of a table will follow from.

    Args:
        run: that reads the faces.
        settings: of its processes.
        sources: shown addresses.
        column: of Parquet files.
    """
    known = {name: value for name, value in settings.to_dict().items() if name not in ("run", "device")}
    software = {"emotion_core": __version__, **{name: version(name) for name in PACKAGES}}
    return Manifest(known, {"name": run.name, "digest": digest_of_run(run)}, software, list(sources), column)


def digest_of_run(run: Run) -> str:
    """Digest of all that a run's readings follow from: weights, description and calibration."""
    digest = hashlib.sha256()
    for path in (run.weights, run.path / "run.json", run.path / "calibration.npz"):
        with suppress(FileNotFoundError), path.open("rb") as file:
            digest.update(f"{path.name}\0".encode())
            _feed(digest, file)
    return digest.hexdigest()


class Store:
    """The folder, held by one command at a time.

    Args:
        place: of the folder; it is made.

    Raises:
        ConfigError: it holds something else.
        ScoringError: another command scores into it, or it cannot be written.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._held = _hold(place)
        try:
            self.manifest = _manifest_of(place)
        except BaseException:
            self.close()
            raise

    def begin(self, wanted: Manifest, tasks: Callable[[], Iterable[Task]]) -> Manifest:
        """Write plan and manifest, or check that what is there belongs to the same work.

        Args:
            wanted: what the numbers are to follow from.
            tasks: makes the plan; it is only asked for at first.

        Raises:
            ConfigError: what is there was made with another run or setting, or there is nothing to score.
        """
        if self.manifest is None:
            counts, digest = {"tasks": 0, "pictures": 0}, hashlib.sha256()
            with self.place.child(PLAN).create() as sink:
                for task in tasks():
                    line = line_of(task)
                    digest.update(line)
                    sink.write(line)
                    counts = {"tasks": counts["tasks"] + 1, "pictures": counts["pictures"] + task["pictures"]}
                if not counts["tasks"]:
                    raise ConfigError("There are no pictures, films, archives or Parquet files in what was named.")
            wanted.plan = {"sha256": digest.hexdigest(), **counts}
            self.manifest = wanted
            self.save()
        elif differences := _differences(wanted, self.manifest):
            raise ConfigError(
                f"'{self.place.shown}' was begun with another {differences}: go on with that, or name a new folder with --out."
            )
        return self.manifest

    def computed_by(self, facts: Mapping[str, str]) -> None:
        """Note what computes.

        Raises:
            ConfigError: something else has computed what is there.
        """
        manifest = self.begun()
        if manifest.facts and manifest.facts != dict(facts):
            changed = [f"{name} ({manifest.facts.get(name)}, now {facts.get(name)})" for name in facts]
            changed = [text for name, text in zip(facts, changed, strict=True) if manifest.facts.get(name) != facts[name]]
            raise ConfigError(f"'{self.place.shown}' was begun with another {', '.join(changed)}: go on with that.")
        if not manifest.facts:
            manifest.facts = dict(facts)
            self.save()

    def save(self) -> None:
        """Write the manifest."""
        text = strict_json(asdict(self.begun()), indent=1)
        self.place.child(MANIFEST).write(text.encode())

    def tasks(self) -> Iterator[tuple[int, Task]]:
        """Tasks of the plan with their numbers.

        Raises:
            ScoringError: the plan is not what it was.
        """
        digest = hashlib.sha256()
        with self.place.child(PLAN).open() as file:
            for number, line in enumerate(file):
                digest.update(line)
                yield number, json.loads(line)
        if digest.hexdigest() != self.begun().plan["sha256"]:
            raise ScoringError(f"'{self.place.child(PLAN).shown}' was changed or damaged: score into a new folder.")

    def finished(self) -> set[int]:
        """Numbers of tasks that are done; what is damaged is removed, and so counts as not done."""
        manifest = self.begun()
        done: set[int] = set()
        for name in list(manifest.shards):
            if self._is_whole(int(name)):
                done.update(self._tasks_of(int(name)))
            else:
                del manifest.shards[name]
        parts = self.place.child(PARTS)
        for name in parts.names():
            number = int(name.partition(".")[0]) if name.endswith(".parquet") else -1
            if number < 0 or number in done or not _opens(parts.child(name)):
                parts.child(name).remove()
            else:
                done.add(number)
        return done

    @property
    def parts(self) -> Place:
        """Folder for files of single tasks."""
        return self.place.child(PARTS)

    def shard_of(self, number: int) -> int:
        """The table's file that a task belongs to."""
        return number // SHARD

    def size_of(self, shard: int) -> int:
        """How many tasks a file of the table holds."""
        return len(self._tasks_of(shard))

    def close_shard(self, shard: int) -> None:
        """Join the files of a shard's tasks, all of which are done, to one of the table.

        Raises:
            ScoringError: it cannot be written.
        """
        manifest = self.begun()
        numbers = self._tasks_of(shard)
        target = self.place.child(TABLE).child(shard_name(shard))
        counts = {"rows": 0, "faces": 0, "unread": 0}
        form = schema(maps=bool(manifest.settings["maps"]))
        try:
            with target.create() as sink, pq.ParquetWriter(sink, form, compression="zstd") as writer:
                for table in _grouped(self.parts.child(part_name(number)) for number in numbers):
                    counts["rows"] += table.num_rows
                    counts["faces"] += table.num_rows - table.column("face").null_count
                    counts["unread"] += table.num_rows - table.column("error").null_count
                    writer.write_table(table.unify_dictionaries())
            with target.open() as file:
                digest = _feed(hashlib.sha256(), file)
            manifest.shards[str(shard)] = {**counts, "bytes": target.size(), "sha256": digest}
            self.save()
            for number in numbers:
                self.parts.child(part_name(number)).remove()
        except OSError as error:
            raise ScoringError(
                f"'{target.shown}' cannot be written ({error.strerror or error}). {write_remedy(error)}; the same command then "
                "goes on."
            ) from error

    def finish(self) -> None:
        """Say that the table is whole."""
        manifest = self.begun()
        manifest.shards = dict(sorted(manifest.shards.items(), key=lambda each: int(each[0])))
        manifest.finished = True
        self.save()
        for name in self.parts.names():
            # Of a process that outlived its command by a moment.
            self.parts.child(name).remove()
        if not self.place.store:
            with suppress(OSError):
                os.rmdir(self.parts.path)

    def close(self) -> None:
        """Let go of the folder."""
        if self._held is not None:
            self._held.close()
            self._held = None

    def begun(self) -> Manifest:
        """What the folder says of itself."""
        if self.manifest is None:
            raise ValueError("nothing was begun in this folder")
        return self.manifest

    def _tasks_of(self, shard: int) -> range:
        return range(shard * SHARD, min((shard + 1) * SHARD, self.begun().plan["tasks"]))

    def _is_whole(self, shard: int) -> bool:
        """Whether a file of the table is what was written; in a store, whether it has its length."""
        place, about = self.place.child(TABLE).child(shard_name(shard)), self.begun().shards[str(shard)]
        if place.kind() != "file" or place.size() != about["bytes"]:
            return False
        if place.store:
            return True
        with place.open() as file:
            return bool(_feed(hashlib.sha256(), file) == about["sha256"])


def _manifest_of(place: Place) -> Manifest | None:
    """What is there already; ``None`` in a new folder."""
    if place.child(MANIFEST).kind():
        return read_manifest(place)
    strange = [name for name in place.names() if name not in (PLAN, LOCK) and not name.endswith(".tmp")]
    if strange:
        raise ConfigError(f"'{place.shown}' holds other files, such as '{strange[0]}': name a new folder.")
    return None


def read_manifest(place: Place) -> Manifest:
    """What a folder says of itself.

    Raises:
        ScoringError: it says nothing that can be read.
    """
    try:
        content = parse_json(place.child(MANIFEST).read(64 << 20).decode())
        if content["version"] != VERSION:
            raise ValueError(f"its version is {content['version']}")
        return Manifest(**content)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ScoringError(f"'{place.child(MANIFEST).shown}' cannot be used ({error}): score into a new folder.") from error


def shard_name(shard: int) -> str:
    """Name of a file of the table."""
    return f"faces-{shard:05d}.parquet"


def part_name(number: int) -> str:
    """Name of a task's file."""
    return f"{number:09d}.parquet"


def _grouped(parts: Iterable[Place]) -> Iterator[pa.Table]:
    """Rows of several files, so many at a time."""
    waiting: list[pa.Table] = []
    for place in parts:
        with place.open() as file:
            part = pq.ParquetFile(file)
            for some in part.iter_batches(batch_size=GROUP):
                waiting.append(pa.Table.from_batches([some]))
                if sum(each.num_rows for each in waiting) >= GROUP:
                    yield pa.concat_tables(waiting)
                    waiting = []
    if waiting:
        yield pa.concat_tables(waiting)


def _opens(place: Place) -> bool:
    try:
        with place.open() as file:
            pq.ParquetFile(file)
    except (OSError, pa.ArrowException, ValueError):
        return False
    return True


def _feed(digest: Any, file: IO[bytes]) -> str:
    while some := file.read(1 << 20):
        digest.update(some)
    return str(digest.hexdigest())


def _differences(wanted: Manifest, there: Manifest) -> str:
    """What is not the same, in words; empty where all is."""
    found = []
    if wanted.run["digest"] != there.run["digest"]:
        found.append(f"run ({there.run['name']}, now {wanted.run['name']})")
    for name, value in wanted.settings.items():
        if there.settings.get(name) != value:
            found.append(f"{name} ({there.settings.get(name)}, now {value})")
    if wanted.sources != there.sources or wanted.column != there.column:
        found.append("list of sources")
    for name, value in wanted.software.items():
        if there.software.get(name) != value:
            found.append(f"version of {name} ({there.software.get(name)}, now {value})")
    return ", ".join(found)


def _hold(place: Place) -> IO[bytes] | None:
    """Keep other commands on this machine out of a folder; stores know no locks."""
    if place.store:
        return None
    try:
        os.makedirs(place.path, exist_ok=True)
        file = open(os.path.join(place.path, LOCK), "ab")  # noqa: SIM115 - held as long as the folder is
    except OSError as error:
        raise ConfigError(f"The folder '{place.path}' cannot be written ({error.strerror}). {write_remedy(error)}.") from error
    with suppress(ImportError):
        import fcntl

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise ScoringError(f"Another command scores into '{place.path}' now: wait for it, or end it.") from None
    return file
