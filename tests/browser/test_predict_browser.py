"""The Predict page in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.accessible import violations
from tests.browser.conftest import ARGUMENTS
from tests.films.films import encode, scene
from tests.portraits import two_faces

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEADLINE = 180.0


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """With a camera that shows a drawn face on the left, again and again."""
    from playwright.sync_api import sync_playwright

    film = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    frames = [scene((8, 10 + 2 * abs(5 - step), 20)) for step in range(10)]
    film.write_bytes(encode(frames, form="mjpeg", codec="mjpeg", pix_fmt="yuvj420p"))
    arguments = [*ARGUMENTS, "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    arguments.append(f"--use-file-for-fake-video-capture={film}")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield started
        started.close()


@pytest.fixture(params=[(1440, 900), (390, 844)], ids=["wide", "phone"])
def page(browser: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The app just opened; afterwards the console must hold no error."""
    width, height = request.param
    context = browser.new_context(viewport={"width": width, "height": height})
    opened = context.new_page()
    opened.set_default_timeout(DEADLINE * 1000)
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(address)
    yield opened
    context.close()
    assert errors == []


def test_the_first_result_takes_one_click(page: Page, overflow: Callable[[Page], int]) -> None:
    page.get_by_role("button", name="Try a sample photo").click()
    page.get_by_role("img", name="Heat map over face 1 of grace_hopper.jpg").wait_for()
    page.get_by_text("Found by").wait_for()
    page.locator(".js-plotly-plot").nth(1).wait_for()
    assert "photo=sample" in page.url
    assert overflow(page) <= 0
    assert violations(page) == []


def test_a_text_file_named_jpg_shows_the_reason(page: Page, tmp_path: Path, overflow: Callable[[Page], int]) -> None:
    name = "<img src=x onerror=alert(1)> *notes*.jpg"
    (tmp_path / name).write_text("no picture")
    page.locator("input[type=file]").first.set_input_files(tmp_path / name)
    page.get_by_text("1 file could not be read.").wait_for()
    page.get_by_text("cannot be read as a picture").wait_for()
    page.get_by_test_id("stMain").get_by_text(name, exact=True).last.wait_for()
    assert page.locator("img[src=x]").count() == 0
    assert overflow(page) <= 0


@pytest.mark.parametrize("page", [(1440, 900)], ids=["wide"], indirect=True)
def test_what_is_chosen_is_in_the_address(page: Page, address: str) -> None:
    page.goto(f"{address}/?photo=sample&output=fear&shows=nonsense")
    page.get_by_role("img", name="Grad-CAM for fear").wait_for()
    page.wait_for_function("!location.search.includes('nonsense')")
    assert "output=fear" in page.url


def test_a_click_or_a_key_on_a_box_opens_its_card(page: Page, overflow: Callable[[Page], int]) -> None:
    photo = {"name": "two.png", "mimeType": "image/png", "buffer": two_faces()}
    page.locator("input[type=file]").first.set_input_files(photo)
    page.get_by_alt_text("Face 1 of two.png, cut out").wait_for()
    first, second = page.get_by_role("button", name="Face 1:"), page.get_by_role("button", name="Face 2:")
    assert first.get_attribute("aria-pressed") == "true"
    second.click()
    page.get_by_alt_text("Face 2 of two.png, cut out").wait_for()
    assert "face=2" in page.url
    first.focus()
    page.keyboard.press("Enter")
    page.get_by_alt_text("Face 1 of two.png, cut out").wait_for()
    assert overflow(page) <= 0


@pytest.mark.parametrize("page", [(1440, 900)], ids=["wide"], indirect=True)
def test_opacity_acts_in_the_browser_alone(page: Page) -> None:
    page.get_by_role("button", name="Try a sample photo").click()
    heat = page.get_by_role("img", name="Heat map over face 1 of grace_hopper.jpg")
    heat.wait_for()
    assert heat.evaluate("each => each.style.opacity") == "0.5"
    page.get_by_role("slider", name="Opacity of the heat map").fill("0.8")
    assert heat.evaluate("each => each.style.opacity") == "0.8"
    page.get_by_role("slider", name="How much of the face it covers").fill("0.25")
    assert heat.evaluate("each => each.style.clipPath") == "inset(0px 0px 0px 75%)"


BOX = """async (picture) => {
  const ends = performance.now() + 60000;
  while (performance.now() < ends) {
    const [whole, box] = [picture, picture.querySelector(".boxes rect")].map((each) => each?.getBoundingClientRect());
    if (box?.width) return (box.x + box.width / 2 - whole.x) / whole.width;
    await new Promise((drawn) => requestAnimationFrame(drawn));
  }
  return null;
}"""
"""Middle of a box, as a share of the picture's width; boxes are drawn anew with each picture, so both are taken at once."""


@pytest.mark.parametrize("page", [(390, 844)], ids=["phone"], indirect=True)
def test_a_running_camera_shows_what_is_read_as_in_a_mirror(page: Page, address: str, overflow: Callable[[Page], int]) -> None:
    page.goto(f"{address}/?source=Camera")
    page.get_by_role("button", name="Start the camera").click()
    page.locator(".faces", has_text="Face 1: ").wait_for()
    middle = page.locator(".picture").evaluate(BOX)
    assert middle is not None
    assert 0.65 < middle < 0.85  # 0.19 to 0.25 of the picture that the camera gives
    assert page.locator(".bar").count() == 8
    page.locator(".plane .now").wait_for()
    assert overflow(page) <= 0
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("button", name="CSV").wait_for()
    assert page.locator(".boxes *").count() == 0
