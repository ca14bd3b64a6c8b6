"""Squares cut around faces."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotion_core.faces import Face, FaceDetector, crop_face, whole_image_face
from emotion_core.faces.crop import CROP_SCALE, MAX_CROP_SIDE
from emotion_core.faces.yunet import YuNetDetector
from emotion_core.images import read_image
from tests.faces.pictures import Array, noise, resize

# Medians over 300 AffectNet crops of YuNet's eyes, nose and corners of the mouth, in units of the crop's side.
TRAINING_LANDMARKS = np.array([[0.319, 0.365], [0.684, 0.364], [0.498, 0.573], [0.356, 0.736], [0.654, 0.739]])


def test_crop_is_the_square_around_the_box() -> None:
    image = noise(200, 300)
    face = Face((100, 60, 40, 60))
    side = round(60 * CROP_SCALE)
    left, top = 120 - side // 2, 90 - side // 2
    np.testing.assert_array_equal(crop_face(image, face), image[top : top + side, left : left + side])


def test_margin_is_added_on_each_side() -> None:
    image = noise(200, 300)
    np.testing.assert_array_equal(crop_face(image, Face((100, 60, 60, 60)), margin=0.5), image[30:150, 70:190])
    with pytest.raises(ValueError, match=r"greater than -0\.5"):
        crop_face(image, Face((100, 60, 60, 60)), margin=-0.5)


def test_edge_pixels_are_repeated_where_the_crop_leaves_the_photo() -> None:
    image = noise(50, 80)
    padded = np.pad(image, ((20, 20), (20, 20), (0, 0)), mode="edge")
    np.testing.assert_array_equal(crop_face(image, Face((0, 0, 30, 40)), margin=0.1), padded[16:64, 11:59])
    np.testing.assert_array_equal(crop_face(image, Face((50, 20, 30, 30)), margin=0.2), padded[34:76, 64:106])


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (50, 50), (1, 1), (1, 200)])
def test_whole_picture_is_padded_to_a_square_and_ignores_margins(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    face = whole_image_face(image)
    assert face == Face((0, 0, shape[1], shape[0]), score=None, landmarks=None, whole=True)
    side = max(shape)
    before = [(side - length) // 2 for length in shape]
    after = [side - length - first for length, first in zip(shape, before, strict=True)]
    wanted = np.pad(image, ((before[0], after[0]), (before[1], after[1]), (0, 0)), mode="edge")
    np.testing.assert_array_equal(crop_face(image, face, margin=0.0), wanted)
    np.testing.assert_array_equal(crop_face(image, face, margin=0.3), wanted)


def test_large_crops_are_reduced_without_distortion() -> None:
    image = np.zeros((3000, 4000, 3), dtype=np.uint8)
    cv2.rectangle(image, (1000, 500), (2999, 2499), (255, 0, 0), -1)
    crop = crop_face(image, whole_image_face(image))
    assert crop.shape == (MAX_CROP_SIDE, MAX_CROP_SIDE, 3)
    rows, columns = np.nonzero(crop[:, :, 0] > 127)
    scale = MAX_CROP_SIDE / 4000
    np.testing.assert_allclose([columns.min(), columns.max() + 1], np.array([1000, 3000]) * scale, atol=1)
    np.testing.assert_allclose([rows.min(), rows.max() + 1], np.array([1000, 3000]) * scale, atol=1)


@pytest.mark.parametrize("shape", [(10, 10_000), (30_000, 3)])
def test_long_pictures_do_not_become_huge(shape: tuple[int, int]) -> None:
    image = noise(*shape)
    assert crop_face(image, whole_image_face(image)).shape == (MAX_CROP_SIDE, MAX_CROP_SIDE, 3)


def test_crop_does_not_share_memory_with_the_photo() -> None:
    image = noise(50, 50)
    for face in (Face((10, 10, 20, 20)), whole_image_face(image)):
        assert not np.shares_memory(crop_face(image, face), image)


@pytest.mark.parametrize("box", [(50, 0, 5, 5), (0, 50, 5, 5), (-9, 0, 5, 5), (0, 0, 0, 5), (0, 0, 5, -1)])
def test_boxes_outside_the_photo_are_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="outside the image of 50 x 50 pixels"):
        crop_face(noise(50, 50), Face(box))


def test_crop_frames_the_face_like_the_training_crops(yunet: YuNetDetector, detector: FaceDetector, portrait: Array) -> None:
    (face,) = detector.detect(portrait).faces
    crop = crop_face(portrait, face)
    (again,) = yunet.detect(resize(crop, 224)).faces
    tolerance = 0.04 if detector.name == "yunet" else 0.07
    np.testing.assert_allclose(np.array(again.landmarks) / 224, TRAINING_LANDMARKS, atol=tolerance)


def test_crop_scale_is_that_of_the_training_crops(yunet: YuNetDetector, shared_data: Path) -> None:
    with zipfile.ZipFile(shared_data / "affectnet-3999.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))[::100]
        crops = [read_image(archive.read(name)) for name in names]
    boxes = [detection.faces[0].box for detection in map(yunet.detect, crops) if detection.faces]
    assert len(boxes) >= 0.95 * len(crops)
    ratios = [224 / max(box[2:]) for box in boxes]
    middles = np.array([(box[0] + box[2] / 2, box[1] + box[3] / 2) for box in boxes]) / 224
    assert np.median(ratios) == pytest.approx(CROP_SCALE, abs=0.04)
    np.testing.assert_allclose(np.median(middles, axis=0), 0.5, atol=0.03)
