"""Opens the page of errors, reads it and clicks on it."""

from __future__ import annotations

import json

import streamlit as st
from streamlit.testing.v1 import AppTest

from tests.pages.opening import go_to, run

IMAGES = 60


def open_errors(app: AppTest, **query: str) -> AppTest:
    st.cache_data.clear()
    app.query_params.update(query)
    return run(go_to(app, "errors"))


def shown(app: AppTest) -> list[str]:
    """Ids in the gallery, in order."""
    return [
        button.label.replace("\\", "").removeprefix("Open ") for button in app.button if str(button.key).startswith("open-")
    ]


def words(app: AppTest) -> str:
    elements = [*app.markdown, *app.caption, *app.text]
    return "\n".join(element.value for element in elements).replace("\\", "")


def click(app: AppTest, *cells: list[int]) -> AppTest:
    """What the browser sends after a click on the matrix."""
    points = [{"customdata": cell} for cell in cells]
    state = json.dumps({"selection": {"points": points, "point_indices": [], "box": [], "lasso": []}})
    states = app._tree.get_widget_states()
    states.widgets.add(id=app.get("plotly_chart")[0].proto.id, string_value=state)
    app._tree.get_widget_states = lambda: states  # type: ignore[method-assign]
    return run(app)
