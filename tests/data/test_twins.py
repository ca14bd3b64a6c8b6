from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from emotion_core.data.datasets import load_dataset
from emotion_core.data.table import FaceTable, build_frame
from emotion_core.data.twins import near_twins, thumbnails, twin_pairs, twin_thumbnail


def landscape(seed: int, side: int = 96) -> Image.Image:
    """Drawn noise with as much in every octave, as photographs have: nothing but the seed decides what it shows."""
    rng = np.random.default_rng(seed)
    total = np.zeros((side, side))
    for octave in (3, 6, 12, 24, 48):
        grey = Image.fromarray(rng.normal(size=(octave, octave)).astype(np.float32))
        total += np.asarray(grey.resize((side, side), Image.Resampling.BICUBIC)) / octave
    total = (total - total.min()) / np.ptp(total)
    return Image.fromarray((total * 255).astype(np.uint8)).convert("RGB")


def cut(picture: Image.Image, left: float, top: float, share: float) -> Image.Image:
    side = picture.width
    box = (left * side, top * side, (left + share) * side, (top + share) * side)
    return picture.resize((64, 64), Image.Resampling.BILINEAR, box=box)


def compressed(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=40)
    return Image.open(buffer)


COPIES = {
    "brighter": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "less contrast": lambda picture: ImageEnhance.Contrast(picture).enhance(0.5),
    "grey and small": lambda picture: picture.convert("L").resize((40, 40), Image.Resampling.BILINEAR),
    "compressed": compressed,
    "mirrored": lambda picture: picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "cut off centre": lambda picture: cut(picture, 0.07, 0.02, 0.9),
    "cut, turned and mirrored": lambda picture: cut(
        picture.rotate(3, Image.Resampling.BILINEAR).transpose(Image.Transpose.FLIP_LEFT_RIGHT), 0.08, 0.08, 0.85
    ),
}


def grey(pictures: list[Image.Image]) -> np.ndarray:
    return np.stack([twin_thumbnail(np.asarray(picture.convert("RGB"))) for picture in pictures])


def table(pictures: list[Image.Image | bytes]) -> FaceTable:
    files = {}
    for number, picture in enumerate(pictures):
        if isinstance(picture, bytes):
            files[f"{number}.png"] = picture
        else:
            buffer = io.BytesIO()
            picture.save(buffer, "PNG")
            files[f"{number}.png"] = buffer.getvalue()
    return FaceTable(name="faces", frame=build_frame(files, [None] * len(files)), read_bytes=files.__getitem__)


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_is_found_however_it_was_made(copy: str) -> None:
    originals = [landscape(seed) for seed in range(40)]
    copies = [COPIES[copy](picture) for picture in originals]
    found = twin_pairs(grey(copies), grey(originals))
    assert [(pair.first, pair.second) for pair in found] == [(number, number) for number in range(40)]
    assert {pair.mirrored for pair in found} == {"mirrored" in copy}


def test_different_pictures_are_no_twins() -> None:
    assert twin_pairs(grey([landscape(seed) for seed in range(60)]), grey([landscape(seed) for seed in range(60, 120)])) == []


def test_equal_pictures_correlate_fully() -> None:
    [pair] = twin_pairs(grey([landscape(0)]), grey([landscape(0)]))
    assert pair.correlation == pytest.approx(1, abs=1e-5)
    assert not pair.mirrored


def test_images_with_a_twin_in_any_other_table_are_marked() -> None:
    pictures = [landscape(seed) for seed in range(6)]
    mine = table([*pictures, b"no picture", Image.new("RGB", (48, 48))])
    others = [
        thumbnails(other)
        for other in (table([pictures[1], Image.new("RGB", (48, 48)), b"nor this"]), table([cut(pictures[4], 0.05, 0.05, 0.9)]))
    ]
    read: list[int] = []
    assert near_twins(mine, others, progress=read.append).tolist() == [False, True, False, False, True, False, False, False]
    assert sum(read) == 8
    assert near_twins(mine, []).tolist() == [False] * 8


def test_every_exact_duplicate_of_ferplus_is_found_and_hardly_any_stranger(shared_data: Path) -> None:
    faces = load_dataset("ferplus", shared_data)
    held_out = faces.split("test")
    train = faces.split("train")
    train = train.where(np.arange(len(train)) % 4 == 0)
    mine, theirs = (
        np.stack([np.asarray(Image.open(io.BytesIO(part.read_bytes(name)))) for name in part.sample_ids])
        for part in (train, held_out)
    )
    known = {picture.tobytes() for picture in theirs}
    equal = np.array([picture.tobytes() in known for picture in mine])
    assert equal.sum() > 50
    judging = [thumbnails(held_out)]
    found = near_twins(train, judging)
    assert found[equal & (mine.std(axis=(1, 2)) > 2)].all()
    # FER+ holds further copies of these photographs, cut or marked otherwise; all of them are few.
    assert equal.mean() < found.mean() < equal.mean() + 0.05
    stills = near_twins(load_dataset("sfew", shared_data), judging)
    assert stills.sum() == 0
