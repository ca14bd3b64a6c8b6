"""The app in a test, on one of its pages."""

from __future__ import annotations

import functools
from pathlib import Path

from streamlit import config
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest
from streamlit.util import calc_hash

REPOSITORY = Path(__file__).resolve().parents[2]

# A quarter of the time of every run: an app in a test looks through all installed packages each time, a server once.
manifest_scanner.scan_component_manifests = functools.cache(manifest_scanner.scan_component_manifests)


def make_app(page: str = "predict", *, timeout: float = 300) -> AppTest:
    """The app, not yet run.

    Args:
        page: its folder, which is also its address.
        timeout: how long a run may take, s.
    """
    # An error that a visitor would read as a sentence ends a test.
    config.set_option("client.showErrorDetails", "full")
    return go_to(AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=timeout), page)


def go_to(app: AppTest, page: str) -> AppTest:
    """Switch to a page. :meth:`AppTest.switch_page` would have to open the first page before it knows the others' addresses."""
    left, app._page_hash = app._page_hash, calc_hash(page)
    if left not in ("", app._page_hash):
        # As Streamlit does for a browser: what widgets of the page before wrote into the address goes with them.
        with app._session_state.query_params() as address:
            for name in [name for name in app.query_params if address.is_bound(name)]:
                del app.query_params[name]
            address.remove_stale_bindings(frozenset())
    return app


def run(app: AppTest) -> AppTest:
    """Run it; no exception reaches the page."""
    app.run()
    assert not app.exception, app.exception[0].message
    return app
