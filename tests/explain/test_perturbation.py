"""Curves of a network that is a sum over pixels are known in closed form; ROAD is the grad-cam package's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from emotion_core.explain.perturbation import (
    PERCENTILES,
    area_under,
    blur,
    perturbation_curves,
    rank_pixels,
    road_scores,
    score_ends,
)
from emotion_core.models.network import EmotionNetwork

SIDE = 10
STEPS = 10


@pytest.fixture
def weights() -> torch.Tensor:
    """What each pixel is worth to each of two classes; no two alike."""
    return torch.rand(2, SIDE, SIDE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.fixture
def score(weights: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda images: torch.einsum("bhw,khw->bk", images.mean(dim=1), weights)


def ranked(maps: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return rank_pixels(maps.numpy(), torch.Generator().manual_seed(seed))


def curves(score: Callable[[torch.Tensor], torch.Tensor], maps: torch.Tensor):
    """Of white images on black, one for each class."""
    images = torch.ones(2, 3, SIDE, SIDE, dtype=torch.float64)
    targets, black = torch.tensor([0, 1]), torch.zeros_like(images)
    ends = score_ends(score, images, black, targets)
    return perturbation_curves(score, images, black, targets, ranked(maps), ends, steps=STEPS)


def test_the_right_order_gives_the_curves_that_can_be_added_up(score: Callable[..., torch.Tensor], weights: torch.Tensor):
    found = curves(score, weights)
    falling = np.sort(weights.flatten(1).numpy(), axis=1)[:, ::-1].cumsum(axis=1)
    expected = np.concatenate([np.zeros((2, 1)), falling[:, SIDE * SIDE // STEPS - 1 :: SIDE * SIDE // STEPS]], axis=1)
    np.testing.assert_allclose(found.insertion, expected, rtol=1e-12)
    np.testing.assert_allclose(found.deletion, expected[:, -1:] - expected, atol=1e-12)
    np.testing.assert_allclose(area_under(found.insertion), (expected[:, 1:] + expected[:, :-1]).sum(axis=1) / 2 / STEPS)


def test_a_perfect_map_beats_a_random_one_and_that_beats_the_inverted_one(
    score: Callable[..., torch.Tensor], weights: torch.Tensor
):
    noise = torch.rand(weights.shape, generator=torch.Generator().manual_seed(1))
    found = [curves(score, maps) for maps in (weights, noise, -weights)]
    perfect, chance, inverted = (area_under(each.insertion) for each in found)
    assert (perfect > chance).all()
    assert (chance > inverted).all()
    perfect, chance, inverted = (area_under(each.deletion) for each in found)
    assert (perfect < chance).all()
    assert (chance < inverted).all()


def test_every_image_is_judged_by_its_own_class(score: Callable[..., torch.Tensor], weights: torch.Tensor):
    found = curves(score, weights)
    swapped = curves(score, weights.flip(0))
    assert (area_under(found.insertion) > area_under(swapped.insertion)).all()


def test_area_of_a_straight_line_is_a_half():
    assert area_under(np.linspace(0, 1, 11)[None]).tolist() == pytest.approx([0.5])
    assert area_under(np.array([[0.0, 1.0, 0.0]])).tolist() == [0.5]


def test_ranks_follow_the_map_and_mix_what_is_equal():
    maps = torch.zeros(200, 4, 4)
    maps[:, 1, 2] = 2
    maps[:, 3, 0] = 1
    ranks = ranked(maps)
    assert ranks.flatten(1).sort(dim=1).values.eq(torch.arange(16)).all()
    assert ranks[:, 1, 2].eq(0).all()
    assert ranks[:, 3, 0].eq(1).all()
    # Of the others each place is as likely as any: the mean of 2 to 15 is 8.5, its standard error over 200 images 0.29.
    others = ranks.double().mean(dim=0).flatten()
    others = others[[index for index in range(16) if index not in (6, 12)]]
    assert (others - 8.5).abs().max() < 1.5
    assert ranks.equal(ranked(maps))
    assert not ranks.equal(ranked(maps, seed=1))


def test_blur_is_a_gaussian_of_a_tenth_of_the_side():
    images = torch.rand(1, 1, 40, 40, generator=torch.Generator().manual_seed(0))
    expected = gaussian_filter(images[0, 0].double().numpy(), 4, mode="mirror", truncate=3)
    np.testing.assert_allclose(blur(images)[0, 0], expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore:__array_wrap__:DeprecationWarning")
def test_road_is_what_the_package_gives_for_one_image_after_the_other(
    build: Callable[..., EmotionNetwork], images: torch.Tensor, monkeypatch: pytest.MonkeyPatch
):
    # The package takes seconds to import.
    from pytorch_grad_cam.metrics.road import ROADCombined
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    # Without the noise, which would be drawn in another order.
    monkeypatch.setattr("pytorch_grad_cam.metrics.road.torch.randn_like", torch.zeros_like)
    network = build("custom_cnn")

    def score(shown: torch.Tensor) -> torch.Tensor:
        return torch.softmax(network(shown).logits, dim=1)

    maps = torch.rand(2, 64, 64, generator=torch.Generator().manual_seed(3))
    found = road_scores(score, images, torch.tensor([4, 1]), ranked(maps))
    package = ROADCombined(list(PERCENTILES))
    for row, target in enumerate((4, 1)):
        alone = package(images[row : row + 1], maps[row : row + 1].numpy(), [ClassifierOutputTarget(target)], score)
        assert found[row] == pytest.approx(alone[0], abs=1e-6)
    assert np.abs(found).max() > 1e-4


def test_road_of_a_map_without_values_is_a_number(build: Callable[..., EmotionNetwork], images: torch.Tensor):
    network = build("custom_cnn")
    state = torch.get_rng_state()

    def score(shown: torch.Tensor) -> torch.Tensor:
        return torch.softmax(network(shown).logits, dim=1)

    ranks, targets = ranked(torch.zeros(2, 64, 64)), torch.tensor([4, 1])
    found = road_scores(score, images, targets, ranks)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found, road_scores(score, images, targets, ranks))
    assert torch.get_rng_state().equal(state)


def test_road_rewards_the_right_order_and_punishes_the_wrong_one():
    # Only a bright square in a dark picture counts: filled in from around, it is gone.
    images = torch.zeros(1, 3, 20, 20)
    images[:, :, 5:11, 5:11] = 1

    def score(shown: torch.Tensor) -> torch.Tensor:
        return shown[:, :, 5:11, 5:11].mean(dim=(1, 2, 3))[:, None]

    targets = torch.tensor([0])
    right = road_scores(score, images, targets, ranked(images[:, 0]))
    wrong = road_scores(score, images, targets, ranked(-images[:, 0]))
    assert right[0] == pytest.approx(-wrong[0], abs=0.02)
    assert right[0] > 0.4
