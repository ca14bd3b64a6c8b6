"""Where pictures lie and tables go: a folder of this machine, or of an object store that pyarrow reaches (``s3://``, ``gs://``).

Keys and passwords never stand in an address, since addresses go into plans and tables: they come from the environment, as each
store's own programs take them.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from emotion_core.errors import ConfigError
from emotion_core.results.files import write_bytes

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]+://", re.I)
BUFFER = 1 << 17
"""Bytes that are read at once from a store at least."""

_MAGIC = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Found:
    """A file below a place.

    Attributes:
        name: relative to the place, with ``/``.
        problem: why a folder could not be listed; empty for a file.
    """

    name: str
    problem: str = ""


@dataclass(frozen=True)
class Place:
    """A file or folder, wherever it lies.

    Attributes:
        path: on this machine, or in the store, its bucket first.
        store: the store's address without a path, such as ``s3://bucket?region=eu-west-1``; empty for this machine.
    """

    path: str
    store: str = ""

    @property
    def address(self) -> str:
        """What :func:`place_of` makes the place from."""
        if not self.store:
            return self.path
        parts = urlsplit(self.store)
        return f"{parts.scheme}://{self.path}{'?' if parts.query else ''}{parts.query}"

    @property
    def shown(self) -> str:
        """The address for people and tables: without options."""
        return self.path if not self.store else f"{urlsplit(self.store).scheme}://{self.path}"

    def child(self, name: str) -> Place:
        """A file or folder inside."""
        return Place(f"{self.path.rstrip('/')}/{name}", self.store)

    def kind(self) -> str:
        """``"file"``, ``"folder"`` or, where nothing lies there or it cannot be seen, ``""``."""
        if not self.store:
            return "folder" if os.path.isdir(self.path) else "file" if os.path.isfile(self.path) else ""
        from pyarrow.fs import FileType

        info = self._system.get_file_info(self.path)
        return {FileType.Directory: "folder", FileType.File: "file"}.get(info.type, "")

    def size(self) -> int:
        """Bytes of a file.

        Raises:
            OSError: it cannot be seen.
        """
        return os.stat(self.path).st_size if not self.store else int(self._system.get_file_info(self.path).size or 0)

    def open(self) -> IO[bytes]:
        """A file to read, at any position.

        Raises:
            OSError: it cannot be opened.
        """
        # In a store every read is a request, and pyarrow's own files know no lines.
        return open(self.path, "rb") if not self.store else io.BufferedReader(self._system.open_input_file(self.path), BUFFER)

    def read(self, limit: int = -1) -> bytes:
        """So many bytes of a file, from its start; all of it by default."""
        with self.open() as file:
            return file.read(limit) if limit >= 0 else file.read()

    def write(self, content: bytes) -> None:
        """Write a file whole or not at all.

        Raises:
            OSError: it cannot be written.
        """
        if not self.store:
            write_bytes(Path(self.path), content)
            return
        with self._system.open_output_stream(self.path) as sink:
            sink.write(content)

    @contextmanager
    def create(self) -> Iterator[Any]:
        """A stream to write a large file to; it is there, whole, when the block ends well, and not at all otherwise."""
        if self.store:
            # What is not closed is never seen in a store.
            sink = self._system.open_output_stream(self.path)
            yield sink
            sink.close()
            return
        temporary = Path(f"{self.path}.{os.getpid()}.tmp")
        temporary.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        finally:
            temporary.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove a file, if it is there."""
        if not self.store:
            Path(self.path).unlink(missing_ok=True)
            return
        with suppress(FileNotFoundError):
            self._system.delete_file(self.path)

    def names(self) -> list[str]:
        """Files right in this folder, sorted; none where there is no folder."""
        return [name for name, folder in self._entries() if not folder] if self.kind() == "folder" else []

    def walk(self, prefix: str = "") -> Iterator[Found]:
        """Files below this folder, folder by folder, each sorted: no more than one folder's names are held at a time."""
        try:
            entries = self.child(prefix.rstrip("/"))._entries() if prefix else self._entries()
        except OSError as error:
            yield Found(prefix.rstrip("/"), f"The folder cannot be listed ({error.strerror or error}).")
            return
        for name, folder in entries:
            if folder:
                yield from self.walk(f"{prefix}{name}/")
            else:
                yield Found(f"{prefix}{name}")

    def _entries(self) -> list[tuple[str, bool]]:
        """Name, and whether it is a folder, of what lies right in this one; not of linked folders, which may be rings."""
        if not self.store:
            with os.scandir(self.path or ".") as found:
                return sorted((each.name, each.is_dir(follow_symlinks=False)) for each in found if _counts(each))
        from pyarrow.fs import FileSelector, FileType

        listed = self._system.get_file_info(FileSelector(self.path))
        return sorted((each.base_name, each.type == FileType.Directory) for each in listed)

    @property
    def _system(self) -> Any:
        return _file_system(self.store)


def _counts(entry: os.DirEntry[str]) -> bool:
    return entry.is_dir(follow_symlinks=False) or not entry.is_symlink() or os.path.isfile(entry.path)


def place_of(text: str) -> Place:
    """A place from what a user names.

    Args:
        text: a path, or an address such as ``s3://bucket/folder?region=eu-west-1``.

    Raises:
        ConfigError: no such kind of store, or a password in the address.
    """
    if not _SCHEME.match(text):
        return Place(os.path.abspath(os.path.expanduser(text)))
    parts = urlsplit(text)
    if parts.scheme == "file":
        return Place(os.path.abspath(parts.path))
    if "@" in parts.netloc or re.search(r"(?i)(secret|access)[^=&]*key", parts.query):
        raise ConfigError(
            f"'{parts.scheme}://…' holds a key: leave it out and set it in the environment, as AWS_SECRET_ACCESS_KEY."
        )
    store = f"{parts.scheme}://{parts.netloc}{'?' if parts.query else ''}{parts.query}"
    _file_system(store)
    return Place(parts.netloc + parts.path.rstrip("/"), store)


@lru_cache(maxsize=16)
def _file_system(store: str) -> Any:
    from pyarrow import ArrowException
    from pyarrow.fs import FileSystem

    try:
        return FileSystem.from_uri(store)[0]
    except (ArrowException, ValueError, OSError) as error:
        raise ConfigError(
            f"'{store}' cannot be reached ({error}). Known: a path, s3://bucket/path, gs://bucket/path."
        ) from error


def matches(text: str) -> tuple[Place, re.Pattern[str]] | None:
    """The folder that a pattern with ``*``, ``?``, ``[…]`` or ``**`` begins at, and what names below it have to match.

    ``None`` where the text is no pattern, or a file is called that.
    """
    path, _, query = text.partition("?") if _SCHEME.match(text) else (text, "", "")
    if not _MAGIC.search(path) or (not _SCHEME.match(text) and os.path.exists(text)):
        return None
    steps = path.split("/")
    fixed = next(number for number, step in enumerate(steps) if _MAGIC.search(step))
    base = "/".join(steps[:fixed]) or ("/" if path.startswith("/") else ".")
    pattern = "/".join(
        translate(step).removeprefix("(?s:").removesuffix(r")\Z") if step != "**" else "**" for step in steps[fixed:]
    )
    pattern = pattern.replace(".*", "[^/]*").replace("**/", "(?:.*/)?").replace("**", ".*")
    return place_of(f"{base}{'?' if query else ''}{query}"), re.compile(rf"(?s:{pattern})\Z")
