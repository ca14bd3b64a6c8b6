"""What a training's epochs say: phases, the chosen epoch, and what is wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest

from emotion_core.results.course import NUMBERS, Course, Span, best_epoch, epoch_table, find_trouble, measure_title
from tests.results.courses import HISTORY, PHASES, course, row


def test_a_table_of_epochs() -> None:
    table = epoch_table(HISTORY)
    assert list(table.columns) == ["epoch", "phase", *NUMBERS]
    assert table["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert table["phase"].tolist() == ["heads"] * 2 + ["fine-tune"] * 3
    assert table["loss"].tolist() == pytest.approx([2.9, 2.8, 2.7, 2.6, 2.5])
    assert table["lr_backbone"].isna().all()
    assert all(table[name].dtype == float for name in NUMBERS)
    empty = epoch_table([])
    assert (list(empty.columns), len(empty)) == (list(table.columns), 0)


def test_older_and_damaged_lines() -> None:
    lines = [
        {"loss": 2.0},
        7,
        {"epoch": 2, "phase": 5, "loss": None},
        {"epoch": 2, "loss": "low", "score": True},
        {"epoch": 4, "loss": 10**400, "lr": float("inf"), "phase": ""},
        {"epoch": 3, "loss": 1},
        {"epoch": -1, "loss": 0.5},
    ]
    table = epoch_table(lines)
    # A line without a number has its place; of an epoch that stands there twice the later line counts.
    assert table["epoch"].tolist() == [1, 2, 3, 4, 7]
    assert set(table["phase"]) == {"training"}
    assert table["loss"].tolist() == pytest.approx([2.0, math.nan, 1.0, math.nan, 0.5], nan_ok=True)
    assert table[["lr", "score"]].isna().all(axis=None)


def test_the_best_epoch_is_the_first_of_equals() -> None:
    scores = [None, 0.2, 0.4, 0.4, 0.1]
    assert best_epoch(epoch_table([row(epoch, score=score) for epoch, score in enumerate(scores, start=1)])) == 3
    assert best_epoch(epoch_table([{"epoch": 1, "loss": 1.0}])) is None
    assert best_epoch(epoch_table([])) is None


def test_phases_of_a_training_that_goes_on() -> None:
    running = course(HISTORY[:3], training=PHASES, state="running")
    assert running.spans == (Span(name="heads", first=1, last=2), Span(name="fine-tune", first=3, last=8))
    assert (running.total, running.running) == (8, True)
    nothing = course([], training=PHASES, state="running")
    assert nothing.spans == running.spans
    # The first phase ended before its time, so the second begins and ends earlier.
    early = course([row(1, phase="heads"), row(2, phase="fine-tune")], training=PHASES, state="interrupted")
    assert early.spans == (Span(name="heads", first=1, last=1), Span(name="fine-tune", first=2, last=7))
    assert early.total == 7


def test_phases_of_a_finished_training_are_those_it_had() -> None:
    finished = course(HISTORY, training=PHASES)
    assert finished.spans == (Span(name="heads", first=1, last=2), Span(name="fine-tune", first=3, last=5))
    assert (finished.total, finished.running) == (5, False)


@pytest.mark.parametrize(
    "phases",
    [
        7,
        "heads",
        [7],
        [{"name": "heads"}],
        [{"name": 3, "epochs": 2}],
        [{"name": "a", "epochs": -2}],
        [{"name": "a", "epochs": True}],
    ],
    ids=str,
)
def test_phases_that_make_no_sense_are_told_from_the_epochs(phases: Any) -> None:
    assert [span.last for span in course(HISTORY, training={"phases": phases}, state="running").spans] == [2, 5]


def test_what_chose_the_epoch() -> None:
    known = course(HISTORY, selection={"epoch": 4, "measure": "ccc"})
    assert (known.chosen, known.measure) == (4, "ccc")
    assert course(HISTORY, selection={"epoch": 99}, training={"select": "accuracy"}).chosen == 5
    odd = course(HISTORY, selection={"epoch": "4", "measure": 3})
    assert (odd.chosen, odd.measure) == (5, "score")
    assert measure_title("accuracy + ccc") == "accuracy + CCC"
    assert measure_title("val_ccc_arousal") == "CCC arousal"


def scores(values: list[float], losses: list[float] | None = None) -> Course:
    losses = losses or [3.0 - 0.1 * number for number in range(len(values))]
    return course([row(n, score=score, loss=loss) for n, (score, loss) in enumerate(zip(values, losses, strict=True), start=1)])


def test_learning_by_heart_is_said() -> None:
    [sentence] = find_trouble(scores([0.3, 0.5, 0.48, 0.46, 0.44]))
    assert sentence.startswith("The best epoch was 2; since then it gets worse on validation (0.500, now 0.440) while the")
    assert "It overfits" in sentence
    [sentence] = find_trouble(scores([0.3, 0.5, 0.4, 0.4, 0.4], [3, 2, 2.1, 2.2, 2.1]))
    assert sentence == "The best epoch was 2; since then it gets worse on validation (0.500, now 0.400)."


@pytest.mark.parametrize(
    "values",
    [
        [0.1, 0.2, 0.3, 0.4, 0.5],  # it gets better
        [0.3, 0.5, 0.4, 0.4],  # two epochs may be chance
        [0.3, 0.5, 0.495, 0.496, 0.494],  # a plateau
        [0.3],
    ],
)
def test_good_trainings_are_left_alone(values: list[float]) -> None:
    assert find_trouble(scores(values)) == []
    assert find_trouble(course([])) == []


def test_divergence_is_said() -> None:
    [sentence] = find_trouble(scores([0.1] * 5, [2.0, 1.5, 1.0, 2.5, 3.0]))
    assert sentence == "The training loss rose from 1.00 in epoch 3 to 3.00: it diverges. Try a smaller learning rate."
    # One bad epoch alone is none.
    assert find_trouble(scores([0.1] * 5, [2.0, 1.5, 1.0, 1.1, 3.0])) == []
    none = course([row(1), row(2), row(3, loss=None)])
    assert "The training loss of epoch 3 is no number" in find_trouble(none)[0]


def test_a_later_phase_may_begin_with_a_higher_loss() -> None:
    losses = [2.0, 1.0, 3.0, 2.9, 2.8]
    history = [row(n, loss=loss, phase="a" if n < 3 else "b") for n, loss in enumerate(losses, start=1)]
    assert find_trouble(course(history)) == []
    assert find_trouble(course([line | {"phase": "a"} for line in history]))


def test_a_network_that_does_not_learn_is_named() -> None:
    [sentence] = find_trouble(scores([0.1] * 4, [2.08, 2.079, 2.09, 2.081]))
    assert sentence == "In 4 epochs the training loss has not fallen below 2.08, that of the first."
    still = [row(epoch, val_ccc_arousal=0.001) for epoch in range(1, 5)]
    [sentence] = find_trouble(course(still))
    assert sentence == "CCC arousal has been 0 for 3 epochs: it may predict the same arousal for every face."
    assert find_trouble(course([*still[:3], row(4, val_ccc_arousal=0.2)])) == []
    assert find_trouble(course([line | {"val_ccc_arousal": None} for line in still])) == []
