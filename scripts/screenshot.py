"""Takes the README's screenshots, all of drawn faces: ``python scripts/screenshot.py``."""

from __future__ import annotations

import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright
from portrait import draw_portrait

ROOT = Path(__file__).resolve().parents[1]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def main(folder: Path) -> None:
    """Write ``predict.png`` and ``errors.png``."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--server.port", str(port), "--server.headless", "true", "--server.address", "127.0.0.1"]
    # The sidebar shows the data folder: no path of whoever takes the pictures belongs into them.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EMOTION_DATA")}
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    server = subprocess.Popen(command, cwd=ROOT, env=environment)  # noqa: S603 - our own app
    try:
        wait(f"http://127.0.0.1:{port}/_stcore/health")
        picture = io.BytesIO()
        draw_portrait().save(picture, "PNG")
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            page = browser.new_page(viewport={"width": 1440, "height": 1180}, color_scheme="light")
            page.goto(f"http://127.0.0.1:{port}")
            upload = page.locator("input[type=file]").first
            upload.wait_for(state="attached", timeout=120_000)
            upload.set_input_files({"name": "portrait.png", "mimeType": "image/png", "buffer": picture.getvalue()})
            page.get_by_role("button", name="Download CSV").or_(page.get_by_text("CSV")).first.wait_for(timeout=120_000)
            page.wait_for_timeout(3000)  # figures draw themselves after the page has settled
            page.screenshot(path=folder / "predict.png")
            page.set_viewport_size({"width": 1440, "height": 820})
            page.goto(f"http://127.0.0.1:{port}/errors?evaluation=schematic-test&outcome=all")
            page.get_by_alt_text("faces/").first.wait_for(timeout=120_000)
            page.wait_for_timeout(3000)
            page.screenshot(path=folder / "errors.png")
            browser.close()
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


if __name__ == "__main__":
    main(ROOT / "docs")
