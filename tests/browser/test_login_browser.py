"""Logging in and out, with somebody on this machine who vouches for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.browser.conftest import DEADLINE, free_port, serving
from tests.browser.provider import CLIENT, SECRET, Provider

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ANNA = {"sub": "1", "name": "Anna Berg", "email": "anna@example.org", "email_verified": True}
SECRETS = """
[auth]
redirect_uri = "{app}/oauth2callback"
cookie_secret = "long enough, and the same for every server of one address"
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{provider}/.well-known/openid-configuration"

[roles]
look = ["everybody"]
predict = ["*@example.org"]
owner = ["olga@example.org"]
"""


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    made = Provider()
    yield made
    made.close()


@pytest.fixture(scope="module")
def guarded(chromium: str, provider: Provider, checkpoints: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with a login and roles."""
    folder, port = tmp_path_factory.mktemp("guarded"), free_port()
    app = f"http://127.0.0.1:{port}"
    secrets = folder / "secrets.toml"
    secrets.write_text(SECRETS.format(app=app, client=CLIENT, secret=SECRET, provider=provider.address))
    with serving(port, checkpoints, folder / "log", f"--secrets.files={secrets}"):
        yield app


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(1e3 * DEADLINE)
    yield context.new_page()
    context.close()


def test_a_login_gives_its_roles_and_logging_out_takes_them(page: Page, guarded: str, provider: Provider) -> None:
    provider.person = ANNA
    page.goto(guarded)
    page.get_by_text("Log in to read photos.").wait_for()
    assert page.get_by_text("What does this face express?").count() == 0
    page.get_by_role("button", name="Log in").first.click()
    page.get_by_role("heading", name="What does this face express?").wait_for()
    foot = page.get_by_test_id("stSidebar")
    foot.get_by_text("Anna Berg").wait_for()
    assert foot.get_by_text("Data folder").count() == 0
    assert [path for path in provider.seen if path in ("/authorize", "/token")] == ["/authorize", "/token"]
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    assert cookies["_streamlit_user"]["httpOnly"]
    foot.get_by_role("button", name="Log out").click()
    page.get_by_text("Log in to read photos.").wait_for()


def test_somebody_else_may_look_alone_and_is_told_so(page: Page, guarded: str, provider: Provider) -> None:
    provider.person = ANNA | {"sub": "2", "email": "eve@elsewhere.org", "name": "Anna Berg"}
    page.goto(guarded)
    page.get_by_role("button", name="Log in").first.click()
    page.get_by_text("You are logged in as eve@elsewhere.org, who may not read photos.").wait_for()
