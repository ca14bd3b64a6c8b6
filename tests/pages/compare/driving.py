"""Reads the page that compares runs."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from tests.pages.opening import run

IMAGES = 160


def captions(app: AppTest) -> str:
    return "\n".join(caption.value.replace("\\", "") for caption in app.caption)


def columns(app: AppTest, place: int = 0) -> dict[str, Any]:
    return json.loads(app.dataframe[place].proto.columns)


def figure(app: AppTest, place: int = 0) -> dict[str, Any]:
    return json.loads(app.get("plotly_chart")[place].proto.spec)


def tick(app: AppTest, *names: str) -> AppTest:
    """Choose runs in the table, as clicks do."""
    rows = [place for place, name in enumerate(app.dataframe[0].value["run"]) if name.removeprefix("⚠ ") in names]
    assert len(rows) == len(names)
    app.session_state[app.dataframe[0].key] = {"selection": {"rows": rows, "columns": [], "cells": []}}
    return run(app)


def compared(app: AppTest) -> list[str]:
    """Runs of the table that are compared with each other."""
    table = app.dataframe[0].value
    return table["run"][table["verdict"] != ""].tolist() if "verdict" in table else []
