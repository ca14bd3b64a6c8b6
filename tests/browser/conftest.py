"""A real server and a real browser, one each for every file of tests."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page
from tests.stored import write_network

REPOSITORY = Path(__file__).resolve().parents[2]
DEADLINE = 180.0
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def need(reason: str) -> None:
    """Without a browser these tests are skipped, but never where it is promised that they run."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="module")
def chromium() -> str:
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        need("needs the package 'playwright'")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        need("needs Chromium: apt-get install chromium")
    return str(path)


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The server's runs: one untrained network."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_network(folder / "small")
    return folder


@pytest.fixture(scope="module")
def address(chromium: str, checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with one untrained network."""
    port = free_port()
    with serving(port, checkpoints, tmp_path_factory.mktemp("log") / "streamlit.txt"):
        yield f"http://127.0.0.1:{port}"


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextlib.contextmanager
def serving(port: int, checkpoints: Path, log: Path, *further: str) -> Iterator[None]:
    """The app on a port, with these runs alone and further options."""
    hidden = {"EMOTION_CHECKPOINTS": str(checkpoints), "EMOTION_SHIPPED_RUNS": "hide"}
    environment = {**os.environ, **hidden, "PYTHONPATH": str(REPOSITORY)}
    options = {"port": port, "address": "127.0.0.1", "headless": "true", "fileWatcherType": "none"}
    given = [*(f"--server.{key}={options[key]}" for key in options), *further]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *given]
    with log.open("w") as stream:
        server = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    try:
        wait_until_healthy(f"http://127.0.0.1:{port}/_stcore/health", server, log)
        yield
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    assert "Traceback" not in log.read_text()


def wait_until_healthy(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.2)
    pytest.fail(f"The app did not answer within {DEADLINE:.0f} s: {log.read_text()}")


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def overflow() -> Callable[[Page], int]:
    """How many pixels a page is too wide."""

    def measure(page: Page) -> int:
        return int(
            page.evaluate(
                """() => {
                    const main = document.querySelector('[data-testid="stMain"]');
                    const root = document.documentElement;
                    return Math.max(root.scrollWidth - window.innerWidth, main.scrollWidth - main.clientWidth);
                }"""
            )
        )

    return measure
