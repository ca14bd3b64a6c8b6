"""The Errors page in a real browser, on drawn faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from emotion_core.data.schematic import load_schematic
from emotion_core.labels import EXPRESSIONS
from emotion_core.results.find import DEFAULT_RUN
from tests.experiments import write_experiment
from tests.stored import predicted, store, write_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

DEADLINE = 180_000.0
IMAGES = 240
FIRST, SECOND = DEFAULT_RUN, "second"


def answers(seed: int) -> pd.DataFrame:
    """Made-up answers to drawn faces."""
    table = load_schematic(count=IMAGES).frame.drop(columns="split")
    generator = np.random.default_rng(seed)
    probs = generator.dirichlet(np.ones(8), IMAGES).astype(np.float32)
    for index, name in enumerate(EXPRESSIONS):
        table[f"prob_{name}"] = probs[:, index]
    for axis in ("valence", "arousal"):
        table[f"pred_{axis}"] = np.clip(table[axis] + generator.normal(0, 0.3, IMAGES), -1, 1)
    return table


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs with results only."""
    folder = tmp_path_factory.mktemp("checkpoints")
    write_experiment(folder)
    for seed, name in enumerate((FIRST, SECOND)):
        store(write_run(folder / name), answers(seed), "schematic")
    return folder


def open_context(browser: Browser, width: int = 1440, height: int = 1000, scheme: Any = "light") -> BrowserContext:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(DEADLINE)
    return context


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A visitor; afterwards the console must hold no error."""
    context = open_context(browser)
    opened = context.new_page()
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


def click_cell(page: Page, row: str, column: str) -> None:
    """The middle of a cell of the matrix."""
    place = 8 * EXPRESSIONS.index(row) + EXPRESSIONS.index(column)
    point = page.locator(".js-plotly-plot .scatterlayer .point").nth(place)
    point.wait_for(state="attached")
    box = point.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_from_a_cell_to_an_image_and_on_by_keyboard(page: Page, address: str) -> None:
    table = answers(0)
    page.goto(f"{address}/errors")
    page.get_by_text(f"of {IMAGES}, by loss").wait_for()
    wrong = table["expression"].to_numpy() != predicted(table)
    cell = pd.Series(list(zip(table["expression"][wrong], predicted(table)[wrong], strict=True))).value_counts()
    (row, column), number = cell.index[0], int(cell.iloc[0])
    assert number >= 3
    from playwright.sync_api import expect

    click_cell(page, row, column)
    page.get_by_text(f"{number} images of {IMAGES}, by loss").wait_for()
    assert f"true={row}" in page.url
    assert f"said={column}" in page.url
    ids = set(table["sample_id"][(table["expression"] == row) & (predicted(table) == column)])
    buttons = page.get_by_role("button", name="Open faces/")
    expect(buttons).to_have_count(number, timeout=DEADLINE)
    assert {button.inner_text().removeprefix("Open ") for button in buttons.all()} == ids
    # The picture itself is what one clicks.
    picture = page.get_by_role("img", name="faces/").first
    box = picture.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    dialog = page.get_by_role("dialog")
    dialog.get_by_text(f"1 of {number} images").wait_for()
    assert "image=faces" in page.url
    opened = page.url
    page.keyboard.press("ArrowRight")
    dialog.get_by_text(f"2 of {number} images").wait_for()
    # The address follows once somebody rests there.
    page.wait_for_function("before => location.href !== before", arg=opened)
    page.keyboard.press("ArrowLeft")
    dialog.get_by_text(f"1 of {number} images").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.wait_for_function("!location.search.includes('image=')")


def test_two_runs_side_by_side(page: Page, address: str) -> None:
    first, second = answers(0), answers(1)
    page.goto(f"{address}/errors?run={DEFAULT_RUN}&baseline={SECOND}")
    only = (predicted(first) != first["expression"]) & (predicted(second) == second["expression"])
    page.get_by_text(f"only B right {only.sum()}").click()
    page.get_by_text(f"{only.sum()} images of {IMAGES}").wait_for()
    page.get_by_text("McNemar's exact p").wait_for()
    page.get_by_text("run × run").click()
    page.get_by_text("images agree").wait_for()
    assert "pile=only" in page.url


def test_a_wrong_label_is_marked_found_again_and_shared(
    page: Page, browser: Browser, address: str, overflow: Callable[[Page], int]
) -> None:
    sample = "faces/00012.png"
    true = answers(0).set_index("sample_id")["expression"][sample]
    right = next(name for name in EXPRESSIONS if name != true)
    page.goto(f"{address}/errors?image={sample}&outcome=all")
    dialog = page.get_by_role("dialog")
    dialog.locator(".title").get_by_text(f"True {true}").wait_for()
    page.keyboard.press("1")
    dialog.get_by_role("radio", name=right).click()
    dialog.get_by_role("textbox", name="Note").fill("<img src=x onerror=alert(1)> *clear*")
    page.keyboard.press("ArrowLeft")  # moves in the note, not to another image
    page.keyboard.press("Enter")
    page.keyboard.press(" ")
    dialog.get_by_text("Type your name first").wait_for()
    page.keyboard.type("Ada")
    page.keyboard.press("Enter")
    page.keyboard.press(" ")
    dialog.get_by_text("1 saved").wait_for()
    page.keyboard.press("ArrowLeft")
    dialog.get_by_text("⚑ wrong label").wait_for()
    assert page.locator("img[src=x]").count() == 0
    # Judged in passing, and taken back.
    page.keyboard.press("ArrowRight")
    page.keyboard.press("5")
    page.keyboard.press(" ")
    dialog.get_by_text("2 saved").wait_for()
    page.keyboard.press("u")
    dialog.get_by_text("Taken back.").wait_for()
    page.goto(f"{address}/errors?image={sample}&outcome=all")
    dialog.get_by_text(f"⚑ wrong label → {right} · Ada").wait_for()
    page.keyboard.press("Escape")
    dialog.wait_for(state="detached")
    page.goto(f"{address}/errors?outcome=all&review=wrong+label")
    page.get_by_text(f"1 image of {IMAGES}").wait_for()
    page.get_by_text("⚑ wrong label").wait_for()
    context = open_context(browser, 390, 844, "dark")
    other = context.new_page()
    other.goto(f"{address}/errors?outcome=all&review=wrong+label&image={sample}")
    shared = other.get_by_role("dialog")
    shared.get_by_text(f"⚑ wrong label → {right} · Ada").wait_for()
    shared.get_by_text("1 of 1 image").wait_for()
    assert overflow(other) <= 0
    context.close()


INSIDE = """([left, top, right, bottom]) => {
    const plot = document.querySelector('.js-plotly-plot'), {xaxis, yaxis} = plot._fullLayout;
    const at = plot.getBoundingClientRect();
    const x = [left, right].map(end => xaxis.p2d(end - at.x - xaxis._offset));
    const y = [bottom, top].map(end => yaxis.p2d(end - at.y - yaxis._offset));
    return [...x, ...y];
}"""
"""Ends of a box on the page as valence and arousal."""


def test_faces_in_a_box_are_marked_on_both_planes_and_open_in_errors(page: Page, address: str) -> None:
    page.goto(f"{address}/affect_map?run={DEFAULT_RUN}")
    plane = page.locator(".js-plotly-plot").first
    plane.locator(".point").nth(IMAGES - 1).wait_for(state="attached")
    plane.hover()
    plane.locator("[data-title='Box Select']").click()
    area = plane.locator(".nsewdrag").first.bounding_box()
    assert area is not None
    ends = [area["x"] + 0.3 * area["width"], area["y"] + 0.3 * area["height"], area["x"] + 0.7 * area["width"],
            area["y"] + 0.6 * area["height"]]  # fmt: skip
    page.mouse.move(*ends[:2])
    page.mouse.down()
    page.mouse.move(*ends[2:], steps=5)
    page.mouse.up()
    left, right, low, high = page.evaluate(INSIDE, ends)
    table = answers(0)
    inside = table["valence"].between(left, right) & table["arousal"].between(low, high)
    assert 10 < inside.sum() < IMAGES / 2
    page.get_by_text(f"{inside.sum()} faces chosen").wait_for()
    marked = "() => [...document.querySelectorAll('.js-plotly-plot')].slice(0, 2).map(plot => plot._fullData"
    marked += ".flatMap(trace => (trace.selectedpoints || []).map(place => trace.customdata[place])).sort((a, b) => a - b))"
    assert page.evaluate(marked) == [inside.to_numpy().nonzero()[0].tolist()] * 2
    page.get_by_role("link", name="Open in Errors").click()
    page.get_by_text(f"{inside.sum()} images chosen one by one").wait_for()
    page.get_by_text(f"{inside.sum()} images of {IMAGES}, by loss").wait_for()
    assert "chosen=" in page.url


def test_a_phone_shows_all_of_it(browser: Browser, address: str, overflow: Callable[[Page], int]) -> None:
    context = open_context(browser, 390, 844, "dark")
    page = context.new_page()
    page.goto(f"{address}/errors?run={DEFAULT_RUN}&baseline={SECOND}")
    page.get_by_role("img", name="faces/").nth(23).wait_for(state="attached")
    page.locator(".js-plotly-plot").first.wait_for()
    assert overflow(page) <= 0
    context.close()
