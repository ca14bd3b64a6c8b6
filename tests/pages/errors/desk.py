"""The desk of the page of errors, as a browser speaks with it."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.pages.opening import run


def desk(app: AppTest) -> dict[str, Any]:
    """What the browser is given."""
    [proto] = [each.proto for each in app.get("bidi_component") if each.proto.component_name == "review_desk"]
    found: dict[str, Any] = json.loads(proto.json or proto.mixed.json)
    return found


def ask(app: AppTest, number: int = 1, **question: Any) -> AppTest:
    """What the browser sends: a question of the desk."""
    [proto] = [each.proto for each in app.get("bidi_component") if each.proto.component_name == "review_desk"]
    before = desk(app)
    usual = {"desk": "d", "number": number, "at": before["at"], "need": [], "heat": before["heat"], "reviewer": "", "said": []}
    states = app._tree.get_widget_states()
    value = json.dumps([{"event": "ask", "value": usual | question}])
    states.widgets.add(id=f"$$STREAMLIT_INTERNAL_KEY_{proto.id}__events", json_trigger_value=value)
    original, app._tree.get_widget_states = app._tree.get_widget_states, lambda: states  # type: ignore[method-assign]
    try:
        return run(app)
    finally:
        app._tree.get_widget_states = original  # type: ignore[method-assign]


def said(image: str, verdict: str | None = "fine", key: str = "k1", **others: Any) -> dict[str, Any]:
    """A verdict, as the browser sends it."""
    return {"key": key, "image": image, "verdict": verdict, "expression": None, "note": "", "undo": None} | others
