"""What several tests of trainings share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """The promise of equal weights holds for equal numbers of threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_affectnet: Callable[..., Path]) -> Path:
    """Eighty pictures that can be learned: the expression is a colour, valence the place of a bar, arousal its brightness."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(80):
        expression, valence, arousal = number % 8, *rng.uniform(-1, 1, 2).round(3)
        colour = 60 + 120 * np.array([expression & 1, expression >> 1 & 1, expression >> 2 & 1])
        image = np.clip(colour + rng.normal(0, 8, (32, 32, 3)), 0, 255)
        left = int(13 + 11 * valence)
        image[:, left : left + 6] = 127 + 120 * arousal
        rows.append((expression, valence, arousal, image.astype(np.uint8)))
    root = tmp_path_factory.mktemp("data")
    write_affectnet(root, rows)
    return root
