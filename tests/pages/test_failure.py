"""What a visitor reads when a page ends early."""

from __future__ import annotations

import importlib
import logging
import re

import pytest
from streamlit.testing.v1 import AppTest

from emotion_core.errors import CheckpointError
from pages.shared import failure
from pages.shared.words import escape
from tests.pages.opening import go_to


@pytest.fixture
def broken(app: AppTest, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page about limits, whose list of runs cannot be had, as a visitor meets it."""
    monkeypatch.setattr("streamlit.get_option", lambda name: "none")
    return go_to(app, "about")


def fail(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    # Imported before, or they would keep what is put in its place below.
    importlib.import_module("pages.shared.runs")
    importlib.import_module("pages.shared.sidebar")

    def list_runs() -> None:
        raise error

    monkeypatch.setattr("emotion_core.results.find.list_runs", list_runs)


def test_an_unforeseen_error_is_a_number_that_the_log_explains(
    broken: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fail(monkeypatch, OverflowError("int too large, in /srv/secret/run.json"))
    with caplog.at_level(logging.ERROR, logger=failure.__name__):
        broken.run()
    assert not broken.exception
    [shown] = [element.value for element in broken.error]
    assert "secret" not in shown
    assert "OverflowError" not in shown
    number = re.search(r"the number \*\*([0-9a-f]{6})\*\*", shown)
    assert number is not None
    [record] = caplog.records
    assert number[1] in record.getMessage()
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], OverflowError)
    # What stands around the page is still there, to go elsewhere.
    assert broken.sidebar.children


def test_an_expected_error_speaks_for_itself(broken: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(monkeypatch, CheckpointError("'run.json' lacks *everything*. Restore it."))
    broken.run()
    assert [element.value for element in broken.error] == [escape("'run.json' lacks *everything*. Restore it.")]
