"""Every page in a real browser, the first of them by a link on a server that nobody has visited yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.accessible import violations

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DEADLINE = 180_000.0
TITLES = {
    "compare": "Which backbone is better, and is the difference real?",
    "affect_map": "Where do faces lie on valence and arousal?",
    "feature_map": "Which faces look alike to the network?",
    "errors": "Which images does it get wrong, and why?",
    "pictures": "How well does a network read your pictures?",
    "training": "How did a run train?",
    "scored": "What do many pictures show?",
    "about": "About",
    "": "What does this face express?",
}


@pytest.mark.parametrize("path", TITLES)
def test_a_link_opens_its_page_inside_the_app(browser: Browser, address: str, path: str) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="light")
    page.set_default_timeout(DEADLINE)
    page.goto(f"{address}/{path}")
    page.get_by_role("heading", name=TITLES[path]).wait_for()
    sidebar = page.get_by_test_id("stSidebar")
    sidebar.get_by_text("Data folder").wait_for()
    assert [link.inner_text().split("\n")[-1] for link in sidebar.get_by_role("link").all()] == [
        "Predict",
        "Compare",
        "Affect map",
        "Errors",
        "Your pictures",
        "Scored pictures",
        "Feature map",
        "Training",
        "About",
    ]
    assert page.get_by_test_id("stException").count() == 0
    # Streamlit's notice "Page not found" would stand in one, until somebody closes it.
    assert page.get_by_role("dialog").count() == 0
    assert violations(page) == []
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("getComputedStyle(document.querySelector('[data-testid=stApp]')).colorScheme == 'dark'")
    assert violations(page) == []
    page.close()
