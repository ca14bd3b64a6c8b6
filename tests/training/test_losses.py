from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from emotion_core.metrics.continuous import concordance_corrcoef
from emotion_core.training.averaging import WeightAverage
from emotion_core.training.config import LossConfig
from emotion_core.training.losses import affect_loss, class_weights, expression_loss, total_loss


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


def test_smoothing_spreads_over_the_classes_there_are() -> None:
    logits, _ = logits_and_targets()
    labels = torch.arange(12) % 4
    priors = torch.where(torch.arange(8) < 4, 0.25, 0.0).double()
    found = expression_loss(logits, F.one_hot(labels, 8).double(), label_smoothing=0.2, priors=priors)
    log_probs = logits.log_softmax(1)
    own = log_probs[torch.arange(12), labels]
    expected = -(0.8 * own + 0.2 * log_probs[:, :4].mean(1)).mean()
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)


def test_each_image_spreads_smoothing_over_the_classes_of_its_own_source() -> None:
    logits, _ = logits_and_targets()
    labels = torch.arange(12) % 4
    mixes = torch.zeros(12, 8, dtype=torch.float64)
    mixes[:6, :4], mixes[6:] = 0.25, 0.125
    found = expression_loss(logits, F.one_hot(labels, 8).double(), label_smoothing=0.2, priors=mixes)
    log_probs = logits.log_softmax(1)
    spread = torch.cat([log_probs[:6, :4].mean(1), log_probs[6:].mean(1)])
    expected = -(0.8 * log_probs[torch.arange(12), labels] + 0.2 * spread).mean()
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)


def test_adjusted_logits_are_those_of_the_source_s_mix() -> None:
    logits, soft = logits_and_targets()
    mixes = torch.rand(12, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(4)) + 0.1
    mixes /= mixes.sum(1, keepdim=True)
    found = expression_loss(logits, soft, priors=mixes, adjust=True)
    # p(c | x) under a mix, by Bayes' rule from what the logits give under equal shares.
    under_mix = logits.softmax(1) * mixes
    expected = -(soft * (under_mix / under_mix.sum(1, keepdim=True)).log()).sum(1).mean()
    assert found.item() == pytest.approx(expected.item(), abs=1e-12)


