"""How long does a reviewer wait for the next picture, and for a verdict?

Run with ``python -m benchmarks.review`` (needs playwright and Chromium). Opens the drawn faces of the shipped run on Errors in
a real server and a real browser, goes on by keys, and judges by keys. A step ends when the next picture is decoded and drawn.
Exits with status 1 when the median of the steps misses its target.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.serving import served

if TYPE_CHECKING:
    from playwright.sync_api import Page

TARGET = 300.0
"""ms for the next picture."""

_KEYS = """async ([keys, pause]) => {
  const hosts = [...document.querySelectorAll('*')]
  const desk = hosts.map((host) => host.shadowRoot?.querySelector('.desk')).find(Boolean)
  const where = () => desk.querySelector('.where').textContent
  const times = []
  for (const key of keys) {
    const before = where()
    const began = performance.now()
    window.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, composed: true }))
    while (['ArrowRight', 'ArrowLeft', ' '].includes(key) && performance.now() - began < 60000) {
      await new Promise((drawn) => requestAnimationFrame(drawn))
      const picture = desk.querySelector('.pictures img')
      if (where() !== before && !desk.classList.contains('waits') && picture?.complete && picture.naturalWidth) break
    }
    times.push(performance.now() - began)
    await new Promise((rested) => setTimeout(rested, pause))
  }
  return times
}"""


def main() -> int:
    """Start a server, open it, press keys, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--pause", type=int, default=300, help="ms between keys")
    parser.add_argument("--pictures", type=Path, help="folder for screens")
    arguments = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, served(Path(folder)) as (address, _):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(600_000)
        page.goto(f"{address}/errors?benchmark=schematic-test&outcome=all&sort=name&image=faces/00015.png")
        return _measure(page, arguments.steps, arguments.pause, arguments.pictures)


def _measure(page: Page, steps: int, pause: int, pictures: Path | None) -> int:
    dialog = page.get_by_role("dialog")
    dialog.locator(".title span").first.wait_for()
    page.wait_for_timeout(3_000)
    ahead = page.evaluate(_KEYS, [["ArrowRight"] * steps, pause])
    dialog.locator(".name").fill("Benchmark")
    dialog.locator(".name").press("Enter")
    began = time.monotonic()
    judged = page.evaluate(_KEYS, [["5", " "] * steps, pause // 2])[1::2]
    took = time.monotonic() - began
    dialog.get_by_text(f"{steps} saved").wait_for()
    if pictures is not None:
        pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=pictures / "judged.png")
    print(f"{'':<28}{'median ms':>10}{'largest':>10}{'target':>8}")
    for name, times in (("next picture", ahead), ("save and next", judged)):
        print(f"{name:<28}{statistics.median(times):>10.0f}{max(times):>10.0f}{TARGET:>8.0f}")
    print(f"{steps} verdicts, all kept: {took / steps:.2f} s a picture with {pause / 1000:.1f} s of rest")
    return int(statistics.median(ahead) > TARGET)


if __name__ == "__main__":
    sys.exit(main())
