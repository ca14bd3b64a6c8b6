from __future__ import annotations

import base64
import hashlib
import io
import logging
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import matplotlib.cbook
import numpy as np
import pytest

from emotion_core.errors import FaceModelError
from emotion_core.faces import Detection, Face, FaceDetector, crop_face, load_detector, loading, whole_image_face
from emotion_core.faces.crop import CROP_SCALE, MAX_CROP_SIDE
from emotion_core.faces.face import largest_first
from emotion_core.faces.haar import HaarDetector
from emotion_core.faces.loading import download
from emotion_core.faces.yunet import YuNetDetector
from emotion_core.images import read_image

# Read off Grace Hopper's portrait by eye: (x, y) of the eye on the left, the one on the right, nose, mouth.
EYE_LEFT, EYE_RIGHT, NOSE, MOUTH = (224, 190), (308, 187), (268, 232), (268, 278)

# Medians over 300 AffectNet crops of YuNet's eyes, nose and corners of the mouth, in units of the crop's side.
TRAINING_LANDMARKS = np.array([[0.319, 0.365], [0.684, 0.364], [0.498, 0.573], [0.356, 0.736], [0.654, 0.739]])

Array = np.ndarray


@pytest.fixture(scope="module")
def portrait() -> Array:
    """Grace Hopper, 512 x 600."""
    return read_image(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))


@pytest.fixture(scope="module")
def yunet(yunet_model: Path) -> YuNetDetector:
    return YuNetDetector(yunet_model.read_bytes())


@pytest.fixture(params=["yunet", "haar"])
def detector(request: pytest.FixtureRequest) -> FaceDetector:
    if request.param == "haar":
        return HaarDetector()
    model: Path = request.getfixturevalue("yunet_model")
    return YuNetDetector(model.read_bytes())


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("EMOTION_FACE_MODEL", raising=False)
    monkeypatch.setattr(loading, "_failure", None)


def resize(image: Array, side: int) -> Array:
    """Scaled to a longer side."""
    scale = side / max(image.shape[:2])
    size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def noise(height: int, width: int) -> Array:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def holds(face: Face, point: tuple[float, float]) -> bool:
    x, y, width, height = face.box
    return x <= point[0] < x + width and y <= point[1] < y + height


# Detecting


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


# Cropping


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


# Loading


class Fetch:
    """Stands in for the network and counts its calls."""

    def __init__(self, answer: bytes | Exception) -> None:
        self.answer = answer
        self.urls: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.urls.append(url)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def cached(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "face_detection_yunet_2023mar.onnx"


def test_model_is_downloaded_once_and_kept(yunet_model: Path, cached: Path) -> None:
    fetch = Fetch(yunet_model.read_bytes())
    assert load_detector(fetch=fetch).name == "yunet"
    assert load_detector(fetch=fetch).name == "yunet"
    assert fetch.urls == ["https://huggingface.co/opencv/face_detection_yunet/resolve/main/face_detection_yunet_2023mar.onnx"]
    assert cached.read_bytes() == yunet_model.read_bytes()
    assert [path.name for path in cached.parent.iterdir()] == [cached.name]


def test_the_network_is_asked_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    fetch = Fetch(OSError("offline"))
    monkeypatch.setattr(loading, "download", fetch)
    assert load_detector().name == "haar"
    assert len(fetch.urls) == 1


def test_published_hash_is_that_of_the_file(yunet_model: Path) -> None:
    content = yunet_model.read_bytes()
    assert hashlib.sha256(content).hexdigest() == loading.MODEL_SHA256
    assert len(content) == loading.MODEL_BYTES


def test_damaged_cache_is_fetched_again(yunet_model: Path, cached: Path) -> None:
    cached.parent.mkdir()
    content = bytearray(yunet_model.read_bytes())
    content[1000] ^= 1
    cached.write_bytes(content)
    fetch = Fetch(yunet_model.read_bytes())
    assert load_detector(fetch=fetch).name == "yunet"
    assert len(fetch.urls) == 1
    assert cached.read_bytes() == yunet_model.read_bytes()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (OSError("no route to host"), "cannot be reached (no route to host)"),
        (TimeoutError("timed out"), "cannot be reached (timed out)"),
        (b"<html>sign in to the wireless network</html>", "gave another file than expected (44 bytes)"),
        (bytes(232_589), "gave another file than expected (232,589 bytes)"),
    ],
)
def test_without_the_model_haar_is_used_and_the_log_says_why(
    answer: bytes | Exception, reason: str, cached: Path, portrait: Array, caplog: pytest.LogCaptureFixture
) -> None:
    fetch = Fetch(answer)
    with caplog.at_level(logging.WARNING):
        detectors = [load_detector(fetch=fetch), load_detector(fetch=fetch)]
    assert len(fetch.urls) == 1
    assert not cached.exists()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert all(reason in record.getMessage() for record in caplog.records)
    assert detectors[0].detect(portrait).detector == "haar"