def test_a_class_that_a_source_never_shows_learns_nothing_from_it() -> None:
    logits, _ = logits_and_targets()
    logits = logits.clone().requires_grad_()
    labels = torch.arange(12) % 2
    priors = torch.tensor([0.3, 0.7, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
    loss = expression_loss(logits, F.one_hot(labels, 8).double(), label_smoothing=0.1, priors=priors, adjust=True)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert (gradient[:, 2:] == 0).all()
    assert (gradient[:, :2] != 0).all()
    # Without adjustment it is pushed down.
    plain = expression_loss(logits, F.one_hot(labels, 8).double(), label_smoothing=0.1, priors=priors)
    assert (torch.autograd.grad(plain, logits)[0][:, 2:] > 0).all()


def test_adjusted_training_finds_the_likelihood_ratio_whatever_the_mix() -> None:
    # One binary feature, shown by 80 % of the first class and 30 % of the second; the first is nine times as frequent.
    counts = torch.tensor([[0.9 * 0.8, 0.1 * 0.3], [0.9 * 0.2, 0.1 * 0.7]], dtype=torch.float64)
    mixes = torch.tensor([0.9, 0.1, 0, 0, 0, 0, 0, 0], dtype=torch.float64)
    logits = torch.zeros(2, 8, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        rows = []
        for feature, label in ((0, 0), (0, 1), (1, 0), (1, 1)):
            target = F.one_hot(torch.tensor([label]), 8).double()
            loss = expression_loss(logits[feature : feature + 1], target, priors=mixes, adjust=True)
            rows.append(counts[feature, label] * loss)
        loss = torch.stack(rows).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    optimiser.step(closure)
    ratios = (logits[:, 0] - logits[:, 1]).exp()
    assert ratios.tolist() == pytest.approx([0.8 / 0.3, 0.2 / 0.7], rel=1e-4)


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
    preds = torch.ones(3, 2, requires_grad=True)
    loss = affect_loss(preds, torch.full((3, 2), float("nan")), mse=1.0, ccc=1.0)
    assert loss.item() == 0
    # A batch without labels has gradients all the same: other processes wait for them.
    loss.backward()
    assert preds.grad is not None
    assert (preds.grad == 0).all()


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


def test_focal_loss_in_closed_form() -> None:
    logits, soft = logits_and_targets()
    hard = soft.argmax(1)
    probs = logits.softmax(1)[torch.arange(12), hard].numpy()
    for gamma in (0.5, 2.0, 5.0):
        expected = np.mean(-((1 - probs) ** gamma) * np.log(probs))
        found = expression_loss(logits, F.one_hot(hard, 8).double(), gamma=gamma).item()
        assert found == pytest.approx(expected, abs=1e-9)


def test_focal_loss_of_sure_and_right_predictions_has_finite_gradients() -> None:
    logits = (F.one_hot(torch.arange(8), 8).float() * 200).requires_grad_()
    expression_loss(logits, F.one_hot(torch.arange(8), 8).float(), gamma=0.5).backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_class_weights_agree_with_torch() -> None:
    logits, soft = logits_and_targets()
    hard = soft.argmax(1)
    weights = torch.linspace(0.5, 2, 8, dtype=torch.float64)
    # torch divides by the sum of weights, we divide by the number of images: the loss of a batch keeps its scale.
    expected = F.cross_entropy(logits, hard, weight=weights, reduction="sum") / 12
    assert expression_loss(logits, F.one_hot(hard, 8).double(), class_weights=weights).item() == pytest.approx(expected.item())


def counted(*counts: int) -> np.ndarray:
    return np.repeat(np.eye(8, dtype=np.float32), [*counts, *[0] * (8 - len(counts))], axis=0)


def test_inverse_weights_by_hand() -> None:
    weights = class_weights(counted(60, 30, 10), LossConfig(class_weights="inverse"))
    assert weights is not None
    # 1/60, 1/30 and 1/10, times 100 images over the three expressions that occur.
    assert weights[:3] == pytest.approx([100 / 180, 100 / 90, 100 / 30])
    assert (weights[3:] == 1).all()
    assert (weights[:3] * [60, 30, 10]).sum() == pytest.approx(100)


def test_effective_weights_by_hand() -> None:
    weights = class_weights(counted(2000, 500), LossConfig(class_weights="effective"))
    assert weights is not None
    raw = np.array([1 / (1 - 0.999**2000), 1 / (1 - 0.999**500)])
    assert weights[:2] == pytest.approx(raw * 2500 / (raw * [2000, 500]).sum(), rel=1e-5)


def test_a_weight_that_would_explode_is_clipped_and_named(caplog: pytest.LogCaptureFixture) -> None:
    counts = counted(5000, 5000, 5000, 5000, 5)
    with caplog.at_level("WARNING"):
        weights = class_weights(counts, LossConfig(class_weights="inverse", max_class_weight=6.0))
    assert weights is not None
    assert weights[4] == 6.0
    assert "'fear' has a share of 0.025 % and would weigh 800 times a usual image" in caplog.text
    assert "clipped to 6 (loss.max_class_weight)" in caplog.text
    assert caplog.text.count("would weigh") == 1


def test_no_weights_when_none_are_asked_for() -> None:
    assert class_weights(counted(3, 1), LossConfig()) is None


def test_absolute_part_and_factors() -> None:
    preds, targets = affect()
    valence, arousal = ((preds - targets).abs().mean(dim=0)).tolist()
    found = affect_loss(preds, targets, mae=0.5, factors=(3.0, 1.0)).item()
    assert found == pytest.approx((3 * 0.5 * valence + 0.5 * arousal) / 2, abs=1e-12)


def test_total_loss_hands_every_setting_on() -> None:
    logits, targets = logits_and_targets()
    preds, truth = affect(12)
    config = LossConfig(
        expression=2.5, kind="focal", gamma=1.5, label_smoothing=0.1, mse=1.0, mae=2.0, ccc=3.0, valence=0.5, arousal=2.0
    )
    weights = torch.linspace(0.5, 2, 8, dtype=torch.float64)
    first, second = total_loss(logits, preds, targets, truth, config, weights)
    expected = expression_loss(logits, targets, label_smoothing=0.1, gamma=1.5, class_weights=weights)
    assert first.item() == pytest.approx(2.5 * expected.item())
    assert second.item() == pytest.approx(affect_loss(preds, truth, mse=1.0, mae=2.0, ccc=3.0, factors=(0.5, 2.0)).item())
    mixes = torch.linspace(1, 2, 8, dtype=torch.float64) / 12
    adjusted, _ = total_loss(logits, preds, targets, truth, LossConfig(logit_adjustment=True), priors=mixes)
    assert adjusted.item() == pytest.approx(expression_loss(logits, targets, priors=mixes, adjust=True).item())
    plain, _ = total_loss(logits, preds, targets, truth, LossConfig(gamma=9.0))
    assert plain.item() == pytest.approx(F.cross_entropy(logits, targets).item())


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
        average.update()
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
    average.update()
    assert torch.equal(network.weight, before)


def test_only_what_is_followed_moves() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    average = WeightAverage(network, 0.0)
    average.follow(["1.weight"])
    before = {name: tensor.clone() for name, tensor in average.network.state_dict().items()}
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    average.update()
    for name, tensor in average.network.state_dict().items():
        assert torch.equal(tensor, network.state_dict()[name] if name == "1.weight" else before[name]), name


def test_what_is_frozen_is_stored_as_it_is_learned_on() -> None:
    network = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    average = WeightAverage(network, 0.99)
    for _ in range(3):
        with torch.no_grad():
            network[0].weight.add_(1)
        average.update()
    assert not torch.equal(average.network[0].weight, network[0].weight)
    average.follow(["1.weight", "1.bias"])
    assert torch.equal(average.network[0].weight, network[0].weight)
