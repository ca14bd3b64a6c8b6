"""Files that a stranger sends, a ZIP archive or those of a folder, as one source: within limits, by names that lead nowhere."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import IO

from emotion_core.data.source import Source, leads_out
from emotion_core.data.table import Problem
from emotion_core.errors import DataError
from emotion_core.images import MAX_BYTES
from emotion_core.texts import shorten

MOST_FILES = 20_000
MOST_BYTES = 400 << 20
"""Bytes of all files together, unpacked."""

MOST_DIRECTORY = 8 << 20
"""Bytes of an archive's list of files, which is read as a whole: 400 for each of :data:`MOST_FILES`."""

MOST_LIST = 4 << 20
"""Bytes of a list of pictures, 200 for each of :data:`MOST_FILES`."""

LONGEST = 240
"""Bytes of a name in UTF-8."""

_ARCHIVE = (b"PK\3\4", b"PK\5\6")
_JUNK = frozenset({"__macosx", "thumbs.db", "desktop.ini"})
"""What systems leave beside files."""

_TURNING = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})
"""Directions that make a name read as another one."""


@dataclass(kw_only=True)
class SentSource(Source):
    """Files in memory by their names.

    Attributes:
        path: what the upload is called, for messages: nothing lies there.
        contents: gives the content of each file.
        refused: files that are left out, and why.
    """

    path: Path
    contents: Mapping[str, Callable[[], bytes]] = field(repr=False)
    refused: tuple[Problem, ...] = ()

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.contents)

    def read(self, name: str) -> bytes:
        if not self.has(name):
            raise FileNotFoundError(2, "no such file", name)
        return self.contents[name]()

    def has(self, name: str) -> bool:
        return name in self.contents

    def _open(self, name: str) -> IO[bytes]:
        return io.BytesIO(self.read(name))


def open_sent(files: Sequence[tuple[str, bytes]]) -> SentSource:
    """What somebody sent, without reading a picture of it.

    Args:
        files: one ZIP archive, or all files of a folder: names, which may hold folders, and contents. Nothing is written.

    Raises:
        DataError: an archive is none, is damaged, encrypted or made to fill a memory; or there is too much, or nothing.
    """
    if not files:
        raise DataError("There is no file in it.")
    name, content = files[0]
    if len(files) == 1 and (content.startswith(_ARCHIVE) or name.lower().endswith(".zip")):
        title = shorten(name)
        listed = _unpacked(title, content)
    else:
        title = shorten(name.replace("\\", "/").split("/")[0]) if "/" in name.replace("\\", "/") else "these files"
        listed = [(name, len(content), partial(bytes, content)) for name, content in files]
    if len(listed) > MOST_FILES:
        raise DataError(f"'{title}' has {len(listed):,} files, more than the {MOST_FILES:,} that are read here.")
    contents: dict[str, Callable[[], bytes]] = {}
    refused: list[Problem] = []
    total = 0
    for name, size, read in listed:
        if _is_junk(name):
            continue
        try:
            clean = _clean_name(name)
            if clean in contents:
                raise ValueError("stands in it twice: the first one counts")
            most = MOST_LIST if clean.lower().endswith(".csv") else MAX_BYTES
            if size > most:
                raise ValueError(f"has {size:,} bytes, more than the {most:,} that are read")
        except ValueError as error:
            refused.append(Problem(path=shorten(name), reason=f"it {error}"))
            continue
        contents[clean] = read
        total += size
    if total > MOST_BYTES:
        raise DataError(
            f"'{title}' unpacks to {total >> 20:,} MB, more than the {MOST_BYTES >> 20:,} that are read here: send "
            "fewer pictures, or smaller ones."
        )
    return SentSource(path=Path(title), contents=contents, refused=tuple(refused))


class _Bounded(io.BytesIO):
    """An archive whose list of files may not be longer than it should be: zipfile makes objects of all of it."""

    bounded = True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.bounded and size is not None and size > MOST_DIRECTORY:
            raise DataError(f"It lists more than the {MOST_FILES:,} files that are read here.")
        return super().read(size)


def _unpacked(title: str, content: bytes) -> list[tuple[str, int, Callable[[], bytes]]]:
    """Name, size and content of the files in an archive; nothing is unpacked yet."""
    stream = _Bounded(content)
    try:
        archive = zipfile.ZipFile(stream)
    except DataError as error:
        raise DataError(f"'{title}' cannot be used. {error}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, EOFError) as error:
        raise DataError(f"'{title}' is no ZIP archive, or a damaged one ({error}): pack the pictures again as ZIP.") from error
    stream.bounded = False
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if any(info.flag_bits & 1 for info in infos):
        raise DataError(f"'{title}' is encrypted: pack it again without a password.")
    return [(info.filename, info.file_size, partial(_unpack, archive, info)) for info in infos]


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """One file; no more of it than the archive says it has."""
    try:
        return archive.read(info)
    except OSError:
        raise
    except Exception as error:  # damaged bytes raise zlib's, struct's and zipfile's errors
        raise OSError(f"It cannot be unpacked ({str(error) or type(error).__name__})") from error


def _is_junk(name: str) -> bool:
    parts = name.replace("\\", "/").lower().split("/")
    return any(part in _JUNK or (part.startswith(".") and part.strip(".")) for part in parts)


def _clean_name(name: str) -> str:
    """A name as all systems read it.

    Raises:
        ValueError: it leads out of the folder, or is made to look like another one; the end of a sentence.
    """
    if leads_out(name):
        raise ValueError("leads out of its folder")
    if any(unicodedata.category(letter) in ("Cc", "Cs") or unicodedata.bidirectional(letter) in _TURNING for letter in name):
        raise ValueError("has control characters in its name")
    clean = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
    if not clean:
        raise ValueError("has no name")
    if len(clean.encode()) > LONGEST:
        raise ValueError(f"has a name of more than {LONGEST} bytes")
    return clean
