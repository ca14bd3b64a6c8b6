"""Reads the page that compares runs."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

IMAGES = 160


def captions(app: AppTest) -> str:
    return "\n".join(caption.value.replace("\\", "") for caption in app.caption)


def columns(app: AppTest, place: int = 0) -> dict[str, Any]:
    return json.loads(app.dataframe[place].proto.columns)


def figure(app: AppTest, place: int = 0) -> dict[str, Any]:
    return json.loads(app.get("plotly_chart")[place].proto.spec)
