from __future__ import annotations

from types import MappingProxyType

import pytest

from emotion_core.compare import Entry, Measure
from emotion_core.compare.matrix import Cell, GeneralisationMatrix
from emotion_core.figures.compare.generalisation import generalisation_heatmap


def cell(name: str, dataset: str, value: float, trained_on: bool = False) -> Cell:
    entry = Entry(
        name=name, kind="measured", backbone="vgg16", dataset=dataset, split="test", num_classes=7, images=844,
        measures=MappingProxyType({"balanced_accuracy": Measure(value=value)}),
    )  # fmt: skip
    return Cell(entry=entry, value=value, low=value - 0.02, high=value + 0.03, trained_on=trained_on)


MATRIX = GeneralisationMatrix(
    measure="balanced_accuracy",
    evaluations=("ferplus-test", "sfew-test"),
    rows={
        "<b>one": {"ferplus-test": cell("<b>one", "ferplus", 0.8, True), "sfew-test": cell("<b>one", "sfew", 0.4)},
        "two": {"sfew-test": cell("two", "sfew", 0.3)},
    },
)


def test_cells_say_value_and_what_was_trained_on_and_the_interval_on_hover() -> None:
    figure = generalisation_heatmap(MATRIX)
    [drawn] = figure.data
    assert [list(row) for row in drawn.z] == [[0.8, 0.4], [None, 0.3]]
    assert list(drawn.x) == ["ferplus-test", "sfew-test"]
    words = {(note.x, note.y): note.text for note in figure.layout.annotations}
    assert words == {(0, 0): "0.800 †", (1, 0): "0.400", (1, 1): "0.300"}
    assert "0.800 [0.780, 0.830] †" in drawn.customdata[0][0]
    assert drawn.customdata[0][0].endswith("844 images<br>trained on other images of this dataset")
    assert drawn.customdata[0][0].startswith("&lt;b&gt;one on ferplus-test")


def test_a_frame_marks_the_worst_dataset_of_runs_that_have_two() -> None:
    [frame] = generalisation_heatmap(MATRIX).layout.shapes
    assert (frame.x0 + frame.x1) / 2 == pytest.approx(1)
    assert (frame.y0 + frame.y1) / 2 == pytest.approx(0)


def test_dark_cells_have_white_words_whichever_way_is_better() -> None:
    for measure, white in (("balanced_accuracy", 0.8), ("log_loss", 0.3)):
        matrix = GeneralisationMatrix(measure=measure, evaluations=MATRIX.evaluations, rows=MATRIX.rows)
        figure = generalisation_heatmap(matrix)
        colours = {note.text[:5]: note.font.color for note in figure.layout.annotations}
        assert colours[f"{white:.3f}"] == "#ffffff"
        assert sum(colour == "#ffffff" for colour in colours.values()) in (1, 2)
