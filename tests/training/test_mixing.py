from __future__ import annotations

import numpy as np
import pytest
import torch

from emotion_core.training.config import Mixing
from emotion_core.training.mixing import mix


def batch(count: int = 16) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Every image is one constant, its position; so is its valence, and twice that the share of its source's first class."""
    numbers = torch.arange(count, dtype=torch.float64)
    images = numbers.view(-1, 1, 1, 1).expand(-1, 1, 20, 20).clone()
    priors = torch.cat([numbers[:, None] * 2, torch.zeros(count, 7, dtype=torch.float64)], dim=1)
    return images, torch.eye(8, dtype=torch.float64)[torch.arange(count) % 8], numbers[:, None].repeat(1, 2), priors


def mixed(settings: Mixing, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    return mix(*batch(), settings, np.random.default_rng(seed))


def test_mixup_blends_pixels_labels_and_affect_alike() -> None:
    images, targets, affect, priors = mixed(Mixing(mixup=0.4))
    # A blend of constants is a constant; the same share has to explain pixels, valence and arousal.
    assert torch.allclose(images.amin(dim=(1, 2, 3)), images.amax(dim=(1, 2, 3)))
    assert torch.allclose(images[:, 0, 0, 0], affect[:, 0])
    assert torch.allclose(affect[:, 0], affect[:, 1])
    # A blend comes from the mixture of both sources, in the same shares.
    assert torch.allclose(priors[:, 0], 2 * affect[:, 0])
    assert torch.allclose(targets.sum(1), torch.ones(16, dtype=torch.float64))
    shares = {round(float(row.max()), 9) for row in targets if (row > 0).sum() == 2}
    assert len(shares) == 1
    assert not torch.allclose(affect, batch()[2])


def test_cutmix_labels_follow_the_area_exactly() -> None:
    for seed in range(20):
        images, targets, affect, priors = mixed(Mixing(cutmix=1.0), seed)
        own = torch.arange(16, dtype=torch.float64).view(-1, 1, 1, 1)
        kept = (images == own).double().mean(dim=(1, 2, 3))
        partner = images.mean(dim=(1, 2, 3))
        assert torch.allclose(affect[:, 0], partner, atol=1e-9)
        assert torch.allclose(priors[:, 0], 2 * partner, atol=1e-9)
        moved = kept < 1
        different = moved & ((targets > 0).sum(1) == 2)
        own_share = targets[different, (torch.arange(16) % 8)[different]]
        assert torch.allclose(own_share, kept[different], atol=1e-9)


def test_both_kinds_take_turns_and_share_leaves_batches_alone() -> None:
    random = np.random.default_rng(0)
    kinds = []
    for _ in range(400):
        images, *_ = mix(*batch(), Mixing(mixup=1.0, cutmix=1.0, share=0.5), random)
        same = torch.equal(images, batch()[0])
        flat = torch.allclose(images.amin(dim=(1, 2, 3)), images.amax(dim=(1, 2, 3)))
        kinds.append("none" if same else "mixup" if flat else "cutmix")
    counts = {kind: kinds.count(kind) for kind in ("none", "mixup", "cutmix")}
    assert 160 < counts["none"] < 245
    assert 70 < counts["mixup"] < 135
    assert 65 < counts["cutmix"] < 130


def test_a_missing_label_stays_missing() -> None:
    images, targets, affect, priors = batch()
    targets[3] = 0
    affect[5, 0] = float("nan")
    _, new_targets, new_affect, _ = mix(images, targets, affect, priors, Mixing(mixup=1.0), np.random.default_rng(1))
    partner = torch.from_numpy(_partner(1))
    lost = (torch.arange(16) == 3) | (partner == 3)
    assert (new_targets[lost] == 0).all()
    assert torch.allclose(new_targets[~lost].sum(1), torch.ones(int((~lost).sum()), dtype=torch.float64))
    unrated = (torch.arange(16) == 5) | (partner == 5)
    assert torch.isnan(new_affect[unrated, 0]).all()
    assert torch.isfinite(new_affect[~unrated, 0]).all()
    assert torch.isfinite(new_affect[:, 1]).all()


def _partner(seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    random.random()
    random.beta(1.0, 1.0)
    return random.permutation(16)


def test_a_rectangle_of_no_size_takes_no_label_away() -> None:
    images, targets, affect, priors = batch()
    targets[3] = 0
    # Shares near 1 round to an empty rectangle.
    found = [mix(images, targets, affect, priors, Mixing(cutmix=0.01), np.random.default_rng(seed)) for seed in range(20)]
    untouched = [result for result in found if torch.equal(result[0], images)]
    assert untouched
    assert all(torch.equal(result[1], targets) for result in untouched)


@pytest.mark.parametrize("settings", [Mixing(), Mixing(mixup=0.5, share=0.0)])
def test_nothing_happens_when_it_is_off(settings: Mixing) -> None:
    assert not settings.active
    for before, after in zip(batch(), mixed(settings), strict=True):
        assert torch.equal(before, after)
