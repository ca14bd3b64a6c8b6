"""Faces in a photo."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest

from emotion_core.faces import Detection, Face, FaceDetector, crop_face, crop_main_face, whole_image_face
from emotion_core.faces.face import largest_first
from emotion_core.faces.haar import HaarDetector
from emotion_core.faces.network import YuNetNetwork
from emotion_core.faces.yunet import YuNetDetector
from tests.faces.pictures import Array, noise, resize

# Read off Grace Hopper's portrait by eye: (x, y) of the eye on the left, the one on the right, nose, mouth.
EYE_LEFT, EYE_RIGHT, NOSE, MOUTH = (224, 190), (308, 187), (268, 232), (268, 278)


def holds(face: Face, point: tuple[float, float]) -> bool:
    x, y, width, height = face.box
    return x <= point[0] < x + width and y <= point[1] < y + height


def test_one_face_in_a_portrait(detector: FaceDetector, portrait: Array) -> None:
    detection = detector.detect(portrait)
    assert detection.detector == detector.name
    (face,) = detection.faces
    x, y, width, height = face.box
    assert all(holds(face, point) for point in (EYE_LEFT, EYE_RIGHT, NOSE, MOUTH))
    assert abs(x + width / 2 - NOSE[0]) < 20
    assert abs(y + height / 2 - NOSE[1]) < 30
    assert 150 < width < 240  # from ear to ear it is 220 pixels
    assert 180 < height < 270


def test_yunet_gives_scores_and_landmarks_in_the_photos_pixels(yunet: YuNetDetector, portrait: Array) -> None:
    double = cv2.resize(portrait, None, fx=2, fy=2)
    (face,) = yunet.detect(double).faces
    assert face.score is not None
    assert 0.8 < face.score <= 1
    assert face.landmarks is not None
    left, right, nose, mouth_left, mouth_right = np.array(face.landmarks) / 2
    np.testing.assert_allclose([left, right, nose], [EYE_LEFT, EYE_RIGHT, NOSE], atol=15)
    np.testing.assert_allclose((mouth_left + mouth_right) / 2, MOUTH, atol=10)
    assert mouth_left[0] < mouth_right[0]


def test_haar_gives_neither_scores_nor_landmarks(portrait: Array) -> None:
    (face,) = HaarDetector().detect(portrait).faces
    assert face.score is None
    assert face.landmarks is None


def test_yunet_sees_the_photo_as_opencv_gives_it(yunet: YuNetDetector, yunet_model: Path, portrait: Array) -> None:
    photo = resize(portrait, 300)  # neither reduced nor enlarged, so the landmarks must agree exactly
    reference = cv2.FaceDetectorYN.create(str(yunet_model), "", (photo.shape[1], photo.shape[0]))
    wanted = reference.detect(cv2.cvtColor(photo, cv2.COLOR_RGB2BGR))[1][0]
    (face,) = yunet.detect(photo).faces
    np.testing.assert_allclose(np.array(face.landmarks).ravel(), wanted[4:14], atol=1e-3)
    np.testing.assert_allclose(face.box, wanted[:4], atol=1)
    assert face.score == pytest.approx(wanted[14], abs=1e-4)


def test_the_largest_face_comes_first(yunet: YuNetDetector, portrait: Array) -> None:
    canvas = np.full((640, 1100, 3), 90, dtype=np.uint8)
    small, large = resize(portrait, 300), resize(portrait, 600)
    canvas[20 : 20 + small.shape[0], 20 : 20 + small.shape[1]] = small
    canvas[20 : 20 + large.shape[0], 500 : 500 + large.shape[1]] = large
    first, second = yunet.detect(canvas).faces
    assert holds(first, (500 + NOSE[0], 20 + NOSE[1]))
    assert holds(second, (20 + NOSE[0] / 2, 20 + NOSE[1] / 2))


def test_faces_are_ordered_by_area_and_empty_boxes_dropped() -> None:
    faces = [Face((0, 0, 9, 9)), Face((5, 5, 20, 10)), Face((0, 0, 0, 50)), Face((0, 0, 10, 20))]
    assert [face.box for face in largest_first(faces)] == [(0, 0, 10, 20), (5, 5, 20, 10), (0, 0, 9, 9)]


@pytest.mark.parametrize("side", [20, 48, 96, 224, 640, 1600])
def test_a_face_that_fills_the_picture_is_found(yunet: YuNetDetector, portrait: Array, side: int) -> None:
    # Tightly around the face: 212 pixels, of which the box takes the full height.
    picture = resize(portrait[113:325, 157:369], side)
    (face,) = yunet.detect(picture).faces
    x, y, width, height = np.array(face.box) / side
    assert height == pytest.approx(1, abs=0.12)
    assert width == pytest.approx(0.82, abs=0.12)
    assert x + width / 2 == pytest.approx(0.5, abs=0.06)
    assert y + height / 2 == pytest.approx(0.5, abs=0.06)


def test_a_close_up_does_not_hide_a_small_face(yunet: YuNetDetector, portrait: Array) -> None:
    canvas = np.full((600, 640, 3), 90, dtype=np.uint8)
    canvas[50:550, :500] = resize(portrait[113:325, 157:369], 500)
    small = resize(portrait, 70)
    canvas[20 : 20 + small.shape[0], 520 : 520 + small.shape[1]] = small
    first, second = yunet.detect(canvas).faces
    assert first.box[3] == pytest.approx(500, abs=60)
    assert holds(second, (520 + NOSE[0] * 70 / 600, 20 + NOSE[1] * 70 / 600))


def test_the_score_threshold_decides(yunet_model: Path, portrait: Array) -> None:
    strict = YuNetDetector(yunet_model.read_bytes(), score_threshold=0.999)
    assert strict.detect(portrait).faces == ()


@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (10, 10_000), (10_000, 10), (1, 10_000), (480, 640)])
def test_no_face_is_a_result(detector: FaceDetector, shape: tuple[int, int]) -> None:
    for value in (0, 128, 255):
        detection = detector.detect(np.full((*shape, 3), value, dtype=np.uint8))
        assert detection == Detection((), detector.name)


@pytest.mark.parametrize("shape", [(20, 640), (640, 20), (30, 300)])
def test_thin_pictures_give_the_same_boxes_each_time(yunet: YuNetDetector, yunet_model: Path, shape: tuple[int, int]) -> None:
    # At this threshold anything is a face. OpenCV 4.14 gives 2 to 6 different answers in 6 calls to unpadded pictures.
    eager = YuNetDetector(yunet_model.read_bytes(), score_threshold=0.0001)
    image = noise(*shape)
    results = []
    for size in (640, 96, 320, 480, 128, 224):
        results.append(eager.detect(image))
        yunet.detect(noise(size, size))
    assert results[0].faces
    assert all(result == results[0] for result in results)


@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8), np.zeros((8, 8, 3))],
)
def test_other_arrays_are_refused(detector: FaceDetector, image: Array) -> None:
    for function in (detector.detect, whole_image_face, lambda array: crop_face(array, Face((0, 0, 1, 1)))):
        with pytest.raises(ValueError, match=r"uint8 of shape \(H, W, 3\)"):
            function(image)


def test_boxes_stay_inside_the_photo(detector: FaceDetector, portrait: Array) -> None:
    tight = portrait[140:600, 190:512]  # cuts the forehead and one side of the face
    for face in detector.detect(np.ascontiguousarray(tight)).faces:
        x, y, width, height = face.box
        assert x >= 0
        assert y >= 0
        assert x + width <= tight.shape[1]
        assert y + height <= tight.shape[0]


def test_threads_get_what_one_after_the_other_gets(detector: FaceDetector, portrait: Array) -> None:
    pictures = [resize(portrait, side) for side in (200, 333, 450, 700)]
    pictures += [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
    wanted = [detector.detect(picture) for picture in pictures]
    assert all(len(detection.faces) == 1 for detection in wanted)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(3 if detector.name == "yunet" else 1):
            assert list(pool.map(detector.detect, pictures)) == wanted


class Found(FaceDetector):
    """Finds what it is told."""

    name = "found"

    def __init__(self, *boxes: tuple[int, int, int, int]) -> None:
        self.boxes = boxes

    def detect(self, image: Array) -> Detection:
        return Detection([Face(box, 0.9) for box in self.boxes], self.name)


@pytest.mark.parametrize(
    ("boxes", "chosen"),
    [
        ([(0, 0, 24, 24), (40, 40, 20, 20)], (40, 40, 20, 20)),
        ([(10, 10, 60, 60), (40, 40, 20, 20)], (10, 10, 60, 60)),
        ([(0, 0, 20, 20), (40, 40, 19, 19)], (40, 40, 19, 19)),
    ],
    ids=["the middle before the edge", "large before small", "the middle decides between equals"],
)
def test_the_main_face_of_a_picture(boxes: list[tuple[int, int, int, int]], chosen: tuple[int, int, int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8)
    assert np.array_equal(crop_main_face(image, Found(*boxes)), crop_face(image, Face(chosen, 0.9)))


def test_without_a_face_the_whole_picture_is_taken() -> None:
    image = np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    assert np.array_equal(crop_main_face(image, Found()), crop_face(image, whole_image_face(image)))


def test_a_portrait_in_a_wide_frame_is_cut_like_the_portrait(portrait: Array, yunet: YuNetDetector) -> None:
    wide = np.zeros((800, 1200, 3), dtype=np.uint8)
    wide[100:700, 300:812] = portrait
    one, other = (crop_main_face(image, yunet) for image in (portrait, wide))
    # The same face: as large as in the portrait alone, not the portrait as a whole.
    assert len(other) == pytest.approx(len(one), rel=0.1)
    assert len(one) < 400


@pytest.mark.parametrize("size", [(640, 546), (320, 273), (333, 97), (64, 64)])
@pytest.mark.parametrize("threshold", [0.05, 0.6])
def test_the_network_gives_what_opencv_gives(portrait: Array, yunet_model: Path, size: tuple[int, int], threshold: float):
    bgr = cv2.resize(portrait, size[::-1])[..., ::-1].copy()
    reference = cv2.FaceDetectorYN.create(str(yunet_model), "", size[::-1], threshold)
    expected = reference.detect(bgr)[1]
    found = YuNetNetwork(yunet_model.read_bytes(), threshold).detect(bgr)
    assert found.shape == ((0, 15) if expected is None else expected.shape)
    if expected is not None:
        np.testing.assert_allclose(found, expected, atol=0.05)
        np.testing.assert_allclose(found[:, 14], expected[:, 14], atol=1e-4)
