"""Whether a run is the best in its time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from emotion_core.results.run import RunInfo, read_run, write_info
from emotion_core.results.standing import Standing, none_is_better, standing_of

FIRST = Standing(dataset="toy", fingerprint="f", accuracy=0.5, milliseconds=10.0, measured_on="here")


@pytest.mark.parametrize(
    ("accuracy", "milliseconds", "best"),
    [(0.4, 5.0, True), (0.6, 11.0, True), (0.5, 10.0, False), (0.6, 9.0, False), (0.5, 9.0, False), (0.4, 11.0, True)],
)
def test_another_is_better_when_it_is_as_accurate_in_the_same_time(accuracy: float, milliseconds: float, best: bool) -> None:
    other = Standing(dataset="toy", fingerprint="f", accuracy=accuracy, milliseconds=milliseconds, measured_on="here")
    assert none_is_better(FIRST, [other]) is best


@pytest.mark.parametrize(
    "changes", [{"fingerprint": "g"}, {"measured_on": "there"}, {"accuracy": None}, {"milliseconds": None}]
)
def test_without_one_that_can_be_compared_nothing_is_said(changes: dict[str, Any]) -> None:
    known: dict[str, Any] = {"dataset": "toy", "fingerprint": "f", "accuracy": 0.4, "milliseconds": 20.0, "measured_on": "here"}
    assert not none_is_better(FIRST, [])
    assert not none_is_better(FIRST, [Standing(**known | changes)])
    assert none_is_better(FIRST, [Standing(**known | changes), Standing(**known)])


@pytest.mark.parametrize("time", ["fast", True, None])
def test_what_is_no_number_is_not_known(tmp_path: Path, time: object) -> None:
    write_info(tmp_path, RunInfo(network={"backbone": "resnet50", "input_size": 48}, timings={"ms_per_face": time}))
    assert standing_of(read_run(tmp_path)) == Standing(measured_on="an unnamed machine")
