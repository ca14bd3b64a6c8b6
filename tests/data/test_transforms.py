from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from emotion_core.data.transforms import Augmentation, _compressed, augment, resize_square

NOTHING = Augmentation(
    flip=0.0, rotate=0.0, scale=0.0, shift=0.0, brightness=0.0, contrast=0.0, saturation=0.0, grey=0.0, erase=0.0
)  # fmt: skip
EVERYTHING = Augmentation(saturation=0.5, grey=0.3, erase=0.5)


def pictures(count: int = 6, channels: int = 3, side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, channels, side, side, generator=torch.Generator().manual_seed(seed))


def seeded(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_without_strength_nothing_changes(channels: int) -> None:
    images = pictures(channels=channels)
    # Interpolation places every sample at most a rounding error beside its pixel.
    assert torch.allclose(augment(images, NOTHING, seeded()), images, atol=1e-5, rtol=0)


def test_the_input_is_left_alone() -> None:
    images = pictures()
    before = images.clone()
    augment(images, EVERYTHING, seeded())
    assert torch.equal(images, before)


def test_certain_flip_is_a_mirror_image() -> None:
    images = pictures()
    flipped = augment(images, replace(NOTHING, flip=1.0), seeded())
    assert torch.allclose(flipped, torch.flip(images, dims=[3]), atol=1e-5, rtol=0)


def test_half_of_the_pictures_are_flipped_at_one_half() -> None:
    images = pictures(count=400, channels=1, side=4)
    flipped = augment(images, replace(NOTHING, flip=0.5), seeded())
    mirrored = ((flipped - images.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-5).sum().item()
    same = ((flipped - images).abs().amax(dim=(1, 2, 3)) < 1e-5).sum().item()
    assert mirrored + same == 400
    # Five standard deviations of a binomial around 200.
    assert abs(mirrored - 200) < 50


def test_same_seed_same_pictures_other_seed_others() -> None:
    images = pictures()
    first = augment(images, EVERYTHING, seeded(5))
    assert torch.equal(first, augment(images, EVERYTHING, seeded(5)))
    assert not torch.equal(first, augment(images, EVERYTHING, seeded(6)))


def test_each_picture_is_varied_differently() -> None:
    images = pictures(count=1).expand(5, -1, -1, -1)
    varied = augment(images, replace(NOTHING, rotate=15.0), seeded())
    assert len({tuple(image.flatten().tolist()) for image in varied}) == 5


def test_global_randomness_has_no_say() -> None:
    images = pictures()
    torch.manual_seed(1)
    first = augment(images, EVERYTHING, seeded())
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(first, augment(images, EVERYTHING, seeded()))
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("size", [16, 32, 48])
def test_result_is_in_range_and_of_the_asked_size(size: int) -> None:
    images = torch.cat([pictures(4), torch.zeros(1, 3, 32, 32), torch.ones(1, 3, 32, 32)])
    strong = replace(EVERYTHING, brightness=1.0, contrast=0.9, saturation=0.9, rotate=90.0, scale=0.5, shift=0.5)
    varied = augment(images, strong, seeded(), size=size)
    assert varied.shape == (6, 3, size, size)
    assert torch.isfinite(varied).all()
    assert varied.min() >= 0
    assert varied.max() <= 1
    assert augment(images, strong, seeded()).shape == images.shape


def test_certain_grey_gives_the_luma_in_every_channel() -> None:
    images = pictures()
    grey = augment(images, replace(NOTHING, grey=1.0), seeded())
    luma = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
    for channel in range(3):
        assert torch.allclose(grey[:, channel], luma, atol=1e-5)


def test_saturation_keeps_the_luma() -> None:
    images = pictures() * 0.2 + 0.4
    varied = augment(images, replace(NOTHING, saturation=0.9), seeded())
    weights = torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)
    assert torch.allclose((varied * weights).sum(1), (images * weights).sum(1), atol=1e-5)
    assert not torch.allclose(varied, images, atol=1e-3)


def test_brightness_adds_one_number_within_its_strength() -> None:
    images = pictures() * 0.2 + 0.4
    change = augment(images, replace(NOTHING, brightness=0.2), seeded()) - images
    assert torch.allclose(change, change.mean(dim=(1, 2, 3), keepdim=True).expand_as(change), atol=1e-5)
    assert change.abs().max() <= 0.2 + 1e-5
    assert change.abs().max() > 0.02


def test_contrast_keeps_the_mean() -> None:
    images = pictures() * 0.2 + 0.4
    varied = augment(images, replace(NOTHING, contrast=0.5), seeded())
    assert torch.allclose(varied.mean(dim=(1, 2, 3)), images.mean(dim=(1, 2, 3)), atol=1e-5)
    ratio = varied.std(dim=(1, 2, 3)) / images.std(dim=(1, 2, 3))
    assert ((ratio > 0.5 - 1e-4) & (ratio < 1.5 + 1e-4)).all()


def test_rotation_leaves_a_picture_that_is_round_as_it_is() -> None:
    position = torch.linspace(-1, 1, 65)
    radius = (position[:, None].square() + position[None, :].square()).sqrt()
    disc = torch.exp(-4 * radius.square()).expand(8, 1, 65, 65)
    rotated = augment(disc, replace(NOTHING, rotate=180.0), seeded())
    inside = (radius < 0.9).expand_as(disc)
    assert (rotated - disc)[inside].abs().max() < 5e-3


def test_rotation_turns_by_no_more_than_its_strength() -> None:
    image = torch.zeros(64, 1, 101, 101)
    image[:, :, 49:52, 80:86] = 1.0
    rotated = augment(image, replace(NOTHING, rotate=20.0), seeded())
    position = torch.arange(101.0) - 50
    weight = rotated.sum(dim=(1, 2, 3))
    x = (rotated * position.view(1, 1, 1, -1)).sum(dim=(1, 2, 3)) / weight
    y = (rotated * position.view(1, 1, -1, 1)).sum(dim=(1, 2, 3)) / weight
    degrees = torch.rad2deg(torch.atan2(y, x))
    assert degrees.abs().max() <= 20.5
    assert degrees.max() > 10
    assert degrees.min() < -10
    assert torch.allclose((x.square() + y.square()).sqrt(), torch.full((64,), 32.5), atol=0.3)


def test_shift_moves_by_no_more_than_its_share() -> None:
    image = torch.zeros(64, 1, 101, 101)
    image[:, :, 49:52, 49:52] = 1.0
    shifted = augment(image, replace(NOTHING, shift=0.1), seeded())
    position = torch.arange(101.0) - 50
    for axis in (2, 3):
        profile = shifted.sum(dim=tuple({1, 2, 3} - {axis}))
        moved = (profile * position).sum(1) / profile.sum(1)
        assert moved.abs().max() <= 10.1 + 0.1
        assert moved.abs().max() > 6


@pytest.mark.parametrize("area", [(0.02, 0.2), (0.1, 0.1), (0.4, 0.4)])
def test_erased_area_is_within_its_range(area: tuple[float, float]) -> None:
    side = 200
    images = torch.ones(64, 3, side, side)
    erased = augment(images, replace(NOTHING, erase=1.0, erase_area=area), seeded()) == 0.5
    assert torch.equal(erased[:, 0], erased[:, 1])
    for mask in erased[:, 0]:
        rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
        height, width = (rows.max() - rows.min() + 1).item(), (columns.max() - columns.min() + 1).item()
        assert mask.sum() == height * width
        border = (height + width) / side**2
        assert area[0] - border <= height * width / side**2 <= area[1] + border
        assert 0.4 * 0.9 <= height / width <= 2.5 * 1.1


def test_nothing_is_erased_at_zero() -> None:
    images = torch.ones(200, 1, 8, 8)
    assert torch.equal(augment(images, replace(NOTHING, erase=0.0), seeded()), images)


def test_resizing_keeps_pixels_of_the_right_size_and_agrees_with_pillow() -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    assert resize_square(image[:, :40], 40) is not None
    assert np.array_equal(resize_square(image[:, :40], 40), image[:, :40])
    small = resize_square(image, 20)
    assert small.shape == (20, 20, 3)
    assert small.dtype == np.uint8
    plain = np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BILINEAR))
    assert np.abs(small.astype(int) - plain).max() <= 1


