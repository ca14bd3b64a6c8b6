"""One heat map on trial."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from emotion_core.explain.trust import DRAWS, SHARE, blur_test

SIZE = 40
IMAGE = torch.randn(1, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)) * 4


def corner(images: torch.Tensor) -> np.ndarray:
    """A network that looks at one corner alone: how varied it is."""
    return images[:, :, :12, :12].flatten(1).std(dim=1).double().numpy()


def heat_at(row: int, column: int) -> np.ndarray:
    heat = np.zeros((10, 10), dtype=np.float32)
    heat[row : row + 4, column : column + 4] = 1
    return heat


def test_a_map_of_the_place_that_matters_passes() -> None:
    found = blur_test(corner, IMAGE, heat_at(0, 0))
    assert found.whole == pytest.approx(float(corner(IMAGE)[0]))
    assert found.warm < 0.3 * found.whole
    assert len(found.elsewhere) == DRAWS
    assert min(found.elsewhere) > 0.9 * found.whole
    assert found.passed


def test_a_map_of_another_place_does_not() -> None:
    found = blur_test(corner, IMAGE, heat_at(6, 6))
    assert found.warm == pytest.approx(found.whole, rel=1e-6)
    assert min(found.elsewhere) < found.whole
    assert not found.passed


def test_as_much_is_blurred_elsewhere_and_nothing_warm() -> None:
    changed: list[torch.Tensor] = []

    def remember(images: torch.Tensor) -> np.ndarray:
        changed.append((images != IMAGE).any(dim=1))
        return np.zeros(len(images))

    blur_test(remember, IMAGE, heat_at(3, 3))
    [masks] = changed
    assert not masks[0].any()
    assert masks[1:].sum(dim=(1, 2)).tolist() == [round(SHARE * SIZE * SIZE)] * (1 + DRAWS)
    assert not (masks[2:] & masks[1]).any()


def test_other_shares_and_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(0, 0\.5\], not 0\.6"):
        blur_test(corner, IMAGE, heat_at(0, 0), share=0.6)
    with pytest.raises(ValueError, match="2-D"):
        blur_test(corner, IMAGE, np.zeros((1, 4, 4)))
