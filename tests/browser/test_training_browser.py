"""The Training page in a real browser, while a training writes into its run folder: for the server, that is another process."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from emotion_core.results.progress import TrainingProgress, remove_progress, write_progress
from emotion_core.results.run import RunInfo, append_history, read_run, write_info

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEADLINE = 180_000.0
EPOCHS = 8
NETWORK = {"backbone": "resnet50", "input_size": 48}
PHASES = [{"name": "heads", "epochs": 2}, {"name": "<b>fine-tune</b>", "epochs": 6}]


def train(path: Path, epoch: int) -> None:
    """Leaves what a training leaves when it ends an epoch; the first call ends four of them."""
    if not path.exists():
        write_info(path, RunInfo(network=NETWORK, training={"phases": PHASES, "select": "accuracy"}))
    for number in range(1 if epoch == 4 else epoch, epoch + 1):
        row = {
            "epoch": number, "phase": PHASES[number > 2]["name"], "loss": 3 - number / 10, "lr": 1e-3 / number,
            "val_accuracy": number / 20, "score": number / 20, "images_per_second": 90.0, "seconds": 3.0,
        }  # fmt: skip
        append_history(path, row)
    with (path / "train.log").open("a") as log:
        log.write(f"epoch {epoch} is over\n")
    if epoch == EPOCHS:
        write_info(path, replace(read_run(path).info, finished=True))
        remove_progress(path)
        return
    # As far ahead as a page believes: the test may be slow, and nothing writes again until it says so.
    progress = TrainingProgress(
        pid=1, host="far", updated=time.time() + 55, phase=str(PHASES[1]["name"]), phase_index=1, phases=2, epoch=epoch + 1,
        epochs=EPOCHS, step=1, steps=4,
    )  # fmt: skip
    write_progress(path, progress)


@pytest.fixture(params=[(1440, 1200), (390, 1200)], ids=["wide", "phone"])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    width, height = request.param
    # The server must have been visited once, as the first page of all is loaded twice.
    context = browser.new_context(viewport={"width": width, "height": height})
    opened = context.new_page()
    opened.set_default_timeout(DEADLINE)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


def test_a_running_training_is_followed_until_it_ends(
    page: Page, address: str, checkpoints: Path, overflow: Callable[[Page], int]
) -> None:
    width = page.viewport_size["width"] if page.viewport_size else 0
    name = f"live-{width}"
    train(checkpoints / name, 4)
    page.goto(f"{address}/training?run={name}")
    page.get_by_role("heading", name="Running: epoch 5 of 8, phase “<b>fine-tune</b>”").wait_for()
    chart = page.locator(".js-plotly-plot").first
    chart.get_by_text("Best accuracy 0.200 so far, in epoch 4").wait_for()
    assert overflow(page) <= 0
    # A closer look: the first epoch is left out.
    page.get_by_role("slider").first.press("ArrowRight")
    page.wait_for_function("document.querySelector('.js-plotly-plot')?._fullLayout?.xaxis.range[0] === 1.5")
    train(checkpoints / name, 5)
    page.get_by_role("heading", name="Running: epoch 6 of 8").wait_for()
    chart.get_by_text("Best accuracy 0.250 so far, in epoch 5").wait_for()
    page.get_by_text("epoch 5 is over").wait_for()
    # Who looks closer is not thrown back by a new epoch.
    assert chart.evaluate("plot => plot._fullLayout.xaxis.range") == [1.5, 8.5]
    assert "epochs=2" in page.url
    train(checkpoints / name, 8)
    page.get_by_role("heading", name="Finished after 6 epochs").wait_for()
    chart.get_by_text("Best accuracy 0.400 in epoch 8 of 8").wait_for()
    # The list of runs knows it as well, and the page no longer asks.
    page.wait_for_function("sign => document.querySelector('[aria-label=Run]').value === sign", arg=f"✓ {name}")
    assert page.get_by_test_id("stException").count() == 0
    assert f"run={name}" in page.url
    assert overflow(page) <= 0


@pytest.mark.parametrize("page", [(1440, 1200)], ids=["wide"], indirect=True)
def test_a_link_survives_what_happens_to_the_run(page: Page, address: str) -> None:
    page.goto(f"{address}/training?run=small")
    page.get_by_role("heading", name="✓ Finished").wait_for()
    page.get_by_text("small has no history of its training").wait_for()
    page.wait_for_function("location.search.includes('run=small')")
    assert page.get_by_test_id("stException").count() == 0