def test_resizing_a_uniform_picture_keeps_its_colour() -> None:
    image = np.full((300, 17, 3), (10, 120, 250), dtype=np.uint8)
    assert (resize_square(image, 48) == (10, 120, 250)).all()


def test_blur_keeps_the_mean_and_takes_the_detail() -> None:
    settings = Augmentation(flip=0, rotate=0, scale=0, shift=0, brightness=0, contrast=0, erase=0, blur=1.0)
    images = torch.rand(6, 3, 32, 32, generator=seeded())
    blurred = augment(images, settings, seeded())
    assert blurred.shape == images.shape
    assert torch.allclose(blurred.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.01)
    assert (blurred.var(dim=(2, 3)) < 0.7 * images.var(dim=(2, 3))).all()
    flat = torch.full((2, 1, 16, 16), 0.25)
    assert torch.allclose(augment(flat, settings, seeded()), flat, atol=1e-6)


def test_coarse_pictures_lose_detail_and_keep_their_mean() -> None:
    settings = replace(NOTHING, coarse=1.0)
    assert settings.active
    images = torch.rand(6, 3, 36, 36, generator=seeded())
    coarse = augment(images, settings, seeded())
    assert coarse.shape == images.shape
    assert torch.allclose(coarse.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=0.02)
    assert (coarse.var(dim=(2, 3)) < 0.5 * images.var(dim=(2, 3))).all()
    some = augment(images, replace(NOTHING, coarse=0.5), seeded())
    changed = ((some - images).abs() > 1e-3).flatten(1).any(dim=1)
    assert changed.any()
    assert not changed.all()


