from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.training.averaging import WeightAverage
from emotion_core.training.losses import affect_loss, expression_loss
from emotion_core.training.trainer import learning_rate, selection_score


def logits_and_targets(count: int = 12) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(count, 8, generator=generator, dtype=torch.float64) * 3
    targets = torch.rand(count, 8, generator=generator, dtype=torch.float64)
    return logits, targets / targets.sum(1, keepdim=True)


@pytest.mark.parametrize("smoothing", [0.0, 0.05, 0.9])
def test_cross_entropy_agrees_with_torch(smoothing: float) -> None:
    logits, soft = logits_and_targets()
    hard = soft.argmax(1)
    for targets, reference in ((soft, soft), (F.one_hot(hard, 8).double(), hard)):
        expected = F.cross_entropy(logits, reference, label_smoothing=smoothing)
        assert expression_loss(logits, targets, label_smoothing=smoothing).item() == pytest.approx(expected.item(), abs=1e-12)


def test_images_without_expression_do_not_count() -> None:
    logits, targets = logits_and_targets()
    logits.requires_grad_()
    masked = targets.clone()
    masked[::3] = 0
    loss = expression_loss(logits, masked, label_smoothing=0.1)
    kept = torch.arange(12) % 3 != 0
    expected = F.cross_entropy(logits[kept], targets[kept], label_smoothing=0.1)
    assert loss.item() == pytest.approx(expected.item(), abs=1e-12)
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad[~kept] == 0).all()
    assert (logits.grad[kept] != 0).any(dim=1).all()


def test_no_expression_at_all_costs_nothing() -> None:
    logits = torch.randn(4, 8, requires_grad=True)
    loss = expression_loss(logits, torch.zeros(4, 8), label_smoothing=0.1)
    assert loss.item() == 0
    loss.backward()
    assert logits.grad is not None
    assert (logits.grad == 0).all()


def affect(count: int = 30) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    targets = torch.rand(count, 2, generator=generator, dtype=torch.float64) * 2 - 1
    return targets * 0.6 + torch.randn(count, 2, generator=generator, dtype=torch.float64) * 0.3 + 0.1, targets


def test_ccc_part_is_one_minus_ccc() -> None:
    preds, targets = affect()
    expected = 1 - np.mean([concordance_corrcoef(preds[:, i].numpy(), targets[:, i].numpy()) for i in range(2)])
    assert affect_loss(preds, targets, mse=0.0, ccc=1.0).item() == pytest.approx(expected, abs=1e-6)


def test_squared_part_agrees_with_torch_and_weights_multiply() -> None:
    preds, targets = affect()
    mse = F.mse_loss(preds, targets).item()
    assert affect_loss(preds, targets, mse=1.0, ccc=0.0).item() == pytest.approx(mse, abs=1e-12)
    ccc = affect_loss(preds, targets, mse=0.0, ccc=1.0).item()
    assert affect_loss(preds, targets, mse=2.0, ccc=0.5).item() == pytest.approx(2 * mse + 0.5 * ccc, abs=1e-12)


def test_images_without_affect_do_not_count() -> None:
    preds, targets = affect()
    preds.requires_grad_()
    masked = targets.clone()
    masked[::3, 0] = float("nan")
    loss = affect_loss(preds, masked, mse=1.0, ccc=1.0)
    kept = torch.arange(30) % 3 != 0
    parts = []
    for column, rows in ((0, kept), (1, torch.ones(30, dtype=torch.bool))):
        p, t = preds[rows, column].detach().numpy(), targets[rows, column].numpy()
        parts.append(((p - t) ** 2).mean() + 1 - concordance_corrcoef(p, t))
    assert loss.item() == pytest.approx(np.mean(parts), abs=1e-6)
    loss.backward()
    assert preds.grad is not None
    assert torch.isfinite(preds.grad).all()
    assert (preds.grad[~kept, 0] == 0).all()
    assert (preds.grad[:, 1] != 0).all()


