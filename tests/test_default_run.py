"""What the run that ships says of pictures that it should not be believed on."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from emotion_core.data.schematic import SchematicSource, sample_id
from emotion_core.faces import crop_face
from emotion_core.images import read_image
from emotion_core.predict import Predictor
from emotion_core.predict.readings import UNFAMILIAR
from emotion_core.results.calibration import FILE
from emotion_core.results.find import DEFAULT_RUN, find_run


@pytest.fixture(scope="module")
def predictor() -> Predictor:
    if not find_run(DEFAULT_RUN).info.calibration:
        pytest.skip("the default run is not calibrated")
    return Predictor.from_run(DEFAULT_RUN, device="cpu")


def warnings(predictor: Predictor, picture: np.ndarray) -> tuple[str, ...]:
    [prediction] = predictor.predict([picture], whole="always", flip=True)
    return prediction.warnings(0)


def test_its_calibration_is_small():
    assert (find_run(DEFAULT_RUN).path / FILE).stat().st_size < 300_000


def test_noise_and_a_plain_wall_are_unlike_faces(predictor: Predictor):
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (120, 120, 3), dtype=np.uint8)
    assert UNFAMILIAR in warnings(predictor, noise)
    assert {UNFAMILIAR, "blurred"} <= set(warnings(predictor, np.full((120, 120, 3), 127, dtype=np.uint8)))


def test_a_portrait_is_read_without_a_warning_until_it_has_twelve_pixels(predictor: Predictor, portrait):
    [prediction] = predictor.predict([portrait], flip=True)
    assert prediction.warnings(0) == ()
    assert prediction.readings[0].possible
    crop = crop_face(read_image(portrait), prediction.photo.faces[0].face)
    tiny = cv2.resize(crop, (12, 12), interpolation=cv2.INTER_AREA)
    assert {"small (12 px)", "blurred"} <= set(warnings(predictor, tiny))


def test_a_detector_finds_no_face_in_noise(predictor: Predictor):
    [prediction] = predictor.predict([np.random.default_rng(1).integers(0, 256, (240, 240, 3), dtype=np.uint8)])
    assert prediction.photo.faces == ()


def test_drawn_faces_are_mostly_taken_for_faces(predictor: Predictor):
    # A limit that the documents name: features alone do not tell a clean drawing from a photograph.
    crops = [read_image(SchematicSource().read(sample_id(0, index))) for index in range(16)]
    readings = predictor.read(crops, flip=True)
    assert sum(reading.unfamiliar for reading in readings) < 16
    assert all(reading.stands is not None for reading in readings)
