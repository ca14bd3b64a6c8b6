"""Files of a dataset, read from a folder or straight from a ZIP archive."""

from __future__ import annotations

import errno
import os
import re
import unicodedata
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO

from emotion_core.errors import DataError, DatasetNotFoundError

LONGEST_LINE = 1 << 20
"""Bytes of a line that are held at once, ten times what any layout needs; the rest counts as a line of its own."""

_ANCHOR = re.compile(r"[\\/]|[A-Za-z]:")
"""How an absolute path begins: with a slash of either kind, or a drive."""


class Source(ABC):
    """Named bytes under one root. Names use ``/`` and are relative to the root."""

    path: Path

    @cached_property
    @abstractmethod
    def names(self) -> frozenset[str]:
        """Every file there is."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Content of one file.

        Raises:
            OSError: it cannot be read.
        """

    @abstractmethod
    def has(self, name: str) -> bool:
        """Whether there is such a file; unlike ``names`` this lists nothing."""

    def find(self, name: str) -> str | None:
        """The file that a list means: the one with this name, or the only one whose name Unicode may write so as well.

        macOS takes an accented letter apart into two characters where a list has one; ``None`` where there is no such file.
        """
        if self.has(name):
            return name
        found = None if name.isascii() else self._composed.get(unicodedata.normalize("NFC", name))
        return found if found is not None and self.has(found) else None

    @cached_property
    def _composed(self) -> dict[str, str | None]:
        """Names that are not plain ASCII by their composed form; ``None`` where two share it."""
        found: dict[str, str | None] = {}
        for name in self.names:
            if not name.isascii():
                key = unicodedata.normalize("NFC", name)
                found[key] = None if key in found else name
        return found

    @abstractmethod
    def _open(self, name: str) -> IO[bytes]: ...

    def lines(self, name: str) -> Iterator[bytes]:
        """Lines of one file, one at a time, so that a file of any size may be read.

        Raises:
            OSError: it cannot be read.
        """
        try:
            with self._open(name) as stream:
                while line := stream.readline(LONGEST_LINE):
                    yield line
        except OSError:
            raise
        except Exception as error:  # as in ZipSource.read
            raise OSError(f"'{name}' in '{self.path}' cannot be unpacked ({error})") from error

    def folder(self, name: str) -> list[str]:
        """Names below one folder, sorted as strings."""
        return sorted(entry for entry in self.names if entry.startswith(f"{name}/"))


class FolderSource(Source):
    """A plain folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(entry.relative_to(self.path).as_posix() for entry in self.path.rglob("*") if entry.is_file())

    def read(self, name: str) -> bytes:
        if not self.has(name):
            raise FileNotFoundError(errno.ENOENT, "no such file below the folder", name)
        return (self.path / name).read_bytes()

    def has(self, name: str) -> bool:
        try:
            # Resolved, so that neither the name nor a link leads out of the folder.
            file = Path(os.path.realpath(self.path / name))
            return file.is_relative_to(self._root) and file.is_file()
        except (OSError, ValueError):  # a name that is too long, or holds a NUL byte
            return False

    @cached_property
    def _root(self) -> Path:
        return Path(os.path.realpath(self.path))

    def _open(self, name: str) -> IO[bytes]:
        return (self.path / name).open("rb")


class ZipSource(Source):
    """A ZIP archive; nothing is unpacked. :class:`zipfile.ZipFile` serialises reads itself, so threads may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError) as error:
            raise DataError(f"'{path}' is not a readable ZIP archive ({error}). Fetch it again.") from error

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(name for name in self._archive.namelist() if not name.endswith("/"))

    def read(self, name: str) -> bytes:
        try:
            return self._archive.read(name)
        except OSError:
            raise
        except Exception as error:  # damaged bytes raise zlib's, struct's and zipfile's errors, and RuntimeError when encrypted
            raise OSError(f"'{name}' in '{self.path}' cannot be unpacked ({error})") from error

    def has(self, name: str) -> bool:
        return name in self.names

    def _open(self, name: str) -> IO[bytes]:
        return self._archive.open(name)


def leads_out(name: str) -> bool:
    """Whether a name is absolute or climbs above the root, as any system would read it.

    Example:
        >>> leads_out("images/1.jpg"), leads_out("../1.jpg"), leads_out("C:\\1.jpg")
        (False, True, True)
    """
    return _ANCHOR.match(name) is not None or ".." in name.replace("\\", "/").split("/")


def open_source(name: str, data_root: str | Path) -> Source:
    """Find a dataset below ``data_root``; ``schematic`` is drawn, and there whatever ``data_root`` says.

    Looks for the folder ``<data_root>/<name>``, then for ``<data_root>/<name>.zip``; ``data_root`` may also be the dataset's
    own folder or archive, when it bears that name.

    Raises:
        DatasetNotFoundError: none of these exists.
        DataError: the archive is damaged.
    """
    source = find_source(name, data_root)
    if source is None:
        raise DatasetNotFoundError(name, places(name, data_root))
    return source


def find_source(name: str, data_root: str | Path) -> Source | None:
    """What :func:`open_source` opens; ``None`` where it would raise ``DatasetNotFoundError``."""
    if name == "schematic":
        # Here and not above: the drawn dataset is a Source itself and builds on this module.
        from emotion_core.data.schematic import SchematicSource

        return SchematicSource()
    if name != Path(name).name or name in ("", ".", ".."):
        return None
    root = Path(os.path.expanduser(data_root))
    if root.name == name and root.is_dir():
        return FolderSource(root)
    if root.name == f"{name}.zip" and root.is_file():
        return ZipSource(root)
    folder, archive = places(name, root)
    if folder.is_dir():
        return FolderSource(folder)
    return ZipSource(archive) if archive.is_file() else None


def find_file(file: str, data_root: str | Path, *names: str) -> Source | None:
    """Where a file lies: in one of the datasets ``names``, or plainly in ``data_root``; ``None`` when nowhere."""
    for name in names:
        source = find_source(name, data_root)
        if source is not None and source.has(file):
            return source
    root = FolderSource(Path(os.path.expanduser(data_root)))
    return root if root.has(file) else None


def places(name: str, data_root: str | Path) -> list[Path]:
    """The folder and the archive that a dataset is looked for in."""
    root = Path(os.path.expanduser(data_root))
    return [root / name, root / f"{name}.zip"]
