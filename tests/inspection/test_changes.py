"""Another picture of the same face, and what makes an error go away."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from emotion_core.inspection.changes import COVER_GREY, GRID, Change, what_helps

PICTURE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)


def test_nothing_is_changed_by_default() -> None:
    assert np.array_equal(Change().apply(PICTURE), PICTURE)


def test_each_change_does_what_it_says() -> None:
    assert np.array_equal(Change(mirror=True).apply(PICTURE), PICTURE[:, ::-1])
    grey = Change(grey=True).apply(PICTURE)
    assert np.array_equal(grey[..., 0], np.asarray(Image.fromarray(PICTURE).convert("L")))
    assert (grey[..., 0] == grey[..., 2]).all()
    np.testing.assert_allclose(Change(brightness=0.5).apply(PICTURE), PICTURE * 0.5, atol=1)
    blurred = np.asarray(Image.fromarray(PICTURE).filter(ImageFilter.GaussianBlur(1.2)))
    assert np.array_equal(Change(blur=2).apply(PICTURE), blurred)
    smooth = np.tile(np.linspace(0, 255, 60)[None, :, None], (40, 1, 3)).astype(np.uint8)
    # Twice as close around the middle: the middle half of each line, stretched.
    np.testing.assert_allclose(Change(zoom=2).apply(smooth)[20, ::2, 0], smooth[20, 15:45, 0], atol=3)
    covered = Change(cover=0.5, cover_x=0, cover_y=0.5).apply(PICTURE)
    assert (covered[10:30, :15] == COVER_GREY).all()
    assert np.array_equal(covered[:10], PICTURE[:10])
    assert np.array_equal(covered[:, 15:], PICTURE[:, 15:])


def test_a_rotation_turns_to_the_left_and_repeats_the_edge() -> None:
    square = np.zeros((41, 41, 3), dtype=np.uint8)
    square[18:23, 30:35] = 255
    turned = Change(rotation=45).apply(square)
    y, x = np.argwhere(turned[..., 0] > 128).mean(axis=0)
    # From the right of the middle to the upper right.
    assert (x - 20, 20 - y) == pytest.approx((12 * 0.7071, 12 * 0.7071), abs=1)
    assert (Change(rotation=30).apply(np.full((30, 30, 3), 200, dtype=np.uint8)) == 200).all()


@pytest.mark.parametrize("name", GRID)
def test_every_single_change_changes_one_thing(name: str) -> None:
    change = GRID[name]
    usual = Change()
    changed = {key for key in vars(usual) if getattr(change, key) != getattr(usual, key)}
    assert len(changed - {"cover_x", "cover_y"}) == 1
    result = change.apply(PICTURE)
    assert result.shape == PICTURE.shape
    assert not np.array_equal(result, PICTURE)


WRONG, RIGHT = {"fear": 0.4, "anger": 0.6}, {"fear": 0.8, "anger": 0.2}


def answers(**some: dict[str, float]) -> list[dict[str, float]]:
    return [some.get(name.replace(" ", "_").replace(".", "_"), WRONG) for name in GRID]


def test_sentences() -> None:
    total = len(GRID)
    assert what_helps(WRONG, answers(), "fear") == f"None of {total} single changes makes it right, or fear more probable."
    nearly = {"fear": 0.45, "anger": 0.55}
    assert "mirroring comes nearest (fear 0.40 → 0.45)" in what_helps(WRONG, answers(mirroring=nearly), "fear")
    assert what_helps(WRONG, answers(mirroring=RIGHT), "fear").startswith("mirroring alone makes it right (fear 0.40 → 0.80)")
    two = answers(mirroring=RIGHT, zoom_1_1={"fear": 0.6, "anger": 0.4})
    assert what_helps(WRONG, two, "fear") == (
        f"2 of {total} single changes make it right: most of all mirroring (fear 0.40 → 0.80)."
    )
    assert what_helps(RIGHT, [RIGHT] * total, "fear").endswith(f"stays right under all of {total} changes.")
    assert f"turns wrong under {total - 1} of {total} changes" in what_helps(RIGHT, answers(mirroring=RIGHT), "fear")
