"""One training a folder: whoever trains holds a lock, and says who that is."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from emotion_core.errors import TrainingError
from emotion_core.results.progress import STALE_SECONDS, read_progress
from emotion_core.texts import shorten

if sys.platform != "win32":
    import fcntl

LOCK = "train.lock"

LARGEST = 4096
"""Bytes that are read of a lock file."""

log = logging.getLogger(__name__)


@contextmanager
def holding(out: Path) -> Iterator[None]:
    """Hold the lock of a run folder, which is made if needed.

    The system itself lets go of the lock when its holder dies, in whatever way. The file beside it names the holder; one that
    was left behind is taken over, with a line in the log. Where the lock says nothing, as on disks of other machines that
    do not share locks, a holder that wrote ``progress.json`` within a minute counts as alive.

    Args:
        out: the run folder.

    Raises:
        TrainingError: another process trains in this folder.
        OSError: the folder or the lock cannot be written.
    """
    made = not out.exists()
    out.mkdir(parents=True, exist_ok=True)
    handle = _lock(out)
    try:
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(_me(), allow_nan=False).encode(), 0)
        yield
    finally:
        if sys.platform == "win32":
            # It removes no file that is open.
            os.close(handle)
        # Elsewhere it is still held: whoever waits for this file finds that it is gone, and makes another.
        with contextlib.suppress(OSError):
            (out / LOCK).unlink(missing_ok=True)
        if sys.platform != "win32":
            os.close(handle)
        if made:
            # Nothing came of it, not even a line in the log.
            with contextlib.suppress(OSError):
                out.rmdir()


def _me() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "since": round(time.time())}


def _lock(out: Path) -> int:
    """The handle of the lock file, which is locked."""
    path = out / LOCK
    while True:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0), 0o644)
        try:
            alone = _take(handle)
            holder = _read(handle)
            if alone is False or (holder and alone is None and _seems_alive(out, holder)):
                raise _occupied(out, holder)
            if _is(path, handle):
                if holder:
                    _take_over(out, holder)
                return handle
        except BaseException:
            os.close(handle)
            raise
        # Its holder removed it between our opening and locking it.
        os.close(handle)


def _take(handle: int) -> bool | None:
    """Whether nobody else holds the lock; ``None`` where the disk cannot say."""
    if sys.platform == "win32":
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is(path: Path, handle: int) -> bool:
    """Whether a file of this name is the one that is open."""
    try:
        there, mine = path.stat(), os.fstat(handle)
        return os.path.samestat(there, mine)
    except FileNotFoundError:
        return False


def _read(handle: int) -> dict[str, Any]:
    """Who is named in the file; nobody where it is empty or damaged."""
    try:
        said = json.loads(os.pread(handle, LARGEST, 0))
        return {"pid": int(said["pid"]), "host": shorten(str(said["host"])), "since": float(said["since"])}
    except (OSError, ValueError, LookupError, TypeError, OverflowError, RecursionError):
        return {}


def _seems_alive(out: Path, holder: dict[str, Any]) -> bool:
    """Whether a holder that no lock vouches for has said something lately, or is a process of this machine."""
    if sys.platform != "win32" and holder["host"] == socket.gethostname():
        return _runs(holder["pid"])
    progress = read_progress(out)
    latest = max(holder["since"], progress.updated if progress is not None else 0.0)
    return bool(abs(time.time() - latest) <= STALE_SECONDS)


def _runs(pid: int) -> bool:
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _occupied(out: Path, holder: dict[str, Any]) -> TrainingError:
    whom = f"process {holder['pid']} on '{holder['host']}', since {_clock(holder['since'])}" if holder else "another process"
    return TrainingError(f"'{out}' is being trained in by {whom}. Wait for its end, or choose another folder with --out.")


def _take_over(out: Path, holder: dict[str, Any]) -> None:
    log.warning(
        "'%s' was left behind by process %d on '%s', which began %s and runs no more: this training takes it over.",
        *(out, holder["pid"], holder["host"], _clock(holder["since"])),
    )


def _clock(seconds: float) -> str:
    try:
        return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "at a time unknown"