def test_a_cache_that_cannot_be_written_costs_nothing_but_a_warning(
    yunet_model: Path, cached: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cached.parent.write_bytes(b"a file where the folder should be")
    assert load_detector(fetch=Fetch(yunet_model.read_bytes())).name == "yunet"
    assert "cannot be kept" in caplog.text


def test_interrupted_writing_leaves_no_file(
    yunet_model: Path, cached: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(loading.os, "replace", fail)
    assert load_detector(fetch=Fetch(yunet_model.read_bytes())).name == "yunet"
    assert list(cached.parent.iterdir()) == []
    assert "disk full" in caplog.text


def test_named_model_comes_before_cache_and_network(yunet_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(yunet_model))
    fetch = Fetch(OSError("must not be asked"))
    assert load_detector(fetch=fetch).name == "yunet"
    assert fetch.urls == []


@pytest.mark.parametrize("content", [None, b"", b"not a network", b"\x08\x07" * 3000])
def test_named_model_that_cannot_be_used_is_an_error(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "mine.onnx"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(path))
    reason = "cannot be read" if content is None else "is not a YuNet model"
    with pytest.raises(FaceModelError, match=rf"EMOTION_FACE_MODEL: '.*mine\.onnx' {reason}"):
        load_detector(fetch=Fetch(OSError("must not be asked")))


def test_folder_as_named_model_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMOTION_FACE_MODEL", str(tmp_path))
    with pytest.raises(FaceModelError, match="cannot be read"):
        load_detector()


def test_neither_yunet_nor_haar_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "CascadeClassifier")
    with pytest.raises(FaceModelError, match=r"has no 'haarcascade.*opencv-python-headless<5"):
        load_detector(fetch=Fetch(OSError("offline")))


def test_cache_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert loading.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("EMOTION_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert loading.cache_folder() == tmp_path / "emotion_core"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert loading.cache_folder() == Path.home() / ".cache" / "emotion_core"


class Answer(io.BytesIO):
    """A server's answer of which each read takes the given seconds on a false clock."""

    clock = 0.0
    seconds = 0.0

    def read1(self, size: int | None = -1, /) -> bytes:
        type(self).clock += self.seconds
        return super().read1(1000)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes, float], list[Any]]:
    def install(content: bytes, seconds: float) -> list[Any]:
        timeouts: list[Any] = []

        def urlopen(_: str, *, timeout: float) -> Answer:
            timeouts.append(timeout)
            return Answer(content)

        monkeypatch.setattr(Answer, "seconds", seconds)
        monkeypatch.setattr(loading.urllib.request, "urlopen", urlopen)
        monkeypatch.setattr(loading.time, "monotonic", lambda: Answer.clock)
        return timeouts

    return install


def test_download_has_time_limits(answer: Callable[[bytes, float], list[Any]]) -> None:
    timeouts = answer(bytes(5000), 1.0)
    assert download("https://example.org/file") == bytes(5000)
    assert timeouts == [5.0]
    answer(bytes(100_000), 1.0)
    with pytest.raises(TimeoutError, match="not finished after 20 seconds"):
        download("https://example.org/file")


def test_download_stops_at_more_bytes_than_the_file_has(answer: Callable[[bytes, float], list[Any]]) -> None:
    answer(bytes(1_000_000), 0.0)
    assert len(download("https://example.org/file")) < 240_000


def test_download_reads_a_url() -> None:
    content = bytes(range(256)) * 40
    assert download("data:;base64," + base64.b64encode(content).decode()) == content
