"""Names that are still there after the power was cut."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def replace_durably(source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
    """Give a file or folder another name, and wait until its folder's list of names is on the disk.

    The file's content has to be there before: an entry that survives must not lead to half a file.

    Args:
        source: what is to be renamed.
        target: its new name, in a folder of the same file system; a file of this name is replaced.

    Raises:
        OSError: it cannot be renamed.
    """
    os.replace(source, target)
    sync_folder(Path(target).parent)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's list of names is on the disk, where the system can: Windows and some network disks cannot."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
