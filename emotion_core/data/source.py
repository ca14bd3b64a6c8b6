"""Files of a dataset, read from a folder or straight from a ZIP archive."""

from __future__ import annotations

import os
import zipfile
from abc import ABC, abstractmethod
from functools import cached_property
from pathlib import Path

from emotion_core.errors import DataError, DatasetNotFoundError


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
        return (self.path / name).read_bytes()


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


def open_source(name: str, data_root: str | Path) -> Source:
    """Find a dataset below ``data_root``.

    Looks for the folder ``<data_root>/<name>``, then for ``<data_root>/<name>.zip``; ``data_root`` may also be the dataset's
    own folder or archive, when it bears that name.

    Raises:
        DatasetNotFoundError: none of these exists.
        DataError: the archive is damaged.
    """
    root = Path(os.path.expanduser(data_root))
    if root.name == name and root.is_dir():
        return FolderSource(root)
    if root.name == f"{name}.zip" and root.is_file():
        return ZipSource(root)
    folder, archive = root / name, root / f"{name}.zip"
    if folder.is_dir():
        return FolderSource(folder)
    if archive.is_file():
        return ZipSource(archive)
    raise DatasetNotFoundError(name, [folder, archive])
