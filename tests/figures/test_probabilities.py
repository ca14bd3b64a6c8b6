"""Bars of probabilities."""

from __future__ import annotations

import pytest

from emotion_core.figures.palette import EXPRESSION_COLOURS
from emotion_core.figures.probabilities import probability_bars
from emotion_core.labels import EXPRESSIONS

PROBABILITIES = {name: (index + 1) / 36 for index, name in enumerate(EXPRESSIONS)}


def test_a_bar_for_each_expression_in_its_colour() -> None:
    figure = probability_bars({"a": dict(reversed(PROBABILITIES.items()))})
    (bars,) = figure.data
    assert bars.y == EXPRESSIONS
    assert bars.x == pytest.approx(list(PROBABILITIES.values()))
    assert bars.text[0] == "0.028"
    assert bars.marker.color == tuple(EXPRESSION_COLOURS.values())
    assert figure.layout.showlegend is False


def test_the_first_expression_is_on_top_and_the_axis_covers_0_to_1() -> None:
    figure = probability_bars({"a": PROBABILITIES})
    assert figure.layout.yaxis.categoryarray == EXPRESSIONS
    assert figure.layout.yaxis.autorange == "reversed"
    assert figure.layout.xaxis.range[0] == 0
    assert figure.layout.xaxis.range[1] >= 1
    assert figure.layout.xaxis.title.text
    assert figure.layout.title.text


def test_runs_differ_by_fill_and_are_named() -> None:
    figure = probability_bars({"a": PROBABILITIES, "<b>": PROBABILITIES})
    assert [bars.name for bars in figure.data] == ["a", "&lt;b&gt;"]
    assert figure.data[0].marker.pattern.shape != figure.data[1].marker.pattern.shape
    assert figure.layout.showlegend is True
    assert figure.layout.height > probability_bars({"a": PROBABILITIES}).layout.height


def test_colours_of_text_and_page_are_left_to_the_theme() -> None:
    figure = probability_bars({"a": PROBABILITIES})
    assert figure.layout.font.color is None
    assert figure.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"


def test_missing_expressions_have_no_bar() -> None:
    assert probability_bars({"a": {"fear": 1.0}}).data[0].y == ("fear",)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_impossible_probabilities(value: float) -> None:
    with pytest.raises(ValueError, match="probability of fear"):
        probability_bars({"a": {"fear": value}})


def test_no_run() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        probability_bars({})
