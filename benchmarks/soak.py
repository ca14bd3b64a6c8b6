"""Does a server stay well under many visitors?

Run with ``python -m benchmarks.soak`` (needs playwright and Chromium). Visitors come in rounds, some at a time, each with a
browser session and a photo of its own: Predict reads the photo, then they look at Compare and at Errors, and leave. Prints the
time until each page stood, what failed, and the memory of the server with its processes after each round. Exits with status 1
when a visit failed, or when the last round left more than 5 % above the second.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks.serving import served
from emotion_core.data.schematic import SchematicSource, sample_id

if TYPE_CHECKING:
    from playwright.async_api import Browser

ROUNDS = 3
LEAK = 1.05
FACES = 16
REST = 20.0
"""Seconds after a round in which sessions end, before memory is measured."""

Times = dict[str, list[float]]


def photo(number: int, megapixels: float) -> bytes:
    """A drawn face on noise, a JPEG that nobody else brings. The detector finds each of the few faces there are."""
    side = int((megapixels * 1e6) ** 0.5)
    noise = np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    face = Image.open(io.BytesIO(SchematicSource().read(sample_id(0, number % FACES)))).convert("RGB")
    picture.paste(face.resize((side // 2, side // 2)), (side // 4, side // 4))
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=90)
    return content.getvalue()


async def visit(browser: Browser, address: str, content: bytes, times: Times) -> str | None:
    """One visitor from the first page to the last; what went wrong, if anything did."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    try:
        page = await context.new_page()
        page.set_default_timeout(300_000)
        began = time.monotonic()
        await page.goto(address)
        upload = page.locator("input[type=file]").first
        await upload.wait_for(state="attached")
        await upload.set_input_files({"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": content})
        await page.get_by_role("button", name="Photo with boxes").first.wait_for()
        times["Predict"].append(time.monotonic() - began)
        for path, title in (("compare", "Compare"), ("errors", "Errors")):
            began = time.monotonic()
            await page.goto(f"{address}/{path}")
            await page.locator(".js-plotly-plot, [data-testid=stDataFrame]").first.wait_for()
            times[title].append(time.monotonic() - began)
            if await page.get_by_test_id("stException").count():
                return f"{title} failed"
    except Exception as error:  # whatever a visit meets is a finding, and the others go on
        return f"{context.pages[0].url.removeprefix(address)}: {type(error).__name__}: {str(error).splitlines()[0]}"
    finally:
        await context.close()
    return None


def memory(pid: int) -> float:
    """Resident memory of a process and of all that it started, MB."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = dict(line.split(":", 1) for line in (entry / "status").read_text().splitlines() if ":" in line)
            except OSError:
                continue
            parents[int(entry.name)] = int(status["PPid"])
            resident[int(entry.name)] = int(status.get("VmRSS", "0 kB").split()[0])
    mine = {pid}
    while more := {child for child, parent in parents.items() if parent in mine} - mine:
        mine |= more
    return sum(resident.get(process, 0) for process in mine) / 1000


async def soak(address: str, pid: int, arguments: argparse.Namespace) -> int:
    """Rounds of visitors until the time is over, three at least."""
    from playwright.async_api import async_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    ends = time.monotonic() + 60 * arguments.minutes
    left: list[float] = []
    failed = 0
    print(f"{'round':>5}{'visits':>8}{'failed':>8}{'Predict s':>11}{'Compare s':>11}{'Errors s':>10}{'memory MB':>11}")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        while len(left) < ROUNDS or time.monotonic() < ends:
            times: Times = defaultdict(list)
            places = asyncio.Semaphore(arguments.at_once)

            async def one(number: int, times: Times = times, places: asyncio.Semaphore = places) -> str | None:
                async with places:
                    return await visit(browser, address, photo(number, arguments.megapixels), times)

            first = len(left) * arguments.visitors
            found = await asyncio.gather(*(one(first + number) for number in range(arguments.visitors)))
            await asyncio.sleep(REST)
            reasons = [reason for reason in found if reason]
            failed += len(reasons)
            left.append(memory(pid))
            medians = [statistics.median(times[name] or [float("nan")]) for name in ("Predict", "Compare", "Errors")]
            print(
                f"{len(left):>5}{len(found):>8}{len(reasons):>8}{medians[0]:>11.1f}{medians[1]:>11.1f}{medians[2]:>10.1f}"
                f"{left[-1]:>11.0f}",
                *sorted(set(reasons)), sep="\n", end="\n", flush=True,
            )  # fmt: skip
    grown = left[-1] / left[1]
    print(f"{failed} visits failed; after the last round {grown:.3f} x the memory after the second")
    return int(failed > 0 or grown > LEAK)


def main() -> int:
    """Start a server, send visitors, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visitors", type=int, default=50, help="a round")
    parser.add_argument("--at-once", type=int, default=10, help="visitors at the same time")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--megapixels", type=float, default=2.0, help="of each photo")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as (address, pid):
        return asyncio.run(soak(address, pid, arguments))


if __name__ == "__main__":
    sys.exit(main())
