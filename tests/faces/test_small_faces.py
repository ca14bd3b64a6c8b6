"""Small faces in large photos: composed of drawn ones, so that it is known how many there are and where."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.faces import compose, found, grid
from emotion_core.faces import Face
from emotion_core.faces.looks import OVERLAP, TILE, Sighting, View, merge, scale_to, tiles
from emotion_core.faces.yunet import YuNetDetector
from tests.faces.pictures import Array

ALL = (60, 0)
"""Sixty faces, and no box that is a double or no face."""


@pytest.mark.parametrize("size", [250, 120, 80, 60])
def test_sixty_faces_in_twelve_megapixels(yunet: YuNetDetector, size: int) -> None:
    scene = compose([size], grid(60))
    assert scene.photo.shape == (3000, 4000, 3)
    assert found(scene, yunet.detect(scene.photo).faces) == ALL


@pytest.mark.parametrize("size", [80, 60])
def test_sixty_tilted_faces(yunet: YuNetDetector, size: int) -> None:
    scene = compose([size], grid(60), rolls=(-15, 0, 15))
    assert found(scene, yunet.detect(scene.photo).faces) == ALL


def test_two_sizes_in_one_photo(yunet: YuNetDetector) -> None:
    scene = compose([250, 60], grid(60))
    faces = yunet.detect(scene.photo).faces
    assert found(scene, faces) == ALL
    assert sum(max(face.box[2:]) > 150 for face in faces) == 30
    # The largest come first, and boxes are as large as the faces.
    assert max(faces[0].box[2:]) == pytest.approx(250, rel=0.25)
    assert max(faces[-1].box[2:]) == pytest.approx(60, rel=0.25)


def test_faces_on_the_borders_of_tiles(yunet: YuNetDetector) -> None:
    # Every 40 px along both axes, so that some face lies on every border, whole in one tile or in two.
    places = [(180 + 130 * n, 150 + 40 * n) for n in range(20)] + [(180 + 130 * n, 1600 - 37 * n) for n in range(20)]
    places = [
        place for n, place in enumerate(places) if all(np.hypot(*np.subtract(place, other)) > 110 for other in places[:n])
    ]
    scene = compose([60], places, size=(2800, 1750))
    assert found(scene, yunet.detect(scene.photo).faces) == (len(places), 0)


def test_a_photo_without_small_faces_is_not_looked_through(yunet: YuNetDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    look = YuNetDetector._look

    def count(self: YuNetDetector, view: View, image: Array) -> list[Sighting]:
        seen.append(view.pixels.shape[0] * view.pixels.shape[1])
        return look(self, view, image)

    monkeypatch.setattr(YuNetDetector, "_look", count)
    for photo in (compose([1500], [(2000, 1500)]).photo, compose([600], [(2000, 1500)]).photo, compose([60], []).photo):
        seen.clear()
        yunet.detect(photo)
        # A sixteenth of the pixels, and a few places from near.
        assert sum(seen) < photo.size / 3 / 6
    seen.clear()
    yunet.detect(compose([60], grid(60)).photo)
    assert sum(seen) > 12e6 / 3


@pytest.mark.parametrize("shape", [(30, 40), (750, 1000), (2999, 4001), (100, 9000)])
def test_tiles_cover_everything_and_overlap(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    covered = np.zeros(shape, dtype=np.uint8)
    for tile in tiles(View(pixels, step=(2.0, 3.0))):
        left, top = round(tile.left / 2), round(tile.top / 3)
        height, width = tile.pixels.shape[:2]
        assert max(height, width) <= TILE
        np.testing.assert_array_equal(tile.pixels, pixels[top : top + height, left : left + width])
        covered[top : top + height, left : left + width] += 1
    assert covered.min() == 1
    if shape[1] > TILE:
        # Between two tiles of a row lies a strip that both show.
        assert np.diff(np.flatnonzero(np.diff((covered[0] > 1).astype(int))))[0] >= OVERLAP


def test_tiles_of_one_colour_are_left_out() -> None:
    pixels = np.full((1500, 3000, 3), 90, dtype=np.uint8)
    assert not list(tiles(View(pixels)))
    pixels[700:760, 2900:2960:2] = 200
    assert 1 <= len(list(tiles(View(pixels)))) <= 2


@pytest.mark.parametrize("shape", [(3000, 4000), (2999, 4001), (500, 300), (1, 5000), (40, 30)])
@pytest.mark.parametrize("side", [224, 640, 1000])
def test_scaled_photos_know_where_they_came_from(shape: tuple[int, int], side: int) -> None:
    view = scale_to(np.zeros((*shape, 3), dtype=np.uint8), side)
    height, width = view.pixels.shape[:2]
    assert max(height, width) == side
    # Halving leaves out a last odd row or column.
    assert shape[1] - 8 <= width * view.step[0] <= shape[1]
    assert shape[0] - 8 <= height * view.step[1] <= shape[0]


def test_one_face_in_several_looks_is_one() -> None:
    far = Sighting(Face((100, 100, 60, 60), 0.9), 20)
    near = Sighting(Face((104, 98, 58, 62), 0.7), 60)
    assert merge([far, near]) == [near.face]
    # A face too large for a look is better seen in a coarser one.
    large = Sighting(Face((0, 0, 900, 900), 0.95), 400)
    coarse = Sighting(Face((30, 10, 840, 880), 0.7), 150)
    assert merge([large, coarse]) == [coarse.face]


def test_neighbours_stay_apart_and_what_is_inside_a_face_goes() -> None:
    one, two = Sighting(Face((100, 100, 60, 70), 0.8), 60), Sighting(Face((140, 105, 60, 70), 0.9), 60)
    assert merge([one, two]) == [two.face, one.face]
    collar = Sighting(Face((110, 150, 20, 20), 0.61), 20)
    assert merge([collar, one]) == [one.face]
    assert merge([]) == []
