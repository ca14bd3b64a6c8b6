"""What acts in the browser on the page of errors, as a browser speaks with it."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.pages.opening import run

DESK, SELECT = "review_desk", "select_pictures"


def drawn(app: AppTest, name: str) -> dict[str, Any]:
    """What the browser is given."""
    [proto] = [each.proto for each in app.get("bidi_component") if each.proto.component_name == name]
    found: dict[str, Any] = json.loads(proto.json or proto.mixed.json)
    return found


def send(app: AppTest, name: str, event: str, value: object) -> AppTest:
    """What the browser sends."""
    [proto] = [each.proto for each in app.get("bidi_component") if each.proto.component_name == name]
    states = app._tree.get_widget_states()
    trigger = json.dumps([{"event": event, "value": value}])
    states.widgets.add(id=f"$$STREAMLIT_INTERNAL_KEY_{proto.id}__events", json_trigger_value=trigger)
    original, app._tree.get_widget_states = app._tree.get_widget_states, lambda: states  # type: ignore[method-assign]
    try:
        return run(app)
    finally:
        app._tree.get_widget_states = original  # type: ignore[method-assign]


def desk(app: AppTest) -> dict[str, Any]:
    """What the desk is given."""
    return drawn(app, DESK)


def ask(app: AppTest, number: int = 1, **question: Any) -> AppTest:
    """A question of the desk."""
    before = desk(app)
    usual = {"desk": "d", "number": number, "at": before["at"], "need": [], "heat": before["heat"], "reviewer": "", "said": []}
    return send(app, DESK, "ask", usual | question)


def said(image: str, verdict: str | None = "fine", key: str = "k1", **others: Any) -> dict[str, Any]:
    """A verdict, as the browser sends it."""
    return {"key": key, "image": image, "verdict": verdict, "expression": None, "note": "", "undo": None} | others
