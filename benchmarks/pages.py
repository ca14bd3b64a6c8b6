"""What the benchmarks of pages share: a watch, the app as a visitor opens it, and a fresh process for each measurement."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[1]


class Watch:
    """Wall and processor time between calls."""

    def __init__(self) -> None:
        self.times: dict[str, tuple[float, float]] = {}
        self.restart()

    def restart(self) -> None:
        """Begin anew."""
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def note(self, name: str) -> None:
        """Keep what has passed, and begin anew."""
        self.times[name] = (time.perf_counter() - self.wall, time.process_time() - self.cpu)
        self.restart()


def open_page(page: str) -> AppTest:
    """The app on one of its pages, not yet run.

    Args:
        page: its folder, which is also its address.
    """
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    # Outside a server, Streamlit warns at every call that there is no session; here there is never one.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").disabled = True
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600)
    # AppTest.switch_page would have to open the first page before it knows the others' addresses.
    app._page_hash = calc_hash(page)
    return app


def fresh(benchmark: str, part: str, environment: Mapping[str, str], *options: str) -> dict[str, Any]:
    """What one part of a benchmark prints as JSON when it runs in a process of its own.

    The process that asks stays small, since its peak memory would be passed on.
    """
    command = [sys.executable, "-m", benchmark, "--part", part, *options]
    surroundings = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, cwd=ROOT, env=surroundings, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise SystemExit(f"'{part}' of {benchmark} failed.")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def print_times(times: Mapping[str, tuple[float, float]], targets: Mapping[str, float]) -> bool:
    """A row for each step: wall time, processor time and its target. Returns whether a target was missed."""
    missed = False
    for name, (wall, cpu) in times.items():
        target = targets.get(name)
        missed |= target is not None and cpu > target
        print(f"{name:<28}{wall:8.2f}{cpu:8.2f}{'' if target is None else f'{target:8.1f}'}")
    return missed


def print_header() -> None:
    """The line above :func:`print_times`."""
    print(f"{'':<28}{'wall s':>8}{'cpu s':>8}{'target':>8}")
