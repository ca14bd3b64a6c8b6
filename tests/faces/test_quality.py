"""Can this face be read? Against what was done to the picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from emotion_core.data.schematic import SchematicSource, sample_id
from emotion_core.faces import Face, crop_face
from emotion_core.faces.quality import MIN_SHARPNESS, head_pose, measure_quality, sharpness
from emotion_core.faces.yunet import YuNetDetector
from emotion_core.images import read_image
from tests.faces.pictures import Array, noise, resize

FRONTAL = ((30.0, 40.0), (70.0, 40.0), (50.0, 60.0), (38.0, 80.0), (62.0, 80.0))


def test_sharpness_is_a_ratio_of_variances():
    crop = noise(112, 112)
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(float)
    padded = np.pad(grey, 1, mode="reflect")
    laplacian = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:] - 4 * grey
    assert sharpness(crop) == pytest.approx(laplacian.var() / grey.var())


def test_sharpness_does_not_depend_on_contrast_and_falls_with_blur():
    crop = resize(read_image(SchematicSource().read(sample_id(0, 4))), 112)
    faint = (crop // 4 + 90).astype(np.uint8)
    assert sharpness(faint) == pytest.approx(sharpness(crop), rel=0.25)
    values = [sharpness(cv2.GaussianBlur(crop, (0, 0), sigma)) for sigma in (0.5, 1.0, 2.0, 4.0)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < MIN_SHARPNESS < sharpness(crop)
    assert sharpness(np.full((50, 50, 3), 7, np.uint8)) == 0


@pytest.mark.parametrize("degrees", [-60, -20, 0, 30, 90])
def test_roll_is_the_angle_by_which_the_points_were_turned(degrees: float):
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = tuple(tuple(point) for point in np.array(FRONTAL) @ turn.T)
    yaw, roll = head_pose(points)
    assert roll == pytest.approx(degrees)
    assert yaw == pytest.approx(0, abs=1e-9)  # turning the picture turns no head


@pytest.mark.parametrize("degrees", [-50, -10, 25, 45])
def test_yaw_is_the_angle_by_which_a_head_was_turned(degrees: float):
    angle = np.radians(degrees)
    # Seen from far away: eyes at the corners of a head, the nose 0.6 distances between the eyes before them.
    across, depth = np.array([-20.0, 20.0, 0.0, -12.0, 12.0]), np.array([0.0, 0.0, 24.0, 0.0, 0.0])
    seen = across * np.cos(angle) + depth * np.sin(angle)
    yaw, _ = head_pose(tuple(zip(seen, [0.0, 0.0, 20.0, 40.0, 40.0], strict=True)))
    assert yaw == pytest.approx(degrees)


def test_one_eye_behind_the_other_is_a_profile():
    assert head_pose(((5, 5), (5, 5), (9, 9), (5, 12), (5, 12))) == (90.0, 0.0)


def test_nothing_is_said_of_a_good_face(portrait: Array, yunet: YuNetDetector):
    [face] = yunet.detect(portrait).faces
    assert measure_quality(face, crop_face(portrait, face)).warnings() == ()


@pytest.mark.parametrize(
    ("face", "crop", "expected"),
    [
        (Face((0, 0, 9, 12)), noise(12, 12), "small (12 px)"),
        (Face((0, 0, 90, 99)), np.full((99, 99, 3), 9, np.uint8), "blurred"),
        (Face((0, 0, 99, 99), score=0.61), noise(99, 99), "perhaps no face (detector's score 0.61)"),
        (Face((0, 0, 99, 99), 0.9, ((30, 40), (50, 75), (45, 60), (0, 0), (0, 0))), noise(99, 99), "tilted"),
        (Face((0, 0, 99, 99), 0.9, ((30, 40), (50, 40), (55, 60), (0, 0), (0, 0))), noise(99, 99), "turned away (about 51°)"),
    ],
)
def test_each_reason_is_given_alone(face: Face, crop: Array, expected: str):
    assert measure_quality(face, crop).warnings() == (expected,)


def test_a_portrait_of_twelve_pixels_and_a_turned_one(portrait: Array, yunet: YuNetDetector):
    [face] = yunet.detect(portrait).faces
    tiny = resize(crop_face(portrait, face), 12)
    assert [each.split()[0] for each in measure_quality(Face((0, 0, 12, 12)), tiny).warnings()] == ["small", "blurred"]
    height, width = portrait.shape[:2]
    for degrees in (-60, 60):
        turned = cv2.warpAffine(portrait, cv2.getRotationMatrix2D((width / 2, height / 3), degrees, 1), (width, height))
        found = resize(turned, 400)
        [tilted] = yunet.detect(found).faces
        quality = measure_quality(tilted, crop_face(found, tilted))
        # The detector sees it too upright, but on the right side.
        assert np.sign(quality.roll) == -np.sign(degrees)
        assert abs(quality.roll) < 60
