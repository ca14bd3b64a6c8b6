"""The app without a browser, on one of its pages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest


def make_app(page: str) -> AppTest:
    """The app, not yet run.

    Args:
        page: its folder, which is also its address.
    """
    from streamlit.testing.v1 import AppTest
    from streamlit.util import calc_hash

    app = AppTest.from_file(str(Path(__file__).resolve().parents[1] / "app.py"), default_timeout=600)
    # AppTest.switch_page would have to open the first page before it knows the others' addresses.
    app._page_hash = calc_hash(page)
    return app