@pytest.mark.parametrize("side", [64, 60])
def test_compression_leaves_the_marks_that_pillow_s_leaves(side: int) -> None:
    smooth = torch.rand(4, 1, 8, 8, generator=seeded())
    images = torch.nn.functional.interpolate(smooth, size=(side, side), mode="bicubic").clamp(0, 1)
    images = (images + 0.1 * torch.rand(images.shape, generator=seeded())).clamp(0, 1).mul(255).round().div(255)
    ours = _compressed(images, torch.full((4, 1, 1, 1), 20.0))
    for before, after in zip(images, ours, strict=True):
        buffer = io.BytesIO()
        Image.fromarray(before[0].mul(255).byte().numpy()).save(buffer, "JPEG", quality=20)
        theirs = torch.from_numpy(np.asarray(Image.open(buffer)).copy()) / 255
        # They round quantisation steps and pixels to whole numbers.
        assert (after[0] - theirs).abs().mean() < 0.25 * (before[0] - theirs).abs().mean()
    coloured = torch.rand(2, 3, side, side, generator=seeded())
    marks = augment(coloured, replace(NOTHING, jpeg=1.0), seeded()) - coloured
    inside = ((coloured + marks > 0) & (coloured + marks < 1)).all(dim=1)
    # Brightness alone is compressed: the same in every channel.
    assert torch.allclose(marks[:, 0][inside], marks[:, 2][inside], atol=1e-5)
    assert marks.abs().max() > 0.05


def test_without_any_strength_pictures_stay_as_they_are() -> None:
    nothing = Augmentation(flip=0, rotate=0, scale=0, shift=0, brightness=0, contrast=0, erase=0)
    assert not nothing.active
    assert Augmentation().active
    images = torch.rand(2, 3, 16, 16, generator=seeded())
    assert torch.equal(augment(images, nothing, seeded()), images)
