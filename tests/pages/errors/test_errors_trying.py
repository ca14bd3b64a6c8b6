"""Another picture of one image, on the page of errors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.inspection.changes import GRID
from emotion_core.results.find import DEFAULT_RUN
from tests.pages.errors.driving import open_errors, words
from tests.pages.opening import run
from tests.stored import random_predictions


def both(app: AppTest) -> list[str]:
    """Addresses of the picture as it is, and changed: the same picture has one."""
    shown = [image for element in app.image for image in element.proto.imgs]
    return [image.url for image in shown if image.alt.endswith((", as it is", ", changed"))]


@pytest.mark.usefixtures("checkpoints", "pictures")
def test_a_slider_changes_the_picture_and_what_is_read(app: AppTest, store: Callable[..., Path]) -> None:
    store(DEFAULT_RUN, random_predictions(2))
    open_errors(app, image="images/5.jpg", outcome="all", trying="true")
    moves = next(frame.value for frame in app.dataframe if "moved" in frame.value)
    assert len(moves) == 10
    before, after = both(app)
    assert before == after
    assert set(moves["moved"]) <= {"+0.000", "-0.000"}
    assert f"of {len(GRID)} " in words(app)
    app.toggle(key="try-mirror-images/5.jpg").set_value(True)
    app.slider(key="try-brightness-images/5.jpg").set_value(0.4)
    run(app)
    moves = next(frame.value for frame in app.dataframe if "moved" in frame.value)
    before, after = both(app)
    assert before != after
    assert moves["moved"].astype(float).abs().is_monotonic_decreasing
