"""Pictures of a task: the content of each, or why there is none."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, Any

from emotion_core.data.source import leads_out
from emotion_core.errors import ImageError
from emotion_core.images import MAX_BYTES
from emotion_core.scoring.places import Place, place_of
from emotion_core.scoring.plan import Task, is_ordinary

Item = tuple[str, str, bytes | ImageError]
"""Source, key inside it, and the content or the reason."""

CHANGED = "The file is another one than when the list of pictures was made: score it into a new folder."


class Sources:
    """Gives the pictures of tasks; the archive that was read last stays open, since tasks of one follow each other."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._open: tuple[str, Any] | None = None

    def items(self, task: Task) -> Iterator[Item]:
        """Pictures of a task that is no film.

        Args:
            task: of the plan.
        """
        place = place_of(task["at"])
        kind = task["kind"]
        if kind == "unread":
            yield place.shown, "", ImageError(task["reason"])
            return
        if kind == "files":
            yield from _files(place, task)
            return
        try:
            if "size" in task and place.size() != task["size"]:
                raise ImageError(CHANGED)
            yield from {"zip": self._zip, "tar": self._tar, "tarball": _tarball, "parquet": _parquet}[kind](place, task)
        except (OSError, ImageError) as error:
            reason = error if isinstance(error, ImageError) else _unreadable(error)
            names = task.get("names") or [name for name, *_ in task.get("members", [])] or [""]
            for name in names:
                yield place.shown, name, reason

    def close(self) -> None:
        """Close what is open."""
        self._stack.close()
        self._open = None

    def _file(self, place: Place, archive: bool) -> Any:
        if self._open is None or self._open[0] != place.address:
            self.close()
            file: Any = self._stack.enter_context(place.open())
            self._open = place.address, self._stack.enter_context(zipfile.ZipFile(file)) if archive else file
        return self._open[1]

    def _zip(self, place: Place, task: Task) -> Iterator[Item]:
        try:
            archive: zipfile.ZipFile = self._file(place, archive=True)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise ImageError(f"The ZIP archive is damaged ({error}): copy it again.") from error
        for name in task["names"]:
            yield place.shown, name, _unpacked(archive, name)

    def _tar(self, place: Place, task: Task) -> Iterator[Item]:
        file: IO[bytes] = self._file(place, archive=False)
        for name, offset, size in task["members"]:
            file.seek(offset)
            yield place.shown, name, _bounded(file, size)


def _files(folder: Place, task: Task) -> Iterator[Item]:
    for name in task["names"]:
        place = folder.child(name)
        if task.get("below") and (not name or leads_out(name) or not _stays(folder, place)):
            yield (
                place.shown if name else folder.shown,
                "",
                ImageError("The path leads out of the Parquet file's folder, or is empty."),
            )
            continue
        yield place.shown, "", _content(place)


def _stays(folder: Place, place: Place) -> bool:
    """Whether a file lies below a folder, by their real paths."""
    if folder.store:
        return True
    root = os.path.realpath(folder.path)
    try:
        return os.path.commonpath([root, os.path.realpath(place.path)]) == root
    except ValueError:  # a name with a NUL byte
        return False


def _content(place: Place) -> bytes | ImageError:
    if not place.store and not is_ordinary(place.path):
        gone = not os.path.lexists(place.path) if "\0" not in place.path else True
        return ImageError("The file is no longer there." if gone else "It is not an ordinary file.")
    try:
        with place.open() as file:
            return _bounded(file, MAX_BYTES)
    except OSError as error:
        return _unreadable(error)


def _bounded(file: IO[bytes], size: int) -> bytes | ImageError:
    """So many bytes, if they are no more than a picture may have; of a whole file, all that there are."""
    if size > MAX_BYTES:
        return _large(size)
    content = file.read(size if size < MAX_BYTES else MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        return _large(len(content))
    return content or ImageError("The picture is empty (0 bytes).")


def _unpacked(archive: zipfile.ZipFile, name: str) -> bytes | ImageError:
    """An entry of a ZIP archive; no more of it is unpacked than a picture may have, whatever the archive says."""
    try:
        info = archive.getinfo(name)
        if info.file_size > MAX_BYTES:
            return _large(info.file_size)
        with archive.open(info) as file:
            return _bounded(file, MAX_BYTES)
    except Exception as error:  # damaged bytes raise zlib's, struct's and zipfile's errors, and RuntimeError when encrypted
        return ImageError(f"It cannot be unpacked ({str(error) or type(error).__name__}).")


def _tarball(place: Place, task: Task) -> Iterator[Item]:
    """A compressed archive, from its start; what comes before damaged bytes is read."""
    with place.open() as file:
        try:
            with tarfile.open(fileobj=file, mode="r|*", errorlevel=2) as archive:
                while (member := archive.next()) is not None:
                    archive.members = []  # type: ignore[attr-defined]
                    content = archive.extractfile(member) if member.isreg() and _wanted(member) else None
                    if content is not None:
                        yield place.shown, member.name, _bounded(content, member.size)
        except Exception as error:  # as of a ZIP archive: each compression has errors of its own
            reason = f"The archive is cut short or damaged ({str(error) or type(error).__name__}): copy it again."
            yield place.shown, "", ImageError(f"{reason} What comes before is read.")


def _parquet(place: Place, task: Task) -> Iterator[Item]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row, end = -task["start"], task["pictures"]
    try:
        with place.open() as file:
            column = task["column"]
            table = pq.ParquetFile(file)
            kind = table.schema_arrow.field(column).type
            inside = f"{column}.bytes" if pa.types.is_struct(kind) else column
            for some in table.iter_batches(batch_size=16, row_groups=[task["group"]], columns=[inside]):
                for value in some.column(0):
                    if row >= end:
                        return
                    if row >= 0:
                        content = value["bytes"].as_buffer() if pa.types.is_struct(kind) else value.as_buffer()
                        yield place.shown, str(task["row"] + row), _cell(content)
                    row += 1
    except (pa.ArrowException, ValueError, KeyError) as error:
        reason = ImageError(f"The Parquet file is damaged here ({(str(error).splitlines() or ['?'])[0]}): write it again.")
        for missing in range(max(row, 0), end):
            yield place.shown, str(task["row"] + missing), reason


def _cell(content: Any) -> bytes | ImageError:
    if content is None or not content.size:
        return ImageError("The row has no picture.")
    return _large(content.size) if content.size > MAX_BYTES else content.to_pybytes()


def _wanted(member: tarfile.TarInfo) -> bool:
    from emotion_core.images import is_picture

    return not member.issparse() and is_picture(member.name)


def _large(size: int) -> ImageError:
    return ImageError(f"The picture has {size:,} bytes, more than the {MAX_BYTES:,} allowed.")


def _unreadable(error: OSError) -> ImageError:
    return ImageError(f"The file cannot be read ({error.strerror or error}).")
