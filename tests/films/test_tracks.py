"""Who is who from frame to frame."""

from __future__ import annotations

import numpy as np
import pytest

from emotion_core.faces import Face
from emotion_core.films.tracks import REMEMBERED, Tracker, iou, looks_of
from emotion_core.predict import FoundFace
from tests.films.films import Array, face, scene


def found(index: int, left: int, top: int = 20) -> FoundFace:
    return FoundFace(face=Face((left, top, 90, 90), 0.9), crop=face(index)[20:110, 20:110])


def follow(tracker: Tracker, time: float, *faces: FoundFace, level: int = 90) -> tuple[int, ...]:
    return tracker.update(time, scene(level=level), faces)


def test_faces_that_move_keep_their_numbers():
    tracker = Tracker()
    for step in range(10):
        # The order of faces means nothing.
        assert follow(tracker, step / 5, found(step % 8, 10 * step), found(8 + step % 8, 200)) == (1, 2)
        assert follow(tracker, step / 5 + 0.1, found(8, 200), found(0, 10 * step + 5)) == (2, 1)


def test_another_person_in_the_same_place_after_a_cut_is_another():
    tracker = Tracker()
    assert follow(tracker, 0.0, found(0, 50)) == (1,)
    assert follow(tracker, 0.2, found(8, 50), level=240) == (2,)
    # Back again: known by looks.
    assert follow(tracker, 0.4, found(1, 120)) == (1,)
    assert follow(tracker, 0.6, found(9, 180), level=240) == (2,)


def test_a_face_that_was_away_is_known_again_if_it_looks_alike():
    tracker = Tracker()
    assert follow(tracker, 0.0, found(0, 50)) == (1,)
    for step in range(300):
        assert follow(tracker, 0.2 + step / 5) == ()
    assert follow(tracker, 61.0, found(16, 50)) == (2,)
    assert follow(tracker, 61.2, found(0, 200), found(16, 50)) == (1, 2)


def test_no_two_faces_of_a_frame_are_the_same():
    tracker = Tracker()
    assert follow(tracker, 0.0, found(0, 0), found(0, 100)) == (1, 2)
    assert follow(tracker, 0.2, found(0, 100), found(0, 0), found(0, 220)) == (2, 1, 3)


def test_memory_does_not_grow_with_the_film():
    tracker = Tracker()
    noise = np.random.default_rng(0)
    for step in range(300):
        crop = noise.integers(0, 256, (1, 1, 3)).astype(np.uint8) * np.ones((90, 90, 1), np.uint8)
        tracker.update(float(step), scene(), [FoundFace(face=Face((0, 0, 9, 9), 0.9), crop=crop)])
    assert len(tracker._tracks) <= REMEMBERED + 1


def test_looks_of_one_person_are_more_alike_than_those_of_others():
    """Against a plain comparison of all pairs."""
    looks = np.array([looks_of(found(index, 0).crop) for index in range(64)])
    np.testing.assert_allclose((looks**2).sum(axis=1), 1, rtol=1e-5)
    likeness = looks @ looks.T
    person = np.arange(64) // 8
    same = likeness[(person[:, None] == person) & ~np.eye(64, dtype=bool)]
    others = likeness[person[:, None] != person]
    assert np.quantile(same, 0.1) > np.quantile(others, 0.95)


@pytest.mark.parametrize("crop", [np.zeros((5, 5, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)])
def test_flat_crops_have_looks(crop: Array):
    assert np.isfinite(looks_of(crop)).all()


def test_iou_by_counting_pixels():
    boxes = [(2, 3, 10, 8), (6, 5, 9, 9), (30, 30, 4, 4)]

    def pixels(box: tuple[int, int, int, int]) -> set[tuple[int, int]]:
        return {(x, y) for x in range(box[0], box[0] + box[2]) for y in range(box[1], box[1] + box[3])}

    for one in boxes:
        for other in boxes:
            assert iou(one, other) == pytest.approx(
                len(pixels(one) & pixels(other)) / len(pixels(one) | pixels(other)), abs=1e-12
            )
