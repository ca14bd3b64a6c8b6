"""What axe-core finds on a page: contrast, names, roles and the order of headings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

STREAMLITS = ("presentation-role-conflict", "region")
"""Rules that Streamlit's own file uploader and its layer for menus break on every page that has them."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """One line for each element that breaks a rule of WCAG 2.1 AA or one of axe-core's best practices."""
    from axe_playwright_python.sync_playwright import Axe

    rules = {rule: {"enabled": False} for rule in STREAMLITS}
    found = Axe().run(page, options={"runOnly": RULES, "rules": rules}).response
    return [
        f"{violation['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
