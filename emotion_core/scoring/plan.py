"""What there is to score: pictures of all sources as numbered tasks, in an order that does not change.

A task is what one process does at a time and what is kept or done again as a whole. Its faces share forward passes with each
other and with no other task's, so that its rows are the same to the last bit whoever computes them, and when.
"""

from __future__ import annotations

import json
import os
import stat
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Any

from emotion_core.errors import ConfigError
from emotion_core.films.opening import ENDINGS as FILMS
from emotion_core.films.opening import is_film
from emotion_core.images import is_picture
from emotion_core.scoring.places import Place, matches, place_of

TASK = 256
"""Pictures of a task: some seconds of work, and all that is lost when a process dies."""

SLICES = 16
"""Tasks of a row group of a Parquet file at most: each reads those before it once more."""

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".parquet")
IMAGE_COLUMNS = ("image", "img", "picture", "photo", "jpg", "jpeg", "png", "webp", "bytes", "image_bytes", "content", "data")
PATH_COLUMNS = ("path", "file", "filename", "file_name", "image_path", "image", "img", "picture", "photo")

Task = dict[str, Any]
"""Plain data: ``kind``, what it reads, and ``pictures``, how many."""


def plan(sources: Sequence[str], *, column: str | None = None) -> Iterator[Task]:
    """Tasks of all sources, one source after the other; no more than one folder, archive or task is held in memory.

    Args:
        sources: files, folders, patterns or addresses: pictures, films, ZIP and tar archives, Parquet files.
        column: of Parquet files, with pictures or their paths; the first with a usual name by default.

    Raises:
        ConfigError: a source is not there, twice, or inside another one.
    """
    places = _distinct(sources)
    for text, place in zip(sources, places, strict=True):
        found = matches(text)
        if found is not None:
            base, pattern = found
            names = (each.name for each in base.walk() if not each.problem and pattern.match(each.name))
            first = next(names, None)
            if first is None:
                raise ConfigError(f"No file is called '{text}'.")
            yield from _tasks(base, _joined(first, names), column)
            continue
        kind = place.kind()
        if not kind:
            raise ConfigError(f"There is no file or folder '{place.shown}': check the path.")
        if kind == "file":
            folder, _, name = place.path.rpartition("/")
            yield from _tasks(Place(folder or "/", place.store), [name], column, any_name=True)
            continue
        yield from _tasks(place, _below(place), column)


def _joined(first: str, others: Iterator[str]) -> Iterator[str]:
    yield first
    yield from others


def _distinct(sources: Sequence[str]) -> list[Place]:
    """The sources as places; none may be scored twice."""
    places = [place_of(text) for text in sources]
    for number, one in enumerate(places):
        for other in places[:number]:
            if one.store == other.store and (one.path == other.path or _inside(one, other) or _inside(other, one)):
                raise ConfigError(f"'{one.shown}' and '{other.shown}' hold the same pictures: name each once.")
    return places


def _inside(one: Place, other: Place) -> bool:
    return one.path.startswith(other.path.rstrip("/") + "/")


def _below(place: Place) -> Iterator[str | tuple[str, str]]:
    """Files of a folder that can be scored, and folders that cannot be listed with the reason."""
    for each in place.walk():
        if each.problem:
            yield each.name, each.problem
        elif _usable(each.name):
            yield each.name


def _usable(name: str) -> bool:
    last = name.rpartition("/")[2]
    return is_picture(name) or is_film(name) or (last.lower().endswith(ARCHIVES) and not last.startswith("._"))


def _tasks(folder: Place, names: Any, column: str | None, *, any_name: bool = False) -> Iterator[Task]:
    """Pictures are gathered; whatever holds several is a task or more of its own, in its place."""
    waiting: list[str] = []
    for name in names:
        if isinstance(name, str) and not name.lower().endswith((*FILMS, *ARCHIVES)):
            if any_name or is_picture(name):
                waiting.append(name)
            if len(waiting) == TASK:
                yield _files(folder, waiting)
                waiting = []
            continue
        if waiting:
            yield _files(folder, waiting)
            waiting = []
        if isinstance(name, tuple):
            yield _unread(folder.child(name[0]), name[1])
        else:
            yield from _container(folder.child(name), column)
    if waiting:
        yield _files(folder, waiting)


def _files(folder: Place, names: list[str]) -> Task:
    return {"kind": "files", "at": folder.address, "names": names, "pictures": len(names)}


def _unread(place: Place, reason: str) -> Task:
    return {"kind": "unread", "at": place.address, "reason": reason, "pictures": 1}


def _container(place: Place, column: str | None) -> Iterator[Task]:
    name = place.path.lower()
    try:
        if name.endswith(FILMS):
            yield {"kind": "film", "at": place.address, "pictures": 1}
        elif name.endswith(".zip"):
            yield from _zip(place)
        elif name.endswith(".tar"):
            yield from _tar(place)
        elif name.endswith(".parquet"):
            yield from _parquet(place, column)
        else:
            # A compressed archive can only be read from its start, so one process reads all of it.
            yield {"kind": "tarball", "at": place.address, "pictures": 1}
    except OSError as error:
        yield _unread(place, f"The file cannot be read ({error.strerror or error}).")


