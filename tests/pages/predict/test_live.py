"""The camera as it runs, on the page and behind it."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient
from streamlit.testing.v1 import AppTest

from pages.predict import live_route
from pages.predict.live import REASONS
from pages.predict.live_route import MAX_BYTES, READERS, address_of, route
from tests.pages.opening import run
from tests.pages.predict.driving import SAMPLE, captions, drawn


class Shapes:
    """Reads nothing; answers with the size of what came."""

    def read(self, image: Any) -> dict[str, Any]:
        return {"size": list(image.shape)}


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=[route()])) as client:
        yield client


def test_a_picture_is_answered_with_what_is_read(client: TestClient) -> None:
    reader = Shapes()
    secret = address_of(reader)  # type: ignore[arg-type]
    assert len(secret) >= 32
    answer = client.post(f"/live/{secret}", content=SAMPLE)
    assert (answer.status_code, answer.json()) == (200, {"size": [600, 512, 3]})
    bad = client.post(f"/live/{secret}", content=b"no picture")
    assert bad.status_code == 422
    assert "cannot be read as a picture" in bad.json()["error"]
    large = client.post(f"/live/{secret}", content=bytes(MAX_BYTES + 1))
    assert (large.status_code, large.json()["error"]) == (413, "A picture may have 1,000,000 bytes.")
    assert client.get(f"/live/{secret}").status_code == 405


def test_an_address_is_gone_with_its_visitor(client: TestClient) -> None:
    reader = Shapes()
    secret = address_of(reader)  # type: ignore[arg-type]
    assert address_of(reader, secret) == secret  # type: ignore[arg-type]
    del reader
    gc.collect()
    assert secret not in READERS
    for unknown in (secret, "anything"):
        answer = client.post(f"/live/{unknown}", content=SAMPLE)
        assert (answer.status_code, answer.json()["error"]) == (404, "This camera is no longer known: start it again.")


def test_the_address_lies_below_the_servers_path(monkeypatch: pytest.MonkeyPatch) -> None:
    assert route().path == "/live/{secret}"
    monkeypatch.setattr(live_route.st, "get_option", {"server.baseUrlPath": "/some/where/"}.get)
    assert route().path == "/some/where/live/{secret}"


def say(app: AppTest, *, running: bool | None = None, failed: str | None = None) -> AppTest:
    """What the browser sends."""
    [proto] = [each.proto for each in app.get("bidi_component") if each.proto.component_name == "live_view"]
    states = app._tree.get_widget_states()
    if running is not None:
        states.widgets.add(id=proto.id, json_value=json.dumps({"running": running}))
    if failed is not None:
        trigger = json.dumps([{"event": "failed", "value": failed}])
        states.widgets.add(id=f"$$STREAMLIT_INTERNAL_KEY_{proto.id}__events", json_trigger_value=trigger)
    app._tree.get_widget_states = lambda: states  # type: ignore[method-assign]
    return run(app)


def url(app: AppTest) -> str:
    return str(drawn(app, "live_view")[0]["url"])


def open_camera(app: AppTest) -> AppTest:
    app.query_params["source"] = "Camera"
    return run(app)


def test_a_camera_gets_an_address_once_it_runs_and_leaves_results(one_run: Path, app: AppTest, client: TestClient) -> None:
    open_camera(app)
    assert url(app) == ""
    assert any(each.startswith("Pictures go to the server") for each in captions(app))
    say(app, running=True)
    first = url(app)
    assert client.post(first, content=SAMPLE).json()["faces"][0]["track"] == 1
    app.toggle(key="live_heat").set_value(True)
    say(app, running=True)
    assert url(app) == first
    assert "heat" in client.post(first, content=SAMPLE).json()["faces"][0]
    say(app, running=False)
    assert url(app) == ""
    assert [each.value for each in app.markdown if "pictures read" in each.value] == ["1 face in 0 s, 2 pictures read"]
    assert app.download_button(key="download-film-csv")
    assert app.dataframe[0].value["frames"].tolist() == [2]
    say(app, running=True)
    assert url(app) not in ("", first)
    assert client.post(first, content=SAMPLE).status_code == 404


def test_without_a_face_there_is_nothing_to_show(one_run: Path, app: AppTest) -> None:
    say(open_camera(app), running=True)
    say(app, running=False)
    assert "No face was seen." in [each.value for each in app.text]


@pytest.mark.parametrize("reason", sorted(set(REASONS) - {"server"}))
def test_why_a_camera_does_not_run_is_said(one_run: Path, app: AppTest, reason: str) -> None:
    say(open_camera(app), failed=reason)
    assert [each.value for each in app.warning] == [f"{REASONS[reason]} Photos and films can be read as well, above."]
    assert not app.camera_input


def test_where_no_picture_comes_through_one_takes_a_photo(one_run: Path, app: AppTest) -> None:
    say(open_camera(app), running=True)
    say(app, running=False, failed="server")
    assert [each.value for each in app.warning] == [REASONS["server"]]
    assert app.camera_input
    assert not drawn(app, "live_view")


def test_what_a_browser_makes_up_is_not_said(one_run: Path, app: AppTest) -> None:
    say(open_camera(app), failed="<b>")
    assert not app.warning
