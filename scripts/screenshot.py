"""Takes the README's pictures of the pages, with drawn faces alone: ``python scripts/screenshot.py [PAGE …]``."""

from __future__ import annotations

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright
from portrait import draw_portrait

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
WIDTH = 1440
PATIENCE = 180_000
"""Milliseconds until a page has to show what is waited for."""
SETTLING = 4_000
"""Milliseconds in which figures draw themselves after that."""


def predict(page: Page, address: str) -> Locator:
    """A drawn portrait, read."""
    page.goto(address)
    picture = io.BytesIO()
    draw_portrait().save(picture, "PNG")
    upload = page.locator("input[type=file]").first
    upload.wait_for(state="attached", timeout=PATIENCE)
    upload.set_input_files({"name": "portrait.png", "mimeType": "image/png", "buffer": picture.getvalue()})
    return page.get_by_text("CSV")


def compare(page: Page, address: str) -> Locator:
    """The runs that Compare opens with."""
    page.goto(f"{address}/compare")
    return _figure(page)


def affect_map(page: Page, address: str) -> Locator:
    """Where faces lie, true against predicted."""
    page.goto(f"{address}/affect_map?benchmark=schematic-test")
    return _figure(page)


def errors(page: Page, address: str) -> Locator:
    """Drawn faces and what was predicted of them."""
    page.goto(f"{address}/errors?benchmark=schematic-test&outcome=all")
    return page.get_by_alt_text("faces/")


def training(page: Page, address: str) -> Locator:
    """The curves of a training."""
    page.goto(f"{address}/training?run=schematic/custom_cnn")
    return _figure(page)


def _figure(page: Page) -> Locator:
    return page.locator(".js-plotly-plot")


PAGES = {"predict": (predict, 1180), "compare": (compare, 820), "affect_map": (affect_map, 820), "errors": (errors, 820),
         "training": (training, 820)}  # fmt: skip
"""How each page comes to show something, and the height of its picture in pixels."""


@contextmanager
def serve() -> Iterator[str]:
    """The app on a free port; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    # The sidebar shows folders: no path of whoever takes the pictures belongs into them.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EMOTION_")}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    server = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: S603 - our own app
    try:
        wait(f"http://127.0.0.1:{port}/_stcore/health")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def wait(url: str, seconds: float = 120) -> None:
    """Until the server answers."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):  # noqa: S310 - always our own server
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def main() -> None:
    """Write ``docs/PAGE.png`` for each page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pages", nargs="*", metavar="PAGE", help=f"{', '.join(PAGES)} (default: all)")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", metavar="DIR", help="where the pictures go (default: docs/)")
    arguments = parser.parse_args()
    unknown = [name for name in arguments.pages if name not in PAGES]
    if unknown:
        parser.error(f"there is no page '{unknown[0]}'; the pages are {', '.join(PAGES)}")
    with serve() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for name in arguments.pages or PAGES:
            prepare, height = PAGES[name]
            page = browser.new_page(viewport={"width": WIDTH, "height": height}, color_scheme="light")
            prepare(page, address).first.wait_for(timeout=PATIENCE)
            page.wait_for_timeout(SETTLING)
            page.screenshot(path=arguments.out / f"{name}.png")
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
