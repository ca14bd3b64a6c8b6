"""Draws a portrait of nobody, for the screenshot in the README: a face that detectors find and that belongs to no person."""

from __future__ import annotations

import math
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter

SIZE = (512, 600)
SCALE = 4  # drawn four times as large and reduced, for smooth edges

SKIN, SHADE, LIGHT, HAIR = (228, 182, 152), (150, 95, 70), (250, 215, 190), (58, 40, 32)


class _Canvas:
    def __init__(self, mode: str, colour: tuple[int, int, int] | int) -> None:
        self.image = Image.new(mode, (SIZE[0] * SCALE, SIZE[1] * SCALE), colour)
        self.draw = ImageDraw.Draw(self.image)

    def blur(self, radius: float) -> None:
        self.image = self.image.filter(ImageFilter.GaussianBlur(radius * SCALE))
        self.draw = ImageDraw.Draw(self.image)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: tuple[int, int, int] | int) -> None:
        self.draw.ellipse([(x - rx) * SCALE, (y - ry) * SCALE, (x + rx) * SCALE, (y + ry) * SCALE], fill=fill)

    def box(self, *corners: float) -> list[float]:
        return [corner * SCALE for corner in corners]


def draw_portrait() -> Image.Image:
    """A smiling face from the front, 512 × 600 px."""
    canvas = _Canvas("RGB", (206, 217, 224))
    canvas.ellipse(256, 650, 230, 170, (62, 88, 120))
    neck = [(205, 400), (307, 400), (325, 520), (256, 560), (187, 520)]
    canvas.draw.polygon([(x * SCALE, y * SCALE) for x, y in neck], fill=(206, 160, 130))
    canvas.ellipse(256, 250, 165, 190, HAIR)
    for x in (122, 390):
        canvas.ellipse(x, 285, 20, 36, (215, 168, 138))
    canvas.ellipse(256, 285, 132, 172, SKIN)
    canvas.blur(1.5)
    _tint(canvas, SHADE, 10, [(256, 440, 80, 20, 70), (150, 330, 30, 110, 60), (362, 330, 30, 110, 60), (205, 258, 44, 26, 80),
                              (307, 258, 44, 26, 80), (256, 318, 14, 50, 25), (256, 345, 34, 14, 70)])  # fmt: skip
    _tint(canvas, LIGHT, 9, [(195, 335, 32, 22, 80), (317, 335, 32, 22, 80), (256, 190, 70, 30, 60), (256, 300, 7, 45, 90)])
    _hair(canvas)
    canvas.blur(1.2)
    _features(canvas)
    return canvas.image.resize(SIZE, Image.Resampling.LANCZOS)


def _tint(
    canvas: _Canvas, colour: tuple[int, int, int], radius: float, spots: list[tuple[float, float, float, float, int]]
) -> None:
    """Light or shade that stays on the skin."""
    layer, skin = _Canvas("L", 0), _Canvas("L", 0)
    for *ellipse, strength in spots:
        layer.ellipse(*ellipse, strength)
    layer.blur(radius)
    skin.ellipse(256, 285, 132, 172, 255)
    canvas.image.paste(colour, mask=ImageChops.multiply(layer.image, skin.image))


def _hair(canvas: _Canvas) -> None:
    front, forehead = _Canvas("L", 0), _Canvas("L", 255)
    front.ellipse(256, 250, 163, 188, 255)
    front.draw.rectangle(front.box(0, 262, *SIZE), fill=0)
    forehead.ellipse(256, 268, 118, 104, 0)
    canvas.image.paste(HAIR, mask=ImageChops.multiply(front.image, forehead.image))
    canvas.draw = ImageDraw.Draw(canvas.image)


def _features(canvas: _Canvas) -> None:
    draw, box = canvas.draw, canvas.box
    for side in (-1, 1):
        brow = [(256 + side * (26 + i * 8), 226 - 12 * math.sin(i / 8 * math.pi * 0.9)) for i in range(10)]
        draw.line([(x * SCALE, y * SCALE) for x, y in brow], fill=(60, 42, 34), width=9 * SCALE, joint="curve")
    for x in (205, 307):
        canvas.ellipse(x, 262, 29, 14, (245, 242, 238))
        canvas.ellipse(x, 262, 13, 13, (84, 62, 44))
        canvas.ellipse(x, 262, 6, 6, (20, 16, 14))
        canvas.ellipse(x + 4, 257, 3, 3, (255, 255, 255))
        draw.arc(box(x - 31, 246, x + 31, 282), 195, 345, fill=(52, 36, 30), width=4 * SCALE)
    for x, start, end in ((238, 90, 230), (274, -50, 90)):
        canvas.ellipse(256 + (x - 256) * 0.83, 346, 6, 4, (150, 98, 76))
        draw.arc(box(x - 10, 325, x + 10, 358), start, end, fill=(175, 122, 96), width=3 * SCALE)
    draw.chord(box(196, 352, 316, 428), 12, 168, fill=(150, 60, 62))
    draw.chord(box(208, 368, 304, 414), 12, 168, fill=(250, 248, 244))
    draw.arc(box(194, 350, 318, 430), 10, 170, fill=(186, 92, 88), width=8 * SCALE)


if __name__ == "__main__":
    draw_portrait().save(Path(__file__).with_name("portrait.png"))
