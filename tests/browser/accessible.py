"""What axe-core finds on a page: contrast, names, roles and the order of headings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

STREAMLITS = ("presentation-role-conflict", "region")
"""Rules that Streamlit's own file uploader and its layer for menus break on every page that has them."""
FIGURES = """() => {
  const rgb = (colour) => colour.match(/[\\d.]+/g).slice(0, 3).map((value) => {
    value /= 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  const light = (colour) => { const [r, g, b] = rgb(colour); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const page = light(getComputedStyle(document.querySelector("[data-testid=stApp]")).backgroundColor);
  const faint = [];
  for (const text of document.querySelectorAll(".js-plotly-plot text")) {
    const ink = light(getComputedStyle(text).fill);
    const contrast = (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
    // White words stand on coloured cells.
    if (!text.textContent || ink === 1 || contrast >= 4.5) continue;
    faint.push(`${text.textContent}: ${contrast.toFixed(1)} : 1, in a figure`);
  }
  return faint;
}"""
"""Words in figures that are too faint; axe-core does not look at drawings."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """One line for each element that breaks a rule of WCAG 2.1 AA or one of axe-core's best practices."""
    from axe_playwright_python.sync_playwright import Axe

    rules = {rule: {"enabled": False} for rule in STREAMLITS}
    found = Axe().run(page, options={"runOnly": RULES, "rules": rules}).response
    return page.evaluate(FIGURES) + [
        f"{violation['id']}: {node['html'][:120]}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]
