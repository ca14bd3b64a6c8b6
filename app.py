"""The app: page configuration and navigation, nothing else. Start it with ``streamlit run app.py``."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.runtime.pages_manager import PagesManager

from pages.predict.live_route import route
from pages.shared.address import turn_to
from pages.shared.failure import show_failure
from pages.shared.quota import UploadQuota
from pages.shared.roles import Role, allowed
from pages.shared.runs import follow_new_names
from pages.shared.sidebar import sidebar_foot

PAGES = {
    "predict": ("Predict", ":material/face:"),
    "compare": ("Compare", ":material/compare_arrows:"),
    "affect_map": ("Affect map", ":material/scatter_plot:"),
    "errors": ("Errors", ":material/search_insights:"),
    "pictures": ("Your pictures", ":material/add_photo_alternate:"),
    "scored": ("Scored pictures", ":material/photo_library:"),
    "feature_map": ("Feature map", ":material/bubble_chart:"),
    "training": ("Training", ":material/show_chart:"),
    "about": ("About", ":material/info:"),
}
"""Title and icon by folder, which is the address too: the four questions first, then what few need."""

FIRST = "predict"
"""Where visitors arrive."""

NEEDED: dict[str, Role] = {"predict": "predict", "pictures": "predict"}
"""What a visitor has to be allowed to do to see a page, where that is more than to look."""

FOLDER = Path(__file__).parent / "pages"


def main() -> None:
    """One visit: the page that the address names, and what stands around it."""
    st.set_page_config(page_title="Emotion recognition", page_icon=FOLDER / "shared" / "icon.svg", layout="wide")
    st.html(FOLDER / "shared" / "contrast.css")
    pages = [
        st.Page(FOLDER / name / "page.py", title=title, icon=icon, url_path=name, default=name == FIRST)
        for name, (title, icon) in PAGES.items()
    ]
    page = st.navigation(pages)
    follow_new_names()
    turn_to(page.url_path)
    try:
        if allowed(NEEDED.get(page.url_path or FIRST, "look")):
            page.run()
    except Exception as error:  # whatever it is, a visitor reads a sentence and not our code
        if st.get_option("client.showErrorDetails") != "none":
            raise
        show_failure(page.title, error)
    sidebar_foot()


if __name__ == "__main__":
    main()
else:
    # A file that names an App is imported once, before anybody visits, and then run for every visitor. Until it knows better,
    # Streamlit takes a folder pages/ for its older way of several pages, and answers a first link to /compare with the notice
    # "Page not found".
    PagesManager.uses_pages_directory = False
    app = st.App(Path(__file__), routes=[route()], middleware=[Middleware(UploadQuota)])
