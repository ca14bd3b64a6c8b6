"""From pictures to batches: square resizing, decoding a whole table once, and augmentation of whole batches on any device."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from PIL import Image

from emotion_core.data.pool import reading_pool
from emotion_core.data.table import FaceTable, OnError, Problem, settle
from emotion_core.errors import DataError, ImageError
from emotion_core.images import read_image


def resize_square(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Resize ``(H, W, 3)`` to ``(size, size, 3)`` with antialiasing; training and prediction both come through here."""
    if image.shape[:2] == (size, size):
        return image
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR, reducing_gap=3.0))


def decode_table(
    table: FaceTable,
    size: int,
    *,
    on_error: OnError = "raise",
    workers: int = 4,
    look: Callable[[str, npt.NDArray[np.uint8]], object] | None = None,
    frame: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] | None = None,
    progress: Callable[[int], object] | None = None,
) -> tuple[FaceTable, npt.NDArray[np.uint8]]:
    """Decode every picture of a table once.

    Args:
        table: ``N`` images.
        size: side of the square result, px.
        on_error: ``"raise"`` refuses a table with unreadable pictures, ``"skip"`` drops their rows and lists them.
        workers: threads that decode.
        look: called with the id of every readable picture and the picture itself, ``(H, W, 3)``, from any of the threads.
        frame: what to take of each picture, ``(H, W, 3)``; all of it by default.
        progress: called with 1 after every picture.

    Returns:
        The table of readable pictures, and their pixels, shape ``(N, C, size, size)``; ``C`` is 1 when all pictures are grey.

    Raises:
        DataError: pictures cannot be read and ``on_error`` is ``"raise"``, or none can.
    """

    def decode(sample_id: str) -> npt.NDArray[np.uint8] | Problem:
        try:
            image = read_image(table.read_bytes(sample_id))
        except (ImageError, OSError) as error:
            return Problem(path=sample_id, reason=str(error))
        if look is not None:
            look(sample_id, image)
        image = resize_square(image if frame is None else frame(image), size)
        grey = (image[..., 0] == image[..., 1]).all() and (image[..., 0] == image[..., 2]).all()
        return image[..., 0] if grey else image

    # Grey pictures are kept with one channel until a colour one turns up, so that 28,000 of them stay small.
    pixels = np.empty((len(table), 1, size, size), dtype=np.uint8)
    readable = np.ones(len(table), dtype=bool)
    problems: list[Problem] = []
    with reading_pool(workers) as pool:
        for index, image in enumerate(pool.map(decode, table.sample_ids)):
            if isinstance(image, Problem):
                readable[index] = False
                problems.append(image)
            elif image.ndim == 2:
                pixels[index] = image
            else:
                if pixels.shape[1] == 1:
                    pixels = np.repeat(pixels, 3, axis=1)
                pixels[index] = image.transpose(2, 0, 1)
            if progress is not None:
                progress(1)
    kept = settle(problems, on_error, table.name)
    if not readable.any():
        raise DataError(f"None of the {len(table):,} pictures of '{table.name}' can be read.")
    if kept:
        table = replace(table.where(readable), problems=table.problems + kept)
        pixels = pixels[readable]
    return table, pixels


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How strongly training pictures are varied; 0 switches a part off.

    Attributes:
        flip: probability of a horizontal flip.
        rotate: largest rotation either way, degrees.
        scale: largest relative change of size either way.
        shift: largest shift either way, as a share of the side.
        brightness: largest change of brightness either way, as a share of the full range.
        contrast: largest relative change of contrast either way.
        saturation: largest relative change of saturation either way.
        grey: probability of dropping colour.
        blur: probability of blurring.
        coarse: probability of losing resolution: reduced to a third to two thirds of the side, one factor a batch, and
            enlarged again.
        jpeg: probability of the marks that strong JPEG compression (quality 10 to 50) leaves in brightness.
        erase: probability of erasing a rectangle.
        erase_area: range of the erased area, as a share of the picture.
    """

    flip: float = 0.5
    rotate: float = 15.0
    scale: float = 0.15
    shift: float = 0.08
    brightness: float = 0.2
    contrast: float = 0.25
    saturation: float = 0.0
    grey: float = 0.0
    blur: float = 0.0
    coarse: float = 0.0
    jpeg: float = 0.0
    erase: float = 0.4
    erase_area: tuple[float, float] = (0.02, 0.2)

    @property
    def active(self) -> bool:
        """Whether any picture is varied."""
        parts = (self.flip, self.rotate, self.scale, self.shift, self.brightness, self.contrast, self.saturation, self.grey)
        return any(part > 0 for part in (*parts, self.blur, self.coarse, self.jpeg, self.erase))


def augment(
    images: torch.Tensor, settings: Augmentation, generator: torch.Generator, *, size: int | None = None
) -> torch.Tensor:
    """Vary a whole batch on its own device, each picture differently.

    Args:
        images: in [0, 1], shape ``(B, C, H, W)``.
        settings: strengths.
        generator: the only source of randomness; on the CPU, so that every device gives the same pictures.
        size: side of the result, px; the input's height by default.

    Returns:
        In [0, 1], shape ``(B, C, size, size)``.
    """
    if not settings.active and size in (None, images.shape[2]):
        return images
    batch, channels = images.shape[:2]
    side = images.shape[2] if size is None else size
    device = images.device

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        values = torch.rand(batch, *shape, generator=generator) * (high - low) + low
        # A GPU goes on with the step before, where a plain copy would wait for it.
        return values.to(device, non_blocking=device.type == "cuda")

    angle = draw(-settings.rotate, settings.rotate) * (math.pi / 180)
    zoom = 1 / (1 + draw(-settings.scale, settings.scale))
    mirror = torch.where(draw(0, 1) < settings.flip, -1.0, 1.0)
    theta = torch.zeros(batch, 2, 3, device=device)
    theta[:, 0, 0] = angle.cos() * zoom * mirror
    theta[:, 0, 1] = -angle.sin() * zoom
    theta[:, 1, 0] = angle.sin() * zoom * mirror
    theta[:, 1, 1] = angle.cos() * zoom
    theta[:, :, 2] = draw(-2 * settings.shift, 2 * settings.shift, 2)
    grid = F.affine_grid(theta, [batch, channels, side, side], align_corners=False)
    images = F.grid_sample(images, grid, mode="bilinear", padding_mode="reflection", align_corners=False)

    if settings.blur:
        strength = draw(0.5, 1, 1, 1, 1) * (draw(0, 1, 1, 1, 1) < settings.blur)
        images = torch.lerp(images, _blurred(images), strength)
    if settings.coarse:
        reduced = max(1, round(side * float(torch.rand((), generator=generator) / 3 + 1 / 3)))
        images = torch.where(draw(0, 1, 1, 1, 1) < settings.coarse, _coarse(images, reduced), images)
    if channels == 3 and (settings.saturation or settings.grey):
        luma = 0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]
        keep = 1 + draw(-settings.saturation, settings.saturation, 1, 1, 1)
        keep = torch.where(draw(0, 1, 1, 1, 1) < settings.grey, torch.zeros_like(keep), keep)
        images = luma + (images - luma) * keep
    factor = 1 + draw(-settings.contrast, settings.contrast, 1, 1, 1)
    offset = draw(-settings.brightness, settings.brightness, 1, 1, 1)
    centre = images.mean(dim=(1, 2, 3), keepdim=True)
    images = ((images - centre) * factor + centre + offset).clamp_(0, 1)

    if settings.jpeg:
        quality = draw(10, 50, 1, 1, 1)
        images = torch.where(draw(0, 1, 1, 1, 1) < settings.jpeg, _compressed(images, quality), images)

    area = draw(*settings.erase_area)
    ratio = draw(math.log(0.4), math.log(2.5)).exp()
    height, width = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    top, left = draw(0, 1) * (1 - height), draw(0, 1) * (1 - width)
    position = (torch.arange(side, device=device) + 0.5) / side
    rows = (position >= top[:, None]) & (position < (top + height)[:, None])
    columns = (position >= left[:, None]) & (position < (left + width)[:, None])
    erased = rows[:, None, :, None] & columns[:, None, None, :] & (draw(0, 1) < settings.erase)[:, None, None, None]
    return images.masked_fill(erased, 0.5)


def _blurred(images: torch.Tensor) -> torch.Tensor:
    """Every picture under a binomial kernel of 5 × 5 pixels."""
    channels = images.shape[1]
    line = images.new_tensor([1.0, 4.0, 6.0, 4.0, 1.0]) / 16
    kernel = torch.outer(line, line).expand(channels, 1, 5, 5)
    return F.conv2d(F.pad(images, (2, 2, 2, 2), mode="reflect"), kernel, groups=channels)


def _coarse(images: torch.Tensor, size: int) -> torch.Tensor:
    """Every picture reduced to ``size`` pixels and enlarged again."""
    small = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True, align_corners=False)
    return F.interpolate(small, size=images.shape[2:], mode="bilinear", align_corners=False)


_LUMINANCE = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
"""Quantisation of brightness at quality 50, ITU-T T.81 (1992), table K.1."""


def _compressed(images: torch.Tensor, quality: torch.Tensor) -> torch.Tensor:
    """What quantisation of 8 × 8 blocks of brightness leaves, at a quality of 1 to 50 for each picture, shape ``(B, 1, 1, 1)``.

    The quantisation table is scaled as in libjpeg; colour differences stay as they are.
    """
    batch, _, height, width = images.shape
    luma = images if images.shape[1] == 1 else 0.299 * images[:, :1] + 0.587 * images[:, 1:2] + 0.114 * images[:, 2:]
    padded = F.pad(luma, (0, -width % 8, 0, -height % 8), mode="replicate") * 255 - 128
    rows, columns = padded.shape[2] // 8, padded.shape[3] // 8
    place, wave = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="xy")
    scale = torch.where(wave == 0, math.sqrt(1 / 8), 0.5)
    dct = (scale * torch.cos((2 * place + 1) * wave * math.pi / 16)).to(images)
    blocks = padded.view(batch, rows, 8, columns, 8).permute(0, 1, 3, 2, 4)
    step = images.new_tensor(_LUMINANCE) * (50 / quality).view(batch, 1, 1, 1, 1)
    kept = torch.round(dct @ blocks @ dct.T / step) * step
    restored = (dct.T @ kept @ dct).permute(0, 1, 3, 2, 4).reshape(batch, 1, rows * 8, columns * 8)
    return (images + (restored[:, :, :height, :width] + 128) / 255 - luma).clamp(0, 1)
