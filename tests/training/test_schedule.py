from __future__ import annotations

import math

import numpy as np
import pytest

from emotion_core.data.table import FaceTable, build_frame
from emotion_core.errors import ConfigError, TrainingError
from emotion_core.training.schedule import Plateau, learning_rate
from emotion_core.training.validation import measure, selection_score


@pytest.mark.parametrize(("total", "warmup"), [(100, 0.15), (100, 0.0), (7, 0.5), (1, 0.0), (1, 0.9)])
def test_cosine_in_closed_form(total: int, warmup: float) -> None:
    rise = warmup * total
    for step in range(total):
        fall = math.cos(math.pi / 2 * (step - rise) / max(total - rise, 1)) ** 2
        expected = (step + 1) / (rise + 1) if step < rise else fall
        assert learning_rate("cosine", step, total, warmup=warmup) == pytest.approx(expected, abs=1e-15)


def test_cosine_rises_then_falls_and_never_leaves_its_range() -> None:
    rates = [learning_rate("cosine", step, 200, warmup=0.15) for step in range(200)]
    top = rates.index(max(rates))
    assert top == 30
    assert rates[top] == 1
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0
    assert rates[-1] < 1e-3
    # The rise is linear: equal steps, also the first and the one to the top.
    assert np.allclose(np.diff([0.0, *rates[: top + 1]]), 1 / 31)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_one_cycle_agrees_with_torch() -> None:
    import torch

    parameter = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([parameter], lr=1.0)
    # torch counts its steps to the last one, we count to the one after it: 101 of its steps span 100 of ours.
    reference = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, max_lr=1.0, total_steps=101, pct_start=0.31, div_factor=25, final_div_factor=400, cycle_momentum=False
    )
    for step in range(100):
        expected = optimiser.param_groups[0]["lr"]
        assert learning_rate("one-cycle", step, 100, warmup=0.3031) == pytest.approx(expected, abs=2e-2)
        reference.step()


def test_one_cycle_ends() -> None:
    assert learning_rate("one-cycle", 0, 1000, warmup=0.3) == pytest.approx(1 / 25)
    assert learning_rate("one-cycle", 300, 1000, warmup=0.3) == pytest.approx(1.0)
    assert learning_rate("one-cycle", 650, 1000, warmup=0.3) == pytest.approx((1 + 1e-4) / 2)
    assert learning_rate("one-cycle", 999, 1000, warmup=0.3) == pytest.approx(1e-4, rel=0.1)
    assert learning_rate("one-cycle", 0, 1000, warmup=0.0) == pytest.approx(1.0)


@pytest.mark.parametrize("schedule", ["constant", "plateau"])
def test_constant_rates_stay_after_warming_up(schedule: str) -> None:
    rates = [learning_rate(schedule, step, 10, warmup=0.2) for step in range(10)]
    assert rates == pytest.approx([1 / 3, 2 / 3, *[1.0] * 8])


def test_plateau_by_hand() -> None:
    plateau = Plateau()
    seen = []
    for score in (0.1, 0.3, 0.3, 0.2, 0.25, 0.1, 0.4, 0.4):
        plateau.update(score, patience=2, shrink=0.5)
        seen.append((plateau.bad, plateau.factor))
    assert seen == [(0, 1.0), (0, 1.0), (1, 1.0), (2, 0.5), (3, 0.5), (4, 0.25), (0, 0.25), (1, 0.25)]


def test_selection_scores() -> None:
    measures = {"accuracy": 0.6, "f1_macro": 0.2, "ccc_valence": 0.5, "ccc_arousal": 0.3}
    assert selection_score(measures, "accuracy") == pytest.approx(0.6)
    assert selection_score(measures, "f1_macro") == pytest.approx(0.2)
    assert selection_score(measures, "ccc") == pytest.approx(0.4)
    assert selection_score(measures, "accuracy + ccc") == pytest.approx(0.5)
    assert selection_score({**measures, "ccc_valence": float("nan")}, "ccc") == 0
    with pytest.raises(ConfigError, match=r"select = 'accuracy' needs 'accuracy', which .* Known: ccc_valence\."):
        selection_score({"ccc_valence": 0.1}, "accuracy")


def table(expressions: list[str | None], valence: list[float]) -> FaceTable:
    ids = [f"{index}.png" for index in range(len(expressions))]
    return FaceTable(name="t", frame=build_frame(ids, expressions, valence, [math.nan] * len(ids)), read_bytes=lambda _: b"")


def test_measures_leave_out_what_has_no_label_and_what_is_not_trained() -> None:
    logits = np.zeros((4, 8), dtype=np.float32)
    logits[[0, 1, 2, 3], [1, 2, 1, 5]] = 1
    affect = np.array([[0.5, 0], [-0.5, 0], [3, 0], [0, 0]], dtype=np.float32)
    known = table(["happiness", "happiness", None, "disgust"], [0.5, -0.5, 1.0, math.nan])
    every = np.ones(8, dtype=bool)
    found = measure(logits, affect, known, ("expression", "affect"), classes=every)
    assert found["accuracy"] == pytest.approx(2 / 3)
    # The third prediction is clipped to 1, so all three agree.
    assert found["ccc_valence"] == pytest.approx(1.0)
    assert set(found) == {"accuracy", "f1_macro", "ccc_valence"}
    assert set(measure(logits, affect, known, ("affect",), classes=every)) == {"ccc_valence"}
    # Sadness never occurs in training: the second image goes to the next best, which is right by the order of classes.
    only = np.isin(np.arange(8), [1, 5])
    assert measure(logits, affect, known, ("expression",), classes=only)["accuracy"] == pytest.approx(1.0)


def test_outputs_that_are_not_finite_are_refused() -> None:
    broken = np.full((1, 8), np.nan, dtype=np.float32)
    with pytest.raises(TrainingError, match=r"outputs on the validation split are not finite. Try a smaller learning rate"):
        measure(
            broken, np.zeros((1, 2), dtype=np.float32), table([None], [0.0]), ("expression",), classes=np.ones(8, dtype=bool)
        )
