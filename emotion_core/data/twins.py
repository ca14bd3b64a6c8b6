"""Which pictures of one dataset show what a picture of another shows: one photograph, cut, lit, saved or mirrored otherwise.

Equal pixels find copies of a file. Datasets of faces are copies of photographs: cut anew around the face, turned upright,
scaled, made grey, brightened, compressed, mirrored. Two steps find these. A fingerprint, low frequencies of the picture and of
its middle, picks some hundred in a million pairs. These are laid over each other (shift, scale and rotation, by Gauss-Newton
steps on the correlation), and what stays correlated without the broad light and shade is one photograph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from emotion_core.data.table import FaceTable
from emotion_core.errors import ImageError
from emotion_core.images import read_image

THRESHOLD = 0.85
"""Correlation of two pictures, laid over each other, from which they count as one photograph.

Chosen by eye: of FER+'s training images against 12,948 others (324 million pairs) and of FER+ against film stills and web faces
(128 million pairs) each pair from 0.85 on that was looked at was one photograph; the first of two people stands at 0.84. Of
copies made by cutting up to a tenth of the side, gamma, brightness, JPEG and mirroring 99.8 % reach it, of those that are also
turned by up to 5° and cut by up to a fifth 95 %.
"""

_CANDIDATE = 0.67
"""Least product of two fingerprints."""

_SIDE = 48
"""Side of a thumbnail, px: that of FER-2013's pictures."""

_MARGINS = (0, 2, 5)
"""Pixels cut from each side of a thumbnail for its fingerprints: copies differ in how closely the face is cut."""

_FREQUENCIES = 8
_REGISTERED = 32
_STEPS = 5
_BLOCK = 2048
_BATCH = 128
_FLAT = 2.0
"""Standard deviation in grey levels below which a picture shows nothing that could be compared."""

_UNSEEN = 200
"""So many pictures without any pattern are taken to be there besides, for the mean and the deviation of fingerprints."""

Grey = npt.NDArray[np.uint8]
_Rows = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class TwinPair:
    """Two pictures by position in either set, how much they correlate, and whether one is the other's mirror image."""

    first: int
    second: int
    correlation: float
    mirrored: bool


def near_twins(
    table: FaceTable,
    others: Sequence[Grey],
    *,
    threshold: float = THRESHOLD,
    workers: int = 4,
    progress: Callable[[int], object] | None = None,
) -> npt.NDArray[np.bool_]:
    """Which images of a table show the same photograph as any image of the others.

    Pictures that cannot be read, or show nothing, are nobody's twin.

    Args:
        table: ``N`` images, such as those to train on.
        others: :func:`thumbnails` of images to keep apart, such as those that validate and test, dataset by dataset.
        threshold: least correlation, in (0, 1].
        workers: threads that decode.
        progress: called with 1 after every decoded picture.

    Returns:
        Boolean, shape ``(N,)``.
    """
    mine = thumbnails(table, workers=workers, progress=progress)
    found = np.zeros(len(table), dtype=bool)
    for other in others:
        for pair in twin_pairs(mine, other, threshold=threshold):
            found[pair.first] = True
    return found


def thumbnails(table: FaceTable, *, workers: int = 4, progress: Callable[[int], object] | None = None) -> Grey:
    """Grey thumbnails of a table's ``N`` pictures, shape ``(N, 48, 48)``; black where one cannot be read."""

    def look(sample_id: str) -> Grey | None:
        try:
            return twin_thumbnail(read_image(table.read_bytes(sample_id)))
        except (ImageError, OSError):
            return None

    result = np.zeros((len(table), _SIDE, _SIDE), dtype=np.uint8)
    with ThreadPoolExecutor(workers) as pool:
        for index, seen in enumerate(pool.map(look, table.sample_ids)):
            if seen is not None:
                result[index] = seen
            if progress is not None:
                progress(1)
    return result


def twin_thumbnail(image: npt.NDArray[np.uint8]) -> Grey:
    """Grey thumbnail of ``(H, W, 3)``, shape ``(48, 48)``, antialiased."""
    return np.asarray(Image.fromarray(image).convert("L").resize((_SIDE, _SIDE), Image.Resampling.BILINEAR))


