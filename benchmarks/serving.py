"""A server of the app on a port of its own, for as long as a measurement lasts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.pages import ROOT


@contextmanager
def served(checkpoints: Path) -> Iterator[tuple[str, int]]:
    """Address and process id of a server that takes its own runs and reviews from a folder, and the shipped runs besides."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    surroundings = {**os.environ, "EMOTION_CHECKPOINTS": str(checkpoints), "PYTHONPATH": str(ROOT)}
    options = (f"--server.port={port}", "--server.headless=true", "--server.fileWatcherType=none")
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    server = subprocess.Popen(command, cwd=ROOT, env=surroundings, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        _wait(f"{address}/_stcore/health")
        yield address, server.pid
    finally:
        server.terminate()
        server.wait()


def _wait(url: str) -> None:
    for _ in range(1_000):
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("The server does not answer.")