def _zip(place: Place) -> Iterator[Task]:
    try:
        with place.open() as file, zipfile.ZipFile(file) as archive:
            names = iter([each.filename for each in archive.infolist() if not each.is_dir() and is_picture(each.filename)])
    except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError) as error:
        yield _unread(place, f"The ZIP archive is cut short or damaged ({error}): copy it again.")
        return
    while some := list(islice(names, TASK)):
        yield {"kind": "zip", "at": place.address, "size": place.size(), "names": some, "pictures": len(some)}


def _tar(place: Place) -> Iterator[Task]:
    """Names and positions of the pictures of an archive; of one that is cut short, those that are whole."""
    members: list[tuple[str, int, int]] = []
    size, problem = place.size(), ""
    about = {"kind": "tar", "at": place.address, "size": size}
    with place.open() as file:
        try:
            for member in tar_members(file):
                if member.offset_data + member.size > size:
                    problem = "The archive is cut short: copy it again. What comes before the cut is read."
                    break
                members.append((member.name, member.offset_data, member.size))
                if len(members) == TASK:
                    yield {**about, "members": members, "pictures": len(members)}
                    members = []
        except (tarfile.TarError, EOFError, ValueError) as error:
            problem = f"The archive is cut short or damaged ({error}): copy it again. What comes before is read."
    if members:
        yield {**about, "members": members, "pictures": len(members)}
    if problem:
        yield _unread(place, problem)


def tar_members(file: IO[bytes]) -> Iterator[tarfile.TarInfo]:
    """Pictures in a tar archive that is not compressed, in their order; links, devices and sparse files are left out.

    Args:
        file: of the archive.
    """
    with tarfile.open(fileobj=file, mode="r:", errorlevel=2) as archive:
        while (member := archive.next()) is not None:
            archive.members = []  # type: ignore[attr-defined] # it would keep them all
            if member.isreg() and not member.issparse() and is_picture(member.name):
                yield member


def _parquet(place: Place, column: str | None) -> Iterator[Task]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with place.open() as file:
            table = pq.ParquetFile(file)
            chosen = image_column(table.schema_arrow, column)
            if chosen is None:
                yield _unread(place, _no_column(table.schema_arrow, column))
                return
            kind = table.schema_arrow.field(chosen).type
            paths = pa.types.is_string(kind) or pa.types.is_large_string(kind)
            if paths:
                yield from _paths(place, table, chosen)
                return
            groups = [table.metadata.row_group(number).num_rows for number in range(table.metadata.num_row_groups)]
    except (pa.ArrowException, ValueError, EOFError) as error:
        yield _unread(place, f"The Parquet file is cut short or damaged ({_line(error)}): write it again.")
        return
    about = {"kind": "parquet", "at": place.address, "size": place.size(), "column": chosen}
    row = 0
    for group, rows in enumerate(groups):
        step = max(TASK, -(-rows // SLICES))
        for start in range(0, rows, step):
            count = min(step, rows - start)
            yield {**about, "group": group, "start": start, "row": row + start, "pictures": count}
        row += rows


def image_column(form: Any, column: str | None) -> str | None:
    """The column of a Parquet file that holds pictures as bytes, or in a structure with ``bytes`` as datasets of Hugging Face
    have them, or else paths of pictures; ``None`` where there is none.
    """
    import pyarrow as pa

    def holds_bytes(kind: pa.DataType) -> bool:
        if pa.types.is_struct(kind):
            return any(kind.field(number).name == "bytes" for number in range(kind.num_fields))
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    def holds_text(kind: pa.DataType) -> bool:
        return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))

    kinds = {field.name: field.type for field in form}
    if column is not None:
        return column if column in kinds and (holds_bytes(kinds[column]) or holds_text(kinds[column])) else None
    lower = {str(name).lower(): str(name) for name in kinds}
    for names, holds in ((IMAGE_COLUMNS, holds_bytes), (PATH_COLUMNS, holds_text)):
        for name in names:
            if name in lower and holds(kinds[lower[name]]):
                return lower[name]
    return None


def _no_column(form: Any, column: str | None) -> str:
    there = ", ".join(form.names[:12]) + (", …" if len(form.names) > 12 else "")
    wanted = f"no column '{column}' with pictures or paths" if column else "no column with pictures, as bytes or paths"
    return f"The Parquet file has {wanted}; it has {there}. Name one with --image-column."


def _paths(place: Place, table: Any, column: str) -> Iterator[Task]:
    """Paths in a Parquet file are relative to its folder, and lead nowhere else."""
    folder = Place(place.path.rpartition("/")[0] or "/", place.store)
    for some in table.iter_batches(batch_size=TASK, columns=[column]):
        names = ["" if name is None else str(name) for name in some.column(0).to_pylist()]
        yield {"kind": "files", "at": folder.address, "below": True, "names": names, "pictures": len(names)}


def is_ordinary(path: str) -> bool:
    """Whether a path is that of a file, and not of a device or a pipe that nobody may wait for."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def line_of(task: Task) -> bytes:
    """A task as a line of the plan's file."""
    return json.dumps(task, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode() + b"\n"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