def twin_pairs(mine: Grey, theirs: Grey, *, threshold: float = THRESHOLD) -> list[TwinPair]:
    """Pairs of thumbnails that show the same photograph.

    Args:
        mine: shape ``(N, 48, 48)``.
        theirs: shape ``(M, 48, 48)``.
        threshold: least correlation, in (0, 1].

    Returns:
        Sorted by both positions, each pair once, with its larger correlation.
    """
    found: dict[tuple[int, int], TwinPair] = {}
    for mirrored in (False, True):
        turned = theirs[..., ::-1] if mirrored else theirs
        for first, second in _candidates(mine, turned):
            values = _registered_correlation(mine[first], turned[second])
            for i, j, value in zip(first.tolist(), second.tolist(), values.tolist(), strict=True):
                before = found.get((i, j))
                if value >= threshold and (before is None or before.correlation < value):
                    found[i, j] = TwinPair(first=i, second=j, correlation=min(value, 1.0), mirrored=mirrored)
    return [found[key] for key in sorted(found)]


def _candidates(mine: Grey, theirs: Grey) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Positions of pairs whose fingerprints agree, at most one block's at a time, each pair once."""
    (whole, other_whole), *cuts = (_fingerprints(mine, theirs, margin) for margin in _MARGINS)
    ways = [(whole, other_whole)]
    ways += [way for cut, other_cut in cuts for way in ((whole, other_cut), (cut, other_whole))]
    for top in range(0, len(mine), _BLOCK):
        for left in range(0, len(theirs), _BLOCK):
            agree = np.zeros((len(whole[top : top + _BLOCK]), len(other_whole[left : left + _BLOCK])), dtype=np.float32)
            for rows, columns in ways:
                np.maximum(agree, rows[top : top + _BLOCK] @ columns[left : left + _BLOCK].T, out=agree)
            first, second = np.nonzero(agree >= _CANDIDATE)
            for start in range(0, len(first), _BATCH):
                yield first[start : start + _BATCH] + top, second[start : start + _BATCH] + left


def _fingerprints(mine: Grey, theirs: Grey, margin: int) -> tuple[_Rows, _Rows]:
    """What is particular about the middle of each picture, rows of length 1; zeros where a picture is flat.

    Low frequencies, less their mean over all pictures (every face has its eyes in the same place) and divided by their
    deviation. Few pictures are no population: the more there are, the more their own mean and deviation count.
    """
    one, other = _low_frequencies(mine, margin), _low_frequencies(theirs, margin)
    count = len(one) + len(other) + _UNSEEN
    mean = (one.sum(axis=0) + other.sum(axis=0)) / count
    squares = sum(np.square(rows - mean).sum(axis=0) for rows in (one, other))
    deviation = np.sqrt((squares + _UNSEEN / one.shape[1]) / count)

    def standardised(rows: _Rows) -> _Rows:
        scaled: _Rows = ((rows - mean) / deviation).astype(np.float32)
        scaled /= np.linalg.norm(scaled, axis=1, keepdims=True).clip(min=1e-6)
        scaled[~rows.any(axis=1)] = 0
        return scaled

    return standardised(one), standardised(other)


def _low_frequencies(images: Grey, margin: int) -> _Rows:
    """The first coefficients of the discrete cosine transform (DCT-II) but the mean, rows of length 1; zeros where flat."""
    side = _SIDE - 2 * margin
    waves = np.cos(np.pi / side * np.outer(np.arange(_FREQUENCIES), np.arange(side) + 0.5)).astype(np.float32)
    waves[0] *= np.sqrt(0.5)
    rows: _Rows = np.zeros((len(images), _FREQUENCIES**2 - 1), dtype=np.float32)
    for start in range(0, len(images), _BLOCK):
        middle = images[start : start + _BLOCK, margin : margin + side, margin : margin + side].astype(np.float32)
        shown = middle.std(axis=(1, 2)) >= _FLAT
        block = (waves @ middle[shown] @ waves.T).reshape(-1, _FREQUENCIES**2)[:, 1:]
        rows[start : start + _BLOCK][shown] = block / np.linalg.norm(block, axis=1, keepdims=True)
    return rows


def _registered_correlation(mine: Grey, theirs: Grey) -> npt.NDArray[np.float32]:
    """Correlation of pairs ``(K, 48, 48)`` after laying one over the other, without broad light and shade, shape ``(K,)``."""
    fixed, moving = (_shrunk(images) for images in (mine, theirs))
    start = torch.zeros(len(fixed), 4)
    warped, inside = _warp(moving, _register(fixed, moving, start))
    one, other = (_normalised(_fine(images, inside), inside)[0] for images in (fixed, warped))
    correlation: npt.NDArray[np.float32] = (one * other).sum((1, 2)).numpy()
    return correlation


