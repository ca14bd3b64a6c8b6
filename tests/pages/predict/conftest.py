"""A run for the page that predicts, and what it does behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import emotion_core.faces
import emotion_core.predict
from emotion_core.results.find import DEFAULT_RUN
from pages.predict import reading


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[int]]:
    """How many faces or photos each costly function was given."""
    counted: dict[str, list[int]] = {"read": [], "explain": [], "find": []}
    predictor = emotion_core.predict.Predictor
    read, explain = predictor.read, predictor.explain

    def count_read(self: Any, crops: Any, **options: Any) -> Any:
        counted["read"].append(len(crops))
        return read(self, crops, **options)

    def count_explain(self: Any, crops: Any, *args: Any, **options: Any) -> Any:
        counted["explain"].append(len(crops))
        return explain(self, crops, *args, **options)

    def count_find(sources: Any, *args: Any, **options: Any) -> Iterator[Any]:
        counted["find"].append(len(sources))
        return find(sources, *args, **options)

    find = emotion_core.predict.find_faces
    monkeypatch.setattr(predictor, "read", count_read)
    monkeypatch.setattr(predictor, "explain", count_explain)
    monkeypatch.setattr(reading, "find_faces", count_find)
    return counted


@pytest.fixture
def one_run(make_run: Callable[..., Path]) -> Path:
    return make_run(DEFAULT_RUN)