def test_no_affect_at_all_costs_nothing() -> None:
    preds = torch.zeros(3, 2, requires_grad=True)
    assert affect_loss(preds, torch.full((3, 2), float("nan")), mse=1.0, ccc=1.0).item() == 0


def test_a_column_without_labels_does_not_dilute_the_other() -> None:
    preds, targets = affect()
    targets[:, 1] = float("nan")
    assert affect_loss(preds, targets, mse=1.0, ccc=0.0).item() == pytest.approx(
        F.mse_loss(preds[:, 0], targets[:, 0]).item(), abs=1e-12
    )


@pytest.mark.parametrize("count", [1, 4])
def test_constants_have_finite_gradients(count: int) -> None:
    preds = torch.full((count, 2), 0.25, requires_grad=True)
    loss = affect_loss(preds, torch.full((count, 2), 0.25), mse=1.0, ccc=1.0)
    loss.backward()
    assert math.isfinite(loss.item())
    assert preds.grad is not None
    assert torch.isfinite(preds.grad).all()


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_average_of_weights_follows_a_plain_loop(decay: float) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    average = WeightAverage(network, decay)
    expected = {name: tensor.double().numpy().copy() for name, tensor in network.state_dict().items()}
    optimiser = torch.optim.SGD(network.parameters(), lr=0.1)
    for step in range(1, 31):
        loss = network(torch.randn(5, 3)).square().sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        average.update(network)
        rate = min(decay, step / (step + 9)) if decay else 0.0
        for name, tensor in network.state_dict().items():
            value = tensor.double().numpy()
            expected[name] = value if name.endswith("tracked") else rate * expected[name] + (1 - rate) * value
    for name, tensor in average.network.state_dict().items():
        assert np.allclose(tensor.double().numpy(), expected[name], atol=1e-5), name
    assert not average.network.training
    assert not any(parameter.requires_grad for parameter in average.network.parameters())


def test_average_does_not_touch_the_network() -> None:
    network = nn.Linear(2, 2)
    before = network.weight.detach().clone()
    average = WeightAverage(network, 0.9)
    with torch.no_grad():
        average.network.weight.add_(1)
    average.update(network)
    assert torch.equal(network.weight, before)


@pytest.mark.parametrize(("total", "warmup"), [(100, 0.15), (100, 0.0), (7, 0.5), (1, 0.0), (1, 0.9)])
def test_learning_rate_in_closed_form(total: int, warmup: float) -> None:
    rise = warmup * total
    for step in range(total):
        if step < rise:
            expected = 0.01 * (step + 1) / (rise + 1)
        else:
            expected = 0.01 * math.cos(math.pi / 2 * (step - rise) / max(total - rise, 1)) ** 2
        assert learning_rate(step, total, peak=0.01, warmup=warmup) == pytest.approx(expected, abs=1e-15)


def test_learning_rate_rises_then_falls_and_never_leaves_its_range() -> None:
    rates = [learning_rate(step, 200, peak=1.0, warmup=0.15) for step in range(200)]
    top = rates.index(max(rates))
    assert top == 30
    assert rates[top] == 1
    assert rates[:top] == sorted(rates[:top])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert min(rates) > 0
    assert rates[-1] < 1e-3
    # The rise is linear: equal steps, also the first and the one to the top.
    assert np.allclose(np.diff([0.0, *rates[: top + 1]]), 1 / 31)


def test_selection_scores() -> None:
    measures = {"accuracy": 0.6, "ccc_valence": 0.5, "ccc_arousal": 0.3}
    assert selection_score(measures, "accuracy") == pytest.approx(0.6)
    assert selection_score(measures, "ccc") == pytest.approx(0.4)
    assert selection_score(measures, "accuracy + ccc") == pytest.approx(0.5)
    assert selection_score({**measures, "ccc_valence": float("nan")}, "ccc") == 0
    assert selection_score({**measures, "ccc_arousal": float("nan")}, "accuracy + ccc") == pytest.approx(0.3)