def _shrunk(images: Grey) -> torch.Tensor:
    floats = torch.from_numpy(np.ascontiguousarray(images)).float()[:, None]
    return F.interpolate(floats, size=(_REGISTERED, _REGISTERED), mode="bilinear", antialias=True, align_corners=False)[:, 0]


def _register(fixed: torch.Tensor, moving: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """Pose of ``moving`` on ``fixed`` at the best correlation of its Gauss-Newton steps.

    G. Evangelidis, E. Psarakis (2008), Parametric Image Alignment Using Enhanced Correlation Coefficient Maximization, IEEE
    Transactions on Pattern Analysis and Machine Intelligence 30(10), with a similarity for the warp and a fixed step.

    Args:
        fixed: shape ``(K, n, n)``.
        moving: the same.
        pose: where to begin, shape ``(K, 4)``: change of scale times cosine, sine, shift to the right and down in half sides.
    """
    side = fixed.shape[-1]
    across, down = _coordinates(side)
    best, best_pose = torch.full((len(fixed),), -1.0), pose
    for step in range(_STEPS + 1):
        warped, inside = _warp(moving, pose)
        one, _ = _normalised(fixed, inside)
        other, length = _normalised(warped, inside)
        correlation = (one * other).sum((1, 2))
        better = correlation > best
        best, best_pose = torch.where(better, correlation, best), torch.where(better[:, None], pose, best_pose)
        if step == _STEPS:
            break
        right = F.pad(warped[..., 2:] - warped[..., :-2], (1, 1)) * (side / 4)
        lower = F.pad(warped[..., 2:, :] - warped[..., :-2, :], (0, 0, 1, 1)) * (side / 4)
        slopes = torch.stack([right * across + lower * down, lower * across - right * down, right, lower], 1)
        slopes = slopes * inside[:, None] / length[:, None]
        slopes = (slopes - slopes.mean((2, 3), keepdim=True)).flatten(2)
        flat = other.flatten(1)
        slopes = slopes - (slopes @ flat[..., None]) * flat[:, None]
        rest = (one - other * correlation[:, None, None]).flatten(1) / correlation.clamp_min(0.2)[:, None]
        normal = slopes @ slopes.transpose(1, 2)
        # Damped, so that a picture without detail in some direction does not fly away along it.
        damping = 1e-3 * normal.diagonal(dim1=1, dim2=2).mean(1) + 1e-9
        normal = normal + damping[:, None, None] * torch.eye(4)
        change = torch.linalg.solve(normal, slopes @ rest[..., None])[..., 0]
        pose = (pose + change.clamp(-0.1, 0.1)).clamp(-0.4, 0.4)
    return best_pose


def _coordinates(side: int) -> tuple[torch.Tensor, torch.Tensor]:
    line = (torch.arange(side) + 0.5) * 2 / side - 1
    down, across = torch.meshgrid(line, line, indexing="ij")
    return across, down


def _warp(images: torch.Tensor, pose: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The images as seen from ``pose``, and where that is inside of them (1) or not (0)."""
    scale, turn, shift_x, shift_y = (column[:, None, None] for column in pose.T)
    across, down = _coordinates(images.shape[-1])
    grid = torch.stack([(1 + scale) * across - turn * down + shift_x, turn * across + (1 + scale) * down + shift_y], dim=-1)
    warped = F.grid_sample(images[:, None], grid, align_corners=False, padding_mode="border")[:, 0]
    return warped, (grid.abs() <= 1).all(-1).float()


def _normalised(images: torch.Tensor, inside: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean 0 and length 1 within ``inside``, 0 outside; and the length before."""
    mean = (images * inside).sum((1, 2), keepdim=True) / inside.sum((1, 2), keepdim=True).clamp_min(1)
    centred = (images - mean) * inside
    length = centred.pow(2).sum((1, 2), keepdim=True).sqrt().clamp_min(1e-6)
    return centred / length, length


def _fine(images: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """What is left without a Gaussian blur of 2 pixels, taken within ``inside``."""
    line = torch.exp(-(torch.arange(-5, 6).float() ** 2) / 8)
    kernel = line / line.sum()

    def blurred(values: torch.Tensor) -> torch.Tensor:
        rows = F.conv2d(values[:, None], kernel[None, None, None], padding=(0, 5))
        return F.conv2d(rows, kernel[None, None, :, None], padding=(5, 0))[:, 0]

    return images - blurred(images * inside) / blurred(inside).clamp_min(1e-3)
