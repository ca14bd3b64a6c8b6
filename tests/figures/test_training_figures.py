"""Figures of a training say what its epochs say."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from emotion_core.figures.run_styles import BACKBONE_COLOURS
from emotion_core.figures.training.curves import (
    COLOURS,
    MARKERS,
    loss_figure,
    overlay_figure,
    rates_figure,
    throughput_figure,
    validation_figure,
)
from emotion_core.results.course import Span, epoch_table, median
from tests.results.courses import HISTORY, PHASES, course, row

DARK, LIGHT = "#0e1117", "#ffffff"


def traces(figure: go.Figure | None) -> dict[str, go.Scatter]:
    assert figure is not None
    return {trace.name: trace for trace in figure.data}


def bands(figure: go.Figure | None) -> list[tuple[float, float]]:
    assert figure is not None
    return [(shape.x0, shape.x1) for shape in figure.layout.shapes if shape.type == "rect"]


def marks(figure: go.Figure | None) -> list[float]:
    assert figure is not None
    return [shape.x0 for shape in figure.layout.shapes if shape.type == "line"]


def words(figure: go.Figure | None) -> list[str]:
    assert figure is not None
    return [note.text for note in figure.layout.annotations]


def test_an_old_training_is_one_phase() -> None:
    old = course([row(epoch) for epoch in (1, 2)], training={"epochs": 14}, state="interrupted")
    assert old.spans == (Span(name="training", first=1, last=2),)
    assert old.total == 14
    assert bands(loss_figure(old)) == []
    assert loss_figure(old).layout.xaxis.range == (0.5, 14.5)


def test_losses() -> None:
    history = [row(epoch, val_loss=[3.0, 2.0, 2.5][epoch - 1], loss_expression=1.5, loss_affect=1.0) for epoch in (1, 2, 3)]
    figure = loss_figure(course(history))
    lines = traces(figure)
    assert set(lines) == {"training", "validation", "training, expression", "training, affect"}
    assert lines["training"].x == (1, 2, 3)
    assert lines["training"].y == pytest.approx((2.9, 2.8, 2.7))
    assert lines["validation"].y == (3.0, 2.0, 2.5)
    assert figure.layout.title.text == "Training loss 2.70; validation's least in epoch 2"
    assert loss_figure(course(HISTORY)).layout.title.text == "Training loss fell from 2.90 to 2.50"
    assert loss_figure(course([row(1), row(2, loss=9.0)])).layout.title.text == "Training loss rose from 2.90 to 9.00"
    alone = loss_figure(course(HISTORY[:1]))
    assert alone.layout.title.text == "Training loss 2.90 after one epoch"
    assert not alone.layout.showlegend
    assert loss_figure(course([])) is None


def test_validation_measures_and_what_chooses() -> None:
    figure = validation_figure(course(HISTORY, state="running", training=PHASES))
    assert figure.layout.title.text == "Best accuracy + CCC 0.250 so far, in epoch 5"
    assert list(traces(figure)) == ["accuracy", "CCC valence", "CCC arousal", "accuracy + CCC (chooses the epoch)"]
    assert traces(figure)["CCC valence"].y == pytest.approx((0.26, 0.27, 0.28, 0.29, 0.3))
    for known in ({"training": {"keep": "last"}}, {"selection": {"measure": "accuracy + ccc", "keep": "last"}}):
        # Where the last epoch is stored, no measure chooses.
        assert list(traces(validation_figure(course(HISTORY, **known))))[-1] == "accuracy + CCC"
    ended = [row(epoch, score=[0.3, 0.5, 0.4][epoch - 1]) for epoch in (1, 2, 3)]
    assert validation_figure(course(ended)).layout.title.text == "Best accuracy + CCC 0.500 in epoch 2 of 3"
    alone = [{"epoch": 1, "val_accuracy": 0.4, "score": 0.4}, {"epoch": 2, "val_accuracy": None, "score": None}]
    figure = validation_figure(course(alone, selection={"measure": "accuracy"}))
    # The score is that measure, and its line would hide it.
    assert list(traces(figure)) == ["accuracy"]
    assert figure.data[0].y == (0.4, None)
    assert figure.layout.title.text == "Best accuracy 0.400 in epoch 1 of 2"
    unscored = validation_figure(course([{"epoch": 1, "val_accuracy": 0.4}]))
    assert unscored.layout.title.text == "No measure chose an epoch"
    assert validation_figure(course([{"epoch": 1, "loss": 1.0}])) is None


def test_learning_rates_have_a_logarithmic_axis() -> None:
    rates = [(1e-3, None), (1e-4, 1e-5), (1e-9, 2e-6), (0.0, None)]
    figure = rates_figure(course([row(n, lr=lr, lr_backbone=backbone) for n, (lr, backbone) in enumerate(rates, start=1)]))
    lines = traces(figure)
    assert figure.layout.yaxis.type == "log"
    # Four powers of ten below the highest rate, and a little room.
    assert figure.layout.yaxis.range == pytest.approx((-7.15, -2.85))
    assert lines["heads"].y == (1e-3, 1e-4, 1e-9, None)
    assert lines["backbone"].y == (None, 1e-5, 2e-6, None)
    assert figure.layout.title.text == "Learning rate peaks at 0.001 in epoch 1"
    shown = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    assert {0.001: "0.001", 1e-5: "1e−5"}.items() <= {round(value, 12): text for value, text in shown.items()}.items()
    backbone = rates_figure(course([row(1, lr=None, lr_backbone=1e-4)]))
    assert backbone.layout.title.text == "Learning rate of the backbone peaks at 0.0001 in epoch 1"
    assert len(backbone.layout.yaxis.tickvals) >= 3
    assert rates_figure(course([row(1, lr=0.0)])) is None
    same = rates_figure(course([row(epoch, lr_backbone=1e-3 / epoch) for epoch in (1, 2)]))
    assert list(traces(same)) == ["learning rate"]


def test_throughput() -> None:
    figure = throughput_figure(course([row(epoch, images_per_second=[1000, 1400, None][epoch - 1]) for epoch in (1, 2, 3)]))
    assert figure.layout.title.text == "About 1,200 images a second"
    spread = throughput_figure(course([row(1, images_per_second=2100), row(2, images_per_second=820)]))
    assert spread.layout.title.text == "820 to 2,100 images a second"
    assert figure.layout.yaxis.rangemode == "tozero"
    assert throughput_figure(course([{"epoch": 1, "loss": 1.0}])) is None
    assert math.isnan(median(epoch_table([])["seconds"]))


@pytest.mark.parametrize("draw", [loss_figure, validation_figure, rates_figure, throughput_figure])
def test_phases_are_shaded_and_the_chosen_epoch_is_marked(draw: Any) -> None:
    figure = draw(course(HISTORY, training=PHASES, state="running", selection={"epoch": 4, "measure": "ccc"}))
    assert bands(figure) == [(0.5, 2.5)]
    assert words(figure) == ["heads", "fine-tune"]
    assert marks(figure) == [4]
    assert figure.layout.xaxis.range == (0.5, 8.5)


@pytest.mark.parametrize("draw", [loss_figure, validation_figure, rates_figure, throughput_figure])
def test_a_closer_look_at_some_epochs(draw: Any) -> None:
    whole = course(HISTORY, training=PHASES, state="running", selection={"epoch": 2, "measure": "ccc"})
    figure, close = draw(whole), draw(replace(whole, window=(3, 6)))
    assert close.layout.xaxis.range == (2.5, 6.5)
    assert [trace.x for trace in close.data] == [(3, 4, 5)] * len(figure.data)
    assert close.layout.title.text == figure.layout.title.text
    assert (words(close), bands(close), marks(close)) == (["fine-tune"], [], [])
    # Only epochs to come: an empty figure, and no error.
    assert not draw(replace(whole, window=(6, 8))).data


def test_narrow_phases_have_no_name_and_many_no_bands() -> None:
    long = [row(epoch, phase="warm-up" if epoch == 1 else "a rather long name of a phase") for epoch in range(1, 31)]
    assert words(loss_figure(course(long))) == ["a rather long name of a phase"]
    many = [row(epoch, phase=f"phase {epoch}") for epoch in range(1, 31)]
    assert bands(loss_figure(course(many))) == words(loss_figure(course(many))) == []


def test_dots_are_left_out_of_long_trainings() -> None:
    assert loss_figure(course(HISTORY)).data[0].mode == "lines+markers"
    assert loss_figure(course([row(epoch) for epoch in range(1, MARKERS + 2)])).data[0].mode == "lines"


@pytest.mark.parametrize("total", [1, 9, 14, 27, 300, 100_000])
def test_epochs_on_the_axis_are_whole(total: int) -> None:
    step = loss_figure(course(HISTORY[:1], training={"epochs": total}, state="running")).layout.xaxis.dtick
    assert step == int(step)
    assert total / step <= 10


def test_runs_over_each_other() -> None:
    better = course([row(epoch, val_accuracy=0.5) for epoch in range(1, 9)], run="b<i>", backbone="resnet50")
    figure = overlay_figure([course(HISTORY), better], "val_accuracy")
    assert figure.layout.title.text == "Highest validation accuracy: 0.500 (b&lt;i&gt;)"
    lines = traces(figure)
    assert lines["a"].y == pytest.approx((0.11, 0.12, 0.13, 0.14, 0.15))
    assert (lines["a"].line.color, lines["b&lt;i&gt;"].line.color) == (BACKBONE_COLOURS["vgg16"], BACKBONE_COLOURS["resnet50"])
    assert figure.layout.xaxis.range == (0.5, 8.5)
    # Phases of one are not those of the other, nor is its epoch.
    assert bands(figure) == marks(figure) == []
    assert "lowest" not in figure.layout.title.text.lower()
    assert overlay_figure([course(HISTORY), better], "loss").layout.title.text == "Lowest training loss: 2.200 (b&lt;i&gt;)"
    assert overlay_figure([better, course(HISTORY)], "lr").layout.yaxis.type == "log"


def test_runs_of_one_backbone_have_colours_of_their_own() -> None:
    runs = [course(HISTORY, run=name) for name in "abc"]
    figure = overlay_figure(runs, "loss")
    assert [trace.line.color for trace in figure.data] == list(COLOURS)
    assert len({trace.line.dash for trace in figure.data}) == 3
    assert bands(figure) == [(0.5, 2.5)]  # all have the same phases
    # A run keeps its look where another has no such measure.
    part = overlay_figure([course([{"epoch": 1, "loss": 1.0}], run="z"), *runs[1:]], "lr")
    assert [trace.line.color for trace in part.data] == list(COLOURS[1:])
    assert overlay_figure([course([]), course([])], "loss") is None


def test_hostile_names_are_shown_letter_by_letter() -> None:
    name = "<b>bold</b> <a href='x'>"
    hostile = [row(epoch, phase=name if epoch > 1 else "x" * 500) for epoch in range(1, 6)]
    shown = course(hostile, run=name, selection={"measure": name})
    for draw in (loss_figure, validation_figure, rates_figure, throughput_figure):
        figure = draw(shown)
        texts = [*words(figure), figure.layout.title.text, *(trace.name for trace in figure.data)]
        assert not any("<" in text for text in texts)
        assert max(len(text) for text in words(figure)) < 60
    assert all("<" not in trace.name for trace in overlay_figure([shown, course(HISTORY)], "loss").data)


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


@pytest.mark.parametrize("page", [LIGHT, DARK])
@pytest.mark.parametrize("colour", COLOURS)
def test_lines_stand_out_from_both_pages(colour: str, page: str) -> None:
    low, high = sorted(float(linear(one) @ [0.2126, 0.7152, 0.0722]) for one in (colour, page))
    assert (high + 0.05) / (low + 0.05) >= 3
    assert all(first != second for first, second in combinations(COLOURS, 2))
